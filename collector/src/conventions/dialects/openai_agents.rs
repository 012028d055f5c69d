//! The OpenAI Agents SDK keeps no request: what its instrumentations call the request's model is the response's.

use super::Seen;
use crate::conventions::span::undated;

pub(super) fn speaks(seen: &Seen<'_, '_>) -> bool {
    seen.scope.contains("openai_agents") || seen.scope.contains("openai-agents")
}

pub(super) fn refine(_seen: &Seen<'_, '_>, row: &mut schema::Span) {
    if row.response_id.is_some()
        && let Some(model) = &row.request_model
    {
        row.response_model.get_or_insert_with(|| model.clone());
        row.request_model = Some(undated(model).to_owned());
    }
}
