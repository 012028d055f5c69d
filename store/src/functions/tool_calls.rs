//! `karat_tool_calls(messages)`.

use datafusion::logical_expr::ScalarUDF;
use serde_json::{Value, json};

use super::function::Make;
use super::text_of_text::text_of_text;
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "karat_tool_calls",
    syntax: "karat_tool_calls(messages) -> text",
    doc: "The tool calls that messages ask for, as a JSON list of {id, name, arguments}, out of a JSON list of {role, parts} such as \
          output_messages. Arguments that are JSON inside a text are read.",
    section: Section::Text,
    defaults: "",
    nulls: "Null where the messages are null, are not JSON, or ask for none.",
    error: "",
    make: Make::Scalar(make),
};

fn make() -> ScalarUDF {
    text_of_text(FUNCTION.name, tool_calls)
}

/// Finds the tool calls in messages; most have none, and are not parsed.
fn tool_calls(messages: &str) -> Option<String> {
    if !messages.contains("\"tool_call\"") {
        return None;
    }
    let messages = serde_json::from_str::<Value>(messages).ok()?;
    let parts = messages.as_array()?.iter().filter_map(|message| message.get("parts")?.as_array()).flatten();
    let calls = parts.filter(|part| part.get("type").and_then(Value::as_str) == Some("tool_call"));
    let calls = calls.map(|call| json!({"id": call.get("id"), "name": call.get("name"), "arguments": call.get("arguments").map(read)}));
    let calls = calls.collect::<Vec<_>>();
    (!calls.is_empty()).then(|| Value::Array(calls).to_string())
}

/// Reads JSON that was sent as a text; other text stays text.
fn read(arguments: &Value) -> Value {
    let text = arguments.as_str().filter(|text| text.trim_start().starts_with(['{', '[']));
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| arguments.clone())
}

#[cfg(test)]
mod tests {
    use super::tool_calls;

    #[track_caller]
    fn check(messages: &str, expect: Option<&str>) {
        assert_eq!(tool_calls(messages).as_deref(), expect);
    }

    #[test]
    fn calls_are_found_in_order() {
        check(
            r#"[{"role":"assistant","parts":[{"type":"text","content":"hm"},{"type":"tool_call","id":"a","name":"f","arguments":{"x":1}},
                {"type":"tool_call","id":"b","name":"g","arguments":"{\"y\":2}"},{"type":"tool_call","name":"h","arguments":"plain"}]}]"#,
            Some(
                r#"[{"arguments":{"x":1},"id":"a","name":"f"},{"arguments":{"y":2},"id":"b","name":"g"},{"arguments":"plain","id":null,"name":"h"}]"#,
            ),
        );
    }

    #[test]
    fn what_is_no_call_is_null() {
        check(r#"[{"role":"assistant","parts":[{"type":"text","content":"the word \"tool_call\" alone"}]}]"#, None);
        check("no json with \"tool_call\"", None);
        check(&format!("{}\"tool_call\"", "[".repeat(200_000)), None);
    }
}
