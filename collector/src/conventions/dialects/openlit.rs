//! OpenLIT gives a call of a tool the item's id of the Responses API in its messages, and the call's id beside them.

use serde_json::Value;

use super::Seen;
use crate::conventions::value;

pub(super) fn speaks(seen: &Seen<'_, '_>) -> bool {
    seen.scope.starts_with("openlit")
}

pub(super) fn refine(seen: &Seen<'_, '_>, row: &mut schema::Span) {
    let Some(output) = row.output_messages.as_deref().filter(|output| row.is_llm_call && output.contains("\"id\":\"fc_")) else { return };
    let Some(ids) = seen.gathered.exact("gen_ai.tool.call.id").and_then(value::text) else { return };
    let Ok(mut messages) = serde_json::from_str::<Vec<Value>>(output) else { return };
    let parts = messages.iter_mut().filter_map(|message| message["parts"].as_array_mut()).flatten();
    for (part, id) in parts.filter(|part| part["type"] == "tool_call").zip(ids.split(',').map(str::trim)) {
        part["id"] = id.into();
    }
    row.output_messages = Some(Value::Array(messages).to_string());
}
