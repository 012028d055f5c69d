//! LiteLLM names models with their route, makes up response ids, and repeats each call in a raw child span.

use super::Seen;
use crate::conventions::provider::without_route;
use crate::conventions::value;

pub(super) fn speaks(seen: &Seen<'_, '_>) -> bool {
    seen.scope == "litellm" || seen.scope.ends_with(".litellm")
}

pub(super) fn refine(seen: &Seen<'_, '_>, row: &mut schema::Span) {
    for model in [&mut row.request_model, &mut row.response_model] {
        if let Some(found) = model {
            *model = Some(without_route(found).to_owned());
        }
    }
    if row.name == "raw_gen_ai_request" {
        row.is_llm_call = false;
        let id = |key: &str| key.strip_prefix("llm.").and_then(|rest| rest.strip_suffix(".id")).is_some_and(|provider| !provider.contains('.'));
        let found = seen.input.span.attributes.iter().find(|attribute| id(&attribute.key));
        row.response_id = found.and_then(|attribute| attribute.value.as_ref()).and_then(value::text).map(str::to_owned);
    }
    row.response_id = row.response_id.take().filter(|id| !is_made_up(id));
    if row.response_model == row.request_model && seen.scope != "litellm" {
        row.response_model = None;
    }
}

/// LiteLLM's own ids are UUIDs, bare or after `chatcmpl-`.
fn is_made_up(id: &str) -> bool {
    let id = id.strip_prefix("chatcmpl-").unwrap_or(id);
    id.len() == 36 && id.bytes().enumerate().all(|(at, byte)| if matches!(at, 8 | 13 | 18 | 23) { byte == b'-' } else { byte.is_ascii_hexdigit() })
}
