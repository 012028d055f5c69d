//! `karat_input_text(messages)` and `karat_output_text(messages)`.

use std::sync::Arc;

use arrow::array::{Array, AsArray, StringViewBuilder};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use serde_json::Value;

use super::{Function, Make};

pub(super) const INPUT: Function = Function {
    name: "karat_input_text",
    syntax: "karat_input_text(messages) -> text",
    doc: "The text of the last message of the user, out of a JSON list of {role, parts} such as input_messages. Null where the user said nothing.",
    make: Make::Scalar(input),
};

pub(super) const OUTPUT: Function = Function {
    name: "karat_output_text",
    syntax: "karat_output_text(messages) -> text",
    doc: "The text of the first message that has any, out of a JSON list of {role, parts} such as output_messages. Null where none has.",
    make: Make::Scalar(output),
};

fn input() -> ScalarUDF {
    ScalarUDF::from(MessageText::new(INPUT.name, true))
}

fn output() -> ScalarUDF {
    ScalarUDF::from(MessageText::new(OUTPUT.name, false))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct MessageText {
    name: &'static str,
    is_input: bool,
    signature: Signature,
}

impl MessageText {
    fn new(name: &'static str, is_input: bool) -> Self {
        Self { name, is_input, signature: Signature::uniform(1, vec![DataType::Utf8View], Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for MessageText {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let lists = columns[0].as_string_view();
        let mut found = StringViewBuilder::with_capacity(lists.len());
        for messages in lists {
            found.append_option(messages.and_then(|messages| if self.is_input { input_text(messages) } else { output_text(messages) }));
        }
        Ok(ColumnarValue::Array(Arc::new(found.finish())))
    }
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
