//! Claude Code streams every call, and tells of a tool in a span, in a child of it, and in an event with the output.

use serde_json::json;

use super::Seen;
use crate::conventions::value;

pub(super) fn speaks(seen: &Seen<'_, '_>) -> bool {
    seen.scope == "com.anthropic.claude_code.tracing"
}

pub(super) fn refine(seen: &Seen<'_, '_>, row: &mut schema::Span) {
    if row.name != "claude_code.tool" {
        if row.operation.as_deref() == Some("execute_tool") {
            row.operation = None;
            row.tool_name = None;
        }
        return;
    }
    if let Some(command) = seen.gathered.exact("full_command").and_then(value::text) {
        row.tool_arguments = Some(json!({"command": command}).to_string());
    }
    let told = seen.input.span.events.iter().find(|event| event.name == "tool.output");
    let output = told.and_then(|event| event.attributes.iter().find(|attribute| attribute.key == "output"));
    if let Some(output) = output.and_then(|attribute| attribute.value.as_ref()).and_then(value::text) {
        row.tool_result = Some(output.to_owned());
    }
}
