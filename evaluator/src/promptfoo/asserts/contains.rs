//! `contains` and its family.

use serde_json::Value;

use crate::js;
use crate::promptfoo::asserts::{Grade, Question};

/// `contains`, `icontains`: the text stands in the answer.
pub(super) fn one(question: &Question<'_>) -> Result<Grade, String> {
    let wrong = || format!("{:?} must have a text or a number as its value", question.kind);
    let wanted = match question.value.ok_or_else(wrong)? {
        Value::String(text) if !text.is_empty() => text.clone(),
        number @ Value::Number(_) => js::text(number),
        _ => return Err(wrong()),
    };
    let pass = holds(question, &wanted) != question.inverse;
    Ok(Grade::pass(pass, || format!("expected the answer {}to contain {wanted:?}", question.not())))
}

/// `contains-all`, `icontains-all`.
pub(super) fn all(question: &Question<'_>) -> Result<Grade, String> {
    let wanted = list(question)?;
    let missing: Vec<&String> = wanted.iter().filter(|text| !holds(question, text)).collect();
    let pass = missing.is_empty() != question.inverse;
    Ok(Grade::pass(pass, || format!("expected the answer {}to contain all of {wanted:?}; missing {missing:?}", question.not())))
}

/// `contains-any`, `icontains-any`.
pub(super) fn any(question: &Question<'_>) -> Result<Grade, String> {
    let wanted = list(question)?;
    let pass = wanted.iter().any(|text| holds(question, text)) != question.inverse;
    Ok(Grade::pass(pass, || format!("expected the answer {}to contain one of {wanted:?}", question.not())))
}

/// JavaScript's `toLowerCase`: no folding beyond that.
fn holds(question: &Question<'_>, wanted: &str) -> bool {
    if question.kind.starts_with('i') {
        question.output().to_lowercase().contains(&wanted.to_lowercase())
    } else {
        question.output().contains(wanted)
    }
}

fn list(question: &Question<'_>) -> Result<Vec<String>, String> {
    let wrong = || format!("{:?} must have a list as its value, or a text with commas", question.kind);
    match question.value.filter(|value| js::truthy(value)).ok_or_else(wrong)? {
        Value::Array(items) => Ok(items.iter().map(js::text).collect()),
        Value::String(text) => comma_separated(text),
        _ => Err(wrong()),
    }
}

/// Splits at commas; fields in quotes may hold commas, and quotes as `""` or `\"`.
pub(crate) fn comma_separated(text: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        if rest.is_empty() {
            return Ok(fields);
        }
        if let Some(quoted) = rest.strip_prefix('"') {
            let (field, after) = quoted_field(quoted)?;
            rest = after.trim_start();
            if !rest.is_empty() && !rest.starts_with(',') {
                return Err("a comma is missing after a quoted field".to_owned());
            }
            fields.push(field);
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            fields.push(rest[..end].trim().to_owned());
            rest = &rest[end..];
        }
    }
}

/// Reads to the closing quote, and returns the field with what follows.
fn quoted_field(text: &str) -> Result<(String, &str), String> {
    let mut field = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        match (c, next) {
            ('\\', Some(escaped @ ('"' | '\\'))) | ('"', Some(escaped @ '"')) => {
                field.push(escaped);
                chars.next();
            }
            ('"', _) => return Ok((field, &text[at + 1..])),
            _ => field.push(c),
        }
    }
    Err("a quoted field has no end".to_owned())
}

#[cfg(test)]
mod tests {
    use super::comma_separated;

    #[test]
    fn fields_may_be_quoted() {
        assert_eq!(comma_separated(r#" a, "b, c" ,"d""e","f\"g",, h "#).unwrap(), ["a", "b, c", "d\"e", "f\"g", "h"]);
        assert!(comma_separated("\"a").is_err());
        assert!(comma_separated("\"a\" b").is_err());
    }
}
