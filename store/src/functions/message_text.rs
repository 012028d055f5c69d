//! `karat_input_text(messages)` and `karat_output_text(messages)`.

use datafusion::logical_expr::ScalarUDF;
use serde_json::Value;

use super::function::Make;
use super::text_of_text::text_of_text;
use super::{Function, Section};

pub(super) const INPUT: Function = Function {
    name: "karat_input_text",
    syntax: "karat_input_text(messages) -> text",
    doc: "The text of the last message of the user, out of a JSON list of {role, parts} such as input_messages.",
    section: Section::Text,
    defaults: "",
    nulls: "Null where the messages are null, are not JSON, or the user said nothing.",
    error: "",
    make: Make::Scalar(input),
};

pub(super) const OUTPUT: Function = Function {
    name: "karat_output_text",
    syntax: "karat_output_text(messages) -> text",
    doc: "The text of the first message that has any, out of a JSON list of {role, parts} such as output_messages.",
    section: Section::Text,
    defaults: "",
    nulls: "Null where the messages are null, are not JSON, or none has text.",
    error: "",
    make: Make::Scalar(output),
};

fn input() -> ScalarUDF {
    text_of_text(INPUT.name, input_text)
}

fn output() -> ScalarUDF {
    text_of_text(OUTPUT.name, output_text)
}

fn input_text(messages: &str) -> Option<String> {
    let Value::Array(messages) = serde_json::from_str(messages).ok()? else { return None };
    messages.iter().rev().filter(|message| message["role"] == "user").find_map(text)
}

fn output_text(messages: &str) -> Option<String> {
    let Value::Array(messages) = serde_json::from_str(messages).ok()? else { return None };
    messages.iter().find_map(text)
}

/// The text parts of a message, a line each.
fn text(message: &Value) -> Option<String> {
    let parts = message["parts"].as_array()?.iter().filter(|part| part["type"] == "text");
    let texts: Vec<&str> = parts.filter_map(|part| part["content"].as_str()).filter(|text| !text.is_empty()).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::{input_text, output_text};

    const MESSAGES: &str = r#"[{"role":"user","parts":[{"type":"text","content":"a"}]},{"role":"assistant","parts":[{"type":"tool_call"}]},
        {"role":"user","parts":[{"type":"text","content":"b"},{"type":"text","content":"c"}]},{"role":"tool","parts":[]}]"#;

    #[test]
    fn the_last_of_the_user_and_the_first_with_text() {
        assert_eq!(input_text(MESSAGES).as_deref(), Some("b\nc"));
        assert_eq!(output_text(MESSAGES).as_deref(), Some("a"));
        assert_eq!(input_text("not json"), None);
        assert_eq!(output_text("{}"), None);
    }
}
