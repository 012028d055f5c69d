//! OpenLLMetry's Bedrock spans cut the vendor off the model's name, and quote prompts as JSON.

use serde_json::Value;

use super::Seen;
use crate::conventions::value::unquoted;

pub(super) fn speaks(seen: &Seen<'_, '_>) -> bool {
    seen.scope.contains("bedrock")
}

pub(super) fn refine(_seen: &Seen<'_, '_>, row: &mut schema::Span) {
    if let (Some(asked), Some(answered)) = (&row.request_model, &row.response_model)
        && answered.strip_suffix(asked.as_str()).is_some_and(|vendor| vendor.ends_with('.'))
    {
        row.request_model = row.response_model.clone();
    }
    if let Some(text) = &row.input_text
        && text.starts_with('"')
        && let Some(input) = row.input_messages.as_deref()
        && let Ok(mut messages) = serde_json::from_str::<Vec<Value>>(input)
    {
        let parts = messages.iter_mut().filter_map(|message| message["parts"].as_array_mut()).flatten();
        for part in parts.filter(|part| part["type"] == "text") {
            part["content"] = Value::String(unquoted(part["content"].as_str().unwrap_or_default()).into_owned());
        }
        row.input_text = Some(unquoted(text).into_owned());
        row.input_messages = Some(Value::Array(messages).to_string());
    }
}
