//! One part of a message, in OpenTelemetry's shapes.

use serde_json::Value;

use crate::decode::json;

/// A part of a message. Nearly all are text, which needs no map.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    Text(String),
    /// A call of a tool, its answer, reasoning, a medium, or what nobody knows; never plain text.
    Other(Value),
}

impl Part {
    /// What the part is: `text`, `tool_call`, ...
    pub(super) fn kind(&self) -> &str {
        match self {
            Part::Text(_) => "text",
            Part::Other(value) => value["type"].as_str().unwrap_or_default(),
        }
    }

    /// The content, where it is text.
    pub(super) fn content(&self) -> Option<&str> {
        match self {
            Part::Text(text) => Some(text),
            Part::Other(value) => value["content"].as_str(),
        }
    }

    /// A field of a part that is not plain text.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Part::Text(_) => None,
            Part::Other(value) => value.get(key),
        }
    }

    /// Adds text to the content, where it is text.
    pub(super) fn extend(&mut self, more: &str) {
        match self {
            Part::Text(text) => text.push_str(more),
            Part::Other(value) => {
                if let Some(Value::String(text)) = value.get_mut("content") {
                    text.push_str(more);
                }
            }
        }
    }

    /// Appends the part as JSON text.
    pub(super) fn write(&self, out: &mut String) {
        match self {
            Part::Text(text) => {
                out.push_str("{\"content\":");
                json::text(out, text);
                out.push_str(",\"type\":\"text\"}");
            }
            Part::Other(value) => out.push_str(&value.to_string()),
        }
    }
}

/// Writes parts as a JSON list; nothing if there are none.
pub(super) fn list(parts: &[Part]) -> Option<String> {
    let mut out = String::new();
    json::list(&mut out, parts, |out, part| part.write(out));
    (!parts.is_empty()).then_some(out)
}

impl From<Value> for Part {
    fn from(value: Value) -> Self {
        match value {
            Value::Object(mut map) if map.len() == 2 && map.get("type").is_some_and(|kind| kind == "text") => match map.remove("content") {
                Some(Value::String(text)) => Part::Text(text),
                other => {
                    map.extend(other.map(|other| ("content".to_owned(), other)));
                    Part::Other(Value::Object(map))
                }
            },
            other => Part::Other(other),
        }
    }
}
