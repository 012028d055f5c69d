//! Log records as OTLP.

use schema::LogRecord;
use serde_json::{Value, json};

use super::{Exported, any_value, listed, object_of};

impl Exported for LogRecord {
    const LISTS: [&'static str; 3] = ["resourceLogs", "scopeLogs", "logRecords"];

    fn nanos(&self) -> i64 {
        self.time_unix_nano
    }

    fn resource(&self) -> Option<&str> {
        self.resource.as_deref()
    }

    fn scope(&self) -> [Option<&str>; 2] {
        [self.scope_name.as_deref(), self.scope_version.as_deref()]
    }

    fn item(&self) -> Value {
        // What became messages left the attributes and the body; everything else is still there.
        let messages = [
            ("gen_ai.system_instructions", &self.system_instructions),
            ("gen_ai.input.messages", &self.input_messages),
            ("gen_ai.output.messages", &self.output_messages),
            ("gen_ai.tool.definitions", &self.tool_definitions),
        ];
        let mut attributes = object_of(self.attributes.as_deref());
        attributes.extend(messages.into_iter().filter_map(|(key, text)| Some((key.to_owned(), json!(text.as_ref()?)))));
        let mut item = json!({
            "timeUnixNano": self.time_unix_nano.to_string(),
            "severityNumber": self.severity_number.unwrap_or_default(),
            "severityText": self.severity_text.clone().unwrap_or_default(),
            "eventName": self.event_name.clone().unwrap_or_default(),
            "traceId": self.trace_id.map(|id| id.to_string()).unwrap_or_default(),
            "spanId": self.span_id.map(|id| id.to_string()).unwrap_or_default(),
            "attributes": listed(&attributes),
        });
        if let Some(body) = &self.body {
            item["body"] = any_value(&body_of(body));
        }
        item
    }
}

/// Reads a body: text, or the structure that was sent, which the column holds without spaces and with sorted keys.
fn body_of(text: &str) -> Value {
    let structure = serde_json::from_str::<Value>(text).ok().filter(|value| value.is_object() || value.is_array());
    structure.filter(|value| serde_json::to_string(value).is_ok_and(|written| written == text)).unwrap_or_else(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_structure_only_where_it_is_written_as_one() {
        assert_eq!(body_of(r#"{"a":1,"b":[true]}"#), json!({"a": 1, "b": [true]}));
        for text in ["a word", "true", "7", r#"{"a": 1}"#, r#"{"b":1,"a":2}"#, "{"] {
            assert_eq!(body_of(text), Value::String(text.to_owned()));
        }
    }
}
