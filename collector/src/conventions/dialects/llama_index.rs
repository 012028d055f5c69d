//! OpenInference's LlamaIndex spans call the preparation of a call an LLM span, and quote answers as Python in the steps around.

use super::Seen;
use crate::conventions::keys::Slot;
use crate::conventions::value;

pub(super) fn speaks(seen: &Seen<'_, '_>) -> bool {
    seen.scope.ends_with("llama_index") || seen.scope.ends_with("llamaindex")
}

pub(super) fn refine(seen: &Seen<'_, '_>, row: &mut schema::Span) {
    if row.name.ends_with("_prepare_chat_with_tools") {
        row.is_llm_call = false;
        row.operation = Some("invoke_workflow".to_owned());
    }
    if row.is_llm_call || row.operation.as_deref() == Some("execute_tool") {
        return;
    }
    for source in seen.gathered.of(Slot::Input).chain(seen.gathered.of(Slot::Output)) {
        let Some(text) = seen.gathered.value(source.at).and_then(value::text) else { continue };
        quoted(&mut row.agent_name, text, "current_agent_name='");
        quoted_json(&mut row.agent_name, text, "\"current_agent_name\": \"");
        if let Some((_, raw)) = text.split_once("raw={'id': '") {
            quoted(&mut row.response_id, text, "raw={'id': '");
            quoted(&mut row.response_model, raw, "'model': '");
        }
    }
}

/// The same, where the step was recorded as JSON.
fn quoted_json(place: &mut Option<String>, text: &str, before: &str) {
    if let Some((_, rest)) = text.split_once(before).filter(|_| place.is_none()) {
        *place = rest.split_once('"').map(|(found, _)| found.to_owned()).filter(|found| !found.is_empty() && found.len() <= 256);
    }
}

/// Takes the text between `before` and the next quote.
fn quoted(place: &mut Option<String>, text: &str, before: &str) {
    if place.is_none()
        && let Some((_, rest)) = text.split_once(before)
        && let Some((found, _)) = rest.split_once('\'')
        && !found.is_empty()
        && found.len() <= 256
    {
        *place = Some(found.to_owned());
    }
}
