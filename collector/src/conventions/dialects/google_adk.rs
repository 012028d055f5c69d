//! ADK sends a thought as a plain text part before the answer; only the count of reasoning tokens gives it away.

use serde_json::Value;

use super::Seen;

pub(super) fn speaks(seen: &Seen<'_, '_>) -> bool {
    seen.scope == "gcp.vertex.agent"
}

pub(super) fn refine(_seen: &Seen<'_, '_>, row: &mut schema::Span) {
    if row.reasoning_tokens.unwrap_or(0) == 0 {
        return;
    }
    let Some(mut messages) = row.output_messages.as_deref().and_then(|output| serde_json::from_str::<Vec<Value>>(output).ok()) else { return };
    let Some(parts) = messages.first_mut().and_then(|message| message["parts"].as_array_mut()) else { return };
    if parts.len() < 2 || parts.iter().any(|part| part["type"] == "reasoning") || parts[0]["type"] != "text" {
        return;
    }
    parts[0]["type"] = "reasoning".into();
    let texts: Vec<&str> = parts.iter().filter(|part| part["type"] == "text").filter_map(|part| part["content"].as_str()).collect();
    row.output_text = (!texts.is_empty()).then(|| texts.join("\n"));
    row.output_messages = Some(Value::Array(messages).to_string());
}
