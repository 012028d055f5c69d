//! JSON as it came, laid out for reading: keys keep their order and numbers their digits.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::value::{RawValue, to_raw_value};

/// Deeper than this nobody reads, and indentation would cost more than the text.
const DEPTH_MAX: usize = 64;

/// A piece of JSON whose text was checked, and is taken apart only as far as somebody asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    /// Takes a text, if it is JSON that is not nested too deeply.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let fits = depth(text) <= DEPTH_MAX && serde_json::from_str::<IgnoredAny>(text).is_ok();
        fits.then_some(Self(text.trim()))
    }

    /// Returns the items of a list.
    pub(crate) fn items(self) -> Option<Vec<Json<'a>>> {
        let items: Vec<&'a RawValue> = serde_json::from_str(self.0).ok()?;
        Some(items.into_iter().map(|item| Json(item.get())).collect())
    }

    /// Returns the fields of an object, by name.
    pub(crate) fn fields(self) -> Option<BTreeMap<String, Json<'a>>> {
        let fields: BTreeMap<String, &'a RawValue> = serde_json::from_str(self.0).ok()?;
        Some(fields.into_iter().map(|(name, value)| (name, Json(value.get()))).collect())
    }

    /// Returns the text of a string.
    pub(crate) fn text(self) -> Option<String> {
        serde_json::from_str(self.0).ok()
    }

    /// Returns a number, also one that was sent as text.
    pub(crate) fn number(self) -> Option<f64> {
        serde_json::from_str(self.0).ok().or_else(|| self.text()?.parse().ok())
    }

    /// Returns an integer, also one that was sent as text.
    pub(crate) fn integer(self) -> Option<i64> {
        serde_json::from_str(self.0).ok().or_else(|| self.text()?.parse().ok())
    }

    /// Whether there is nothing in it: null, or an empty text, list or object.
    pub(crate) fn is_empty(self) -> bool {
        matches!(self.0, "null" | "\"\"") || self.0.strip_prefix(['[', '{']).is_some_and(|rest| matches!(rest.trim(), "]" | "}"))
    }

    /// Writes it for reading: a string as the text that it holds, anything else as JSON over several lines.
    pub(crate) fn shown(self) -> String {
        match self.text() {
            Some(text) => pretty_or_text(&text),
            None => pretty_or_text(self.0),
        }
    }
}

/// Lays out JSON over several lines; nothing where the text is not JSON, is a bare string or number, or is nested too deeply.
pub(crate) fn pretty(text: &str) -> Option<String> {
    let text = text.trim();
    if !text.starts_with(['{', '[']) {
        return None;
    }
    Json::read(text).map(|json| lay_out(json.0))
}

/// Lays out JSON where the text is some, and returns it as it is otherwise.
pub(crate) fn pretty_or_text(text: &str) -> String {
    pretty(text).unwrap_or_else(|| text.to_owned())
}

/// Takes a text over into a JSON document: as the JSON that it is, or as a string where it is none.
pub(crate) fn embed(text: &str) -> Result<Box<RawValue>, serde_json::Error> {
    match Json::read(text) {
        Some(json) => RawValue::from_string(json.0.to_owned()),
        None => to_raw_value(text),
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

    #[test]
    fn json_is_taken_apart() {
        let json = Json::read(r#" {"b":[1,"x"],"a":"{\"q\":1}","n":"2.5","e":[ ]} "#).unwrap();
        let fields = json.fields().unwrap();
        assert_eq!(fields["b"].items().unwrap()[1].text().as_deref(), Some("x"));
        assert_eq!(fields["a"].shown(), "{\n  \"q\": 1\n}");
        assert_eq!((fields["n"].number(), fields["n"].integer(), fields["e"].is_empty(), fields["b"].is_empty()), (Some(2.5), None, true, false));
        assert!(json.items().is_none() && Json::read("{").is_none());
        assert_eq!(embed("plain").unwrap().get(), "\"plain\"");
    }

    /// Nesting is the sender's to choose; neither the stack nor the page may grow with it.
    #[test]
    fn deep_nesting_is_left_alone() {
        let deep = "[".repeat(200_000) + &"]".repeat(200_000);
        assert_eq!(pretty(&deep), None);
        assert!(embed(&deep).unwrap().get().starts_with('"'));
    }
}
