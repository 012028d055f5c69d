//! Where nunjucks reads a template otherwise than minijinja does, which would take another branch without a word.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Serde, Value as Jinja, ValueKind};
use serde_json::Value;

/// What `.length` is called instead, so that every kind of value can be asked.
pub(crate) const LENGTH: &str = "js_length";

/// A value as nunjucks sees it: lists and objects are true when they are empty, too, and a list knows its `length`.
pub(crate) fn value(value: &Value) -> Jinja {
    match value {
        Value::Array(items) => Jinja::from_object(List(items.iter().map(self::value).collect())),
        Value::Object(fields) => Jinja::from_object(Fields(fields.iter().map(|(key, field)| (key.clone(), self::value(field))).collect())),
        scalar => Jinja::from(Serde(scalar)),
    }
}

/// `value.length`: UTF-16 units of a text, items of a list, an object's own field, and nothing of anything else.
pub(crate) fn length(value: &Jinja) -> Jinja {
    match value.kind() {
        ValueKind::String => Jinja::from(value.as_str().unwrap_or_default().encode_utf16().count()),
        ValueKind::Seq | ValueKind::Iterable => value.len().map_or(Jinja::UNDEFINED, Jinja::from),
        ValueKind::Map | ValueKind::Plain => value.get_attr("length").unwrap_or_default(),
        _ => Jinja::UNDEFINED,
    }
}

#[derive(Debug)]
struct List(Vec<Jinja>);

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Jinja) -> Option<Jinja> {
        match key.as_str() {
            Some("length") => Some(Jinja::from(self.0.len())),
            Some(_) => None,
            None => self.0.get(key.as_usize()?).cloned(),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.len())
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }
}

#[derive(Debug)]
struct Fields(BTreeMap<String, Jinja>);

impl Object for Fields {
    fn get_value(self: &Arc<Self>, key: &Jinja) -> Option<Jinja> {
        self.0.get(key.as_str()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(|key| Jinja::from(key.as_str())).collect())
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }
}

/// The template with `.length` as a call, which binds as it does. Errors on a negative index: in nunjucks it is nothing, here it would be an item.
pub(crate) fn rewritten(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = ["{{", "{%", "{#"].iter().filter_map(|open| rest.find(open)).min() {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = match &rest[..2] {
            "{#" => rest.find("#}").map_or(rest.len(), |end| end + 2),
            "{%" if tag(rest) == "raw" => end_of_raw(rest),
            open => {
                let close = if open == "{{" { "}}" } else { "%}" };
                let end = end_of_code(rest, close);
                out.push_str(&code(&rest[..end])?);
                rest = &rest[end..];
                continue;
            }
        };
        out.push_str(&rest[..end]);
        rest = &rest[end..];
    }
    out.push_str(rest);
    Ok(out)
}

/// The name of the tag that a text begins with.
fn tag(text: &str) -> &str {
    let inner = text[2..].trim_start_matches(['-', '+']).trim_start();
    &inner[..inner.find(|c: char| !is_word(c)).unwrap_or(inner.len())]
}

fn end_of_raw(text: &str) -> usize {
    let ends = text.match_indices("{%").skip(1).find(|(at, _)| tag(&text[*at..]) == "endraw");
    ends.map_or(text.len(), |(at, _)| at)
}

/// Where the code ends that a text begins with: at the mark that stands in no string and in no bracket.
fn end_of_code(text: &str, close: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 2);
    while let Some(c) = text[at..].chars().next() {
        match c {
            _ if depth == 0 && text[at..].starts_with(close) => return at + 2,
            '"' | '\'' => {
                at = end_of_string(text, at);
                continue;
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += c.len_utf8();
    }
    text.len()
}

/// Where the string ends that begins here.
fn end_of_string(text: &str, at: usize) -> usize {
    let quote = text[at..].chars().next();
    let mut escaped = false;
    for (index, c) in text[at..].char_indices().skip(1) {
        if !escaped && Some(c) == quote {
            return at + index + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

fn code(text: &str) -> Result<String, String> {
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    while let Some(c) = text[at..].chars().next() {
        let after = &text[at + c.len_utf8()..];
        let end = match c {
            '"' | '\'' => end_of_string(text, at),
            '.' if names_length(after) => {
                out.push('.');
                out.push_str(LENGTH);
                out.push_str("()");
                at = text.len() - after.trim_start().len() + "length".len();
                continue;
            }
            '[' if out.trim_end().ends_with(|c: char| is_word(c) || matches!(c, ')' | ']' | '"' | '\'')) && is_negative(after) => {
                return Err("a negative index is nothing in nunjucks; write `| last` for the last item".to_owned());
            }
            _ => at + c.len_utf8(),
        };
        out.push_str(&text[at..end]);
        at = end;
    }
    Ok(out)
}

/// Whether the attribute's name that begins here is `length`, and no method of that name.
fn names_length(after: &str) -> bool {
    let rest = after.trim_start().strip_prefix("length");
    rest.is_some_and(|rest| !rest.starts_with(is_word) && !rest.trim_start().starts_with('('))
}

/// Whether the index that begins here is a number below 0.
fn is_negative(after: &str) -> bool {
    let number = after.trim_start().strip_prefix('-').map(str::trim_start);
    number.is_some_and(|number| {
        let rest = number.trim_start_matches(|c: char| c.is_ascii_digit());
        rest.len() < number.len() && rest.trim_start().starts_with(']') && number.trim_start_matches('0').starts_with(|c: char| c.is_ascii_digit())
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        assert_eq!(rewritten(text).as_deref(), Ok(expect));
    }

    #[test]
    fn only_the_attribute_is_rewritten() {
        check("a.length {{ a.length }} {% if b . length > 0 %}é.length", "a.length {{ a.js_length() }} {% if b .js_length() > 0 %}é.length");
        check(r#"{{ "x.length" }}{{ 'it\'s .length' ~ a.length }}"#, r#"{{ "x.length" }}{{ 'it\'s .length' ~ a.js_length() }}"#);
        check(
            "{# a.length #}{% raw %}{{ a.length }}{% endraw %}{{ a.length}}",
            "{# a.length #}{% raw %}{{ a.length }}{% endraw %}{{ a.js_length()}}",
        );
        check("{{ a | length }}{{ a.lengths }}{{ a.length() }}{{ length }}", "{{ a | length }}{{ a.lengths }}{{ a.length() }}{{ length }}");
        check("{{ {'a': {'b': x.length}}.a.b }} {{ a.length", "{{ {'a': {'b': x.js_length()}}.a.b }} {{ a.js_length()");
        check("{{ \"}}\" ~ a.length }}{{", "{{ \"}}\" ~ a.js_length() }}{{");
    }

    #[test]
    fn negative_indexes_are_refused() {
        for text in ["{{ a[-1] }}", "{% if a.b[ -2 ] %}", "{{ f(x)[-1] }}"] {
            assert!(rewritten(text).is_err(), "{text}");
        }
        for text in ["{{ a[1] }} [-1]", "{{ [-1] }}", "{{ a[b -1] }}", "{{ a[-0] }}", "{{ 'a[-1]' }}", "{{ a[-2:] }}"] {
            check(text, text);
        }
    }
}
