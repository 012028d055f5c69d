//! JSON as it came, laid out for reading: keys keep their order and numbers their digits.

use serde::de::IgnoredAny;
use serde_json::Value;

/// Deeper than this nobody reads, and indentation would cost more than the text.
const DEPTH_MAX: usize = 64;

/// Lays out JSON over several lines; nothing where the text is not JSON, is a bare string or number, or is nested too deeply.
pub(crate) fn pretty(text: &str) -> Option<String> {
    let text = text.trim();
    if !text.starts_with(['{', '[']) || depth(text) > DEPTH_MAX {
        return None;
    }
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    Some(lay_out(text))
}

/// Lays out JSON where the text is some, and returns it as it is otherwise.
pub(crate) fn pretty_or_text(text: &str) -> String {
    pretty(text).unwrap_or_else(|| text.to_owned())
}

/// Parses JSON, or wraps what is not JSON (or nested too deeply) as text.
pub(crate) fn value_or_text(text: &str) -> Value {
    if depth(text) > DEPTH_MAX {
        return Value::String(text.to_owned());
    }
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// Writes a value for reading: text as it is, everything else as JSON over several lines.
pub(crate) fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => pretty_or_text(text),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

/// Counts how deep brackets are nested, those inside of strings left out.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn lay_out(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 5 / 4);
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if in_string {
            out.push(c);
            (in_string, escaped) = (escaped || c != '"', !escaped && c == '\\');
            continue;
        }
        match c {
            '"' => {
                in_string = true;
                out.push(c);
            }
            '{' | '[' => {
                out.push(c);
                while chars.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(close) = chars.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => out.push(c),
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    for _ in 0..depth {
        out.push_str("  ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_laid_out_and_keeps_order_and_digits() {
        let text = r#"{"b":1.00000000000000000001,"a":[1, {"x" : "q, \"{\" \\"}],"e":{ },"n":null}"#;
        let expect = "{\n  \"b\": 1.00000000000000000001,\n  \"a\": [\n    1,\n    {\n      \"x\": \"q, \\\"{\\\" \\\\\"\n    }\n  ],\n  \"e\": {},\n  \"n\": null\n}";
        assert_eq!(pretty(text).as_deref(), Some(expect));
    }

    #[test]
    fn what_is_not_json_stays_as_it_is() {
        for text in ["", "plain", "{cut", "12", "\"x\"", "{\"a\":1} trailing"] {
            assert_eq!(pretty(text), None, "{text}");
        }
    }

    /// Nesting is the sender's to choose; neither the stack nor the page may grow with it.
    #[test]
    fn deep_nesting_is_left_alone() {
        let deep = "[".repeat(200_000) + &"]".repeat(200_000);
        assert_eq!(pretty(&deep), None);
        assert!(value_or_text(&deep).is_string());
    }
}
