//! Tools that a model may call: from the forms that suites write to Converse's, and its calls back.

use aws_sdk_bedrockruntime::error::BuildError;
use aws_sdk_bedrockruntime::types::{
    AnyToolChoice, AutoToolChoice, SpecificToolChoice, Tool, ToolChoice, ToolConfiguration, ToolInputSchema, ToolSpecification, ToolUseBlock,
};
use serde_json::{Value, json};

use crate::bedrock::document::{self, document};

/// Tools and the choice among them; nothing where there is none, or where none is to be called.
pub(super) fn configuration(tools: &[Value], choice: Option<&Value>) -> Result<Option<ToolConfiguration>, String> {
    if tools.is_empty() || choice.and_then(Value::as_str) == Some("none") {
        return Ok(None);
    }
    let unbuilt = |error: BuildError| error.to_string();
    let mut all = ToolConfiguration::builder();
    for tool in tools {
        all = all.tools(Tool::ToolSpec(specification(tool)?));
    }
    all.set_tool_choice(choice.map(choice_of).transpose()?).build().map(Some).map_err(unbuilt)
}

/// One tool in Converse's own form, OpenAI's, Anthropic's or plain.
fn specification(tool: &Value) -> Result<ToolSpecification, String> {
    let inner = tool.get("toolSpec").or_else(|| tool.get("function")).unwrap_or(tool);
    let wrong = || format!("{tool} is no tool: it needs a name, and a JSON schema of its parameters");
    let name = inner.get("name").and_then(Value::as_str).ok_or_else(wrong)?;
    let schema = inner.pointer("/inputSchema/json").or_else(|| inner.get("parameters")).or_else(|| inner.get("input_schema"));
    let schema = schema.cloned().unwrap_or_else(|| json!({"type": "object", "properties": {}}));
    let description = inner.get("description").and_then(Value::as_str).map(str::to_owned);
    let built = ToolSpecification::builder().name(name).set_description(description).input_schema(ToolInputSchema::Json(document(&schema))).build();
    built.map_err(|error| error.to_string())
}

fn choice_of(choice: &Value) -> Result<ToolChoice, String> {
    let kind = choice.as_str().or_else(|| choice.get("type").and_then(Value::as_str)).unwrap_or_default();
    let name = ["/tool/name", "/function/name", "/name"].iter().find_map(|path| choice.pointer(path)?.as_str());
    match (name, kind) {
        (Some(name), _) => SpecificToolChoice::builder().name(name).build().map(ToolChoice::Tool).map_err(|error| error.to_string()),
        (None, "auto") => Ok(ToolChoice::Auto(AutoToolChoice::builder().build())),
        (None, "any" | "required") => Ok(ToolChoice::Any(AnyToolChoice::builder().build())),
        _ if choice.get("auto").is_some() => Ok(ToolChoice::Auto(AutoToolChoice::builder().build())),
        _ if choice.get("any").is_some() => Ok(ToolChoice::Any(AnyToolChoice::builder().build())),
        _ => Err(format!("{choice} is no choice of a tool: write auto, any, none, or {{tool: {{name: <name>}}}}")),
    }
}

/// A call as promptfoo prints it.
pub(super) fn call(block: &ToolUseBlock) -> String {
    json!({"type": "tool_use", "id": block.tool_use_id(), "name": block.name(), "input": document::json(block.input())}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_read_in_every_form() {
        let schema = json!({"type": "object"});
        for tool in [
            json!({"toolSpec": {"name": "f", "inputSchema": {"json": schema}}}),
            json!({"type": "function", "function": {"name": "f", "parameters": schema}}),
            json!({"name": "f", "input_schema": schema}),
        ] {
            let found = configuration(&[tool], Some(&json!("required"))).unwrap().unwrap();
            let spec = found.tools()[0].as_tool_spec().unwrap();
            assert_eq!((spec.name(), document::json(spec.input_schema().unwrap().as_json().unwrap())), ("f", schema.clone()));
            assert!(found.tool_choice().is_some_and(ToolChoice::is_any));
        }
        let tool = [json!({"name": "f"})];
        assert!(configuration(&tool, Some(&json!("none"))).unwrap().is_none());
        let named = configuration(&tool, Some(&json!({"type": "function", "function": {"name": "f"}}))).unwrap().unwrap();
        assert!(named.tool_choice().is_some_and(ToolChoice::is_tool));
        assert!(configuration(&[json!({})], None).unwrap_err().contains("is no tool"));
        assert!(configuration(&tool, Some(&json!("perhaps"))).unwrap_err().contains("is no choice"));
    }
}
