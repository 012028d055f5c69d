//! Finds objects in prose the way promptfoo does: braces that YAML's flow style can read.

use serde_json::Value;

/// Bytes of one object that are looked at.
const LENGTH_MAX: usize = 100_000;

/// The objects in a text, outermost ones first: unquoted keys, trailing commas and a missing end are forgiven.
pub(crate) fn objects_in(text: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut from = 0;
    // A text that opens a thousand braces and closes none is given up on.
    for _ in 0..1_000 {
        let Some(start) = text[from..].find('{').map(|at| from + at) else { break };
        match object_at(text, start) {
            Some((value, end)) => {
                found.push(value);
                from = end;
            }
            None => from = start + 1,
        }
    }
    found
}

/// Reads the object that begins here, to its closing brace or to the end of the text.
fn object_at(text: &str, start: usize) -> Option<(Value, usize)> {
    let mut open = 0_usize;
    for (at, c) in text[start..].char_indices() {
        match c {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        let end = start + at + c.len_utf8();
        if open == 0 || end == text.len() || end - start >= LENGTH_MAX {
            let candidate = format!("{}{}", &text[start..end], "}".repeat(open));
            return parse(&candidate).map(|value| (value, end));
        }
    }
    None
}

fn parse(text: &str) -> Option<Value> {
    let value: serde_yaml_ng::Value = serde_yaml_ng::from_str(&slashes_to_hashes(text)).ok()?;
    let value = plain(value)?;
    (value.is_object() || value.is_array()).then_some(value)
}

/// YAML's value as JSON's: keys become text.
fn plain(value: serde_yaml_ng::Value) -> Option<Value> {
    use serde_yaml_ng::Value as Yaml;
    Some(match value {
        Yaml::Sequence(items) => Value::Array(items.into_iter().map(plain).collect::<Option<_>>()?),
        Yaml::Mapping(fields) => {
            let field = |(key, value)| Some((crate::js::text(&plain(key)?), plain(value)?));
            Value::Object(fields.into_iter().map(field).collect::<Option<_>>()?)
        }
        Yaml::Tagged(_) => return None,
        scalar => serde_json::to_value(scalar).ok()?,
    })
}

/// Comments of JavaScript become YAML's, outside of quotes.
fn slashes_to_hashes(text: &str) -> String {
    text.split('\n').map(line_with_hashes).collect::<Vec<_>>().join("\n")
}

fn line_with_hashes(line: &str) -> String {
    let (mut quote, mut before) = (None, ' ');
    let bytes = line.as_bytes();
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open && before != '\\' => quote = None,
            (None, '"') => quote = Some('"'),
            (None, '\'') if !before.is_ascii_alphabetic() => quote = Some('\''),
            (None, '/') if bytes.get(at + 1) == Some(&b'/') => return format!("{}#{}", &line[..at], &line[at + 2..]),
            _ => {}
        }
        before = c;
    }
    line.to_owned()
}

#[cfg(test)]
mod tests {
    use super::objects_in;
    use serde_json::json;

    #[test]
    fn objects_are_found_in_prose() {
        assert_eq!(objects_in("Sure: {a: 1, \"b\": [1, 2,],} and {\"c\": {\"d\": 2}}."), [json!({"a": 1, "b": [1, 2]}), json!({"c": {"d": 2}})]);
        assert_eq!(objects_in("cut {\"a\": {\"b\": 1"), [json!({"a": {"b": 1}})]);
        assert!(objects_in("[1, 2] 3 }").is_empty());
    }
}
