//! Logfire reports a streamed call twice: a span that ends when the stream opens, and one with the answer when it closes.

use super::Seen;

pub(super) fn speaks(seen: &Seen<'_, '_>) -> bool {
    seen.scope.starts_with("logfire.")
}

pub(super) fn refine(_seen: &Seen<'_, '_>, row: &mut schema::Span) {
    let answered = row.output_messages.is_some() || row.output_tokens.is_some() || row.input_tokens.is_some() || row.response_id.is_some();
    if row.is_llm_call && !answered && row.status != "error" {
        row.is_llm_call = false;
    }
}
