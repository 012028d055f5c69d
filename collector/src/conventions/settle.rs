//! Leaves one span to speak for each call, among the spans of one request.
//!
//! An SDK that traces itself lies under an instrumentor that reports the same call, and a wrapper repeats what its children did.

use std::collections::HashMap;

use schema::{LogRecord, Span, SpanId, TraceId};

/// How far up a call's ancestors are looked at.
const ANCESTORS_MAX: usize = 64;

/// Resolves calls that several spans of one request report; the span that stays knows what all of them knew.
pub fn settle(spans: &mut [Span], _logs: &mut [LogRecord]) {
    let calls = spans.iter().filter(|span| span.is_llm_call).count();
    if calls < 2 {
        return;
    }
    nested(spans);
    repeated(spans);
}

/// A call around calls: one inside that is the same call is merged into it, otherwise it is a wrapper.
fn nested(spans: &mut [Span]) {
    let by_id: HashMap<(TraceId, SpanId), usize> = spans.iter().enumerate().map(|(at, span)| ((span.trace_id, span.span_id), at)).collect();
    let mut inner: HashMap<usize, Vec<usize>> = HashMap::new();
    for (at, span) in spans.iter().enumerate().filter(|(_, span)| span.is_llm_call) {
        if let Some(outer) = call_around(spans, &by_id, span) {
            inner.entry(outer).or_default().push(at);
        }
    }
    let mut outers: Vec<usize> = inner.keys().copied().collect();
    outers.sort_by_key(|at| spans[*at].start_unix_nano);
    for outer in outers.into_iter().rev() {
        let Some(children) = inner.get(&outer) else { continue };
        if !children.iter().any(|child| same_kind(&spans[outer], &spans[*child])) {
            continue;
        }
        match children.as_slice() {
            [child] if is_same_call(&spans[outer], &spans[*child]) => {
                let knowledge = spans[outer].clone();
                absorb(&mut spans[*child], knowledge);
                spans[outer].is_llm_call = false;
            }
            [child] if differ(spans[outer].response_id.as_deref(), spans[*child].response_id.as_deref()) => {}
            _ => spans[outer].is_llm_call = false,
        }
    }
}

/// The nearest call above a span; a tool on the way ends the search, for what it calls is another call.
fn call_around(spans: &[Span], by_id: &HashMap<(TraceId, SpanId), usize>, span: &Span) -> Option<usize> {
    let mut parent = span.parent_span_id;
    for _ in 0..ANCESTORS_MAX {
        let at = *by_id.get(&(span.trace_id, parent?))?;
        if spans[at].operation.as_deref() == Some("execute_tool") {
            return None;
        }
        if spans[at].is_llm_call {
            return Some(at);
        }
        parent = spans[at].parent_span_id;
    }
    None
}

fn same_kind(a: &Span, b: &Span) -> bool {
    let embeds = |span: &Span| span.operation.as_deref() == Some("embeddings");
    embeds(a) == embeds(b)
}

fn differ<T: PartialEq>(a: Option<T>, b: Option<T>) -> bool {
    a.is_some() && b.is_some() && a != b
}

fn is_same_call(a: &Span, b: &Span) -> bool {
    same_kind(a, b) && !differ(a.response_id.as_deref(), b.response_id.as_deref()) && !differ(a.output_tokens, b.output_tokens)
}

/// Spans of one trace with the same response id and counts are one call; the one that knows more stays.
fn repeated(spans: &mut [Span]) {
    let mut seen: HashMap<(TraceId, String), usize> = HashMap::new();
    for at in 0..spans.len() {
        let Some(id) = spans[at].response_id.clone().filter(|_| spans[at].is_llm_call) else { continue };
        match seen.get(&(spans[at].trace_id, id.clone())).copied() {
            Some(first) if is_same_call(&spans[first], &spans[at]) => {
                let (stays, goes) = if knowledge(&spans[at]) > knowledge(&spans[first]) { (at, first) } else { (first, at) };
                let other = spans[goes].clone();
                absorb(&mut spans[stays], other);
                spans[goes].is_llm_call = false;
                seen.insert((spans[stays].trace_id, id), stays);
            }
            _ => {
                seen.insert((spans[at].trace_id, id), at);
            }
        }
    }
}

fn knowledge(span: &Span) -> usize {
    [span.output_messages.is_some(), span.input_messages.is_some(), span.output_tokens.is_some(), span.input_tokens.is_some()]
        .into_iter()
        .filter(|known| *known)
        .count()
}

/// Takes from `other` what `span` does not know.
fn absorb(span: &mut Span, other: Span) {
    macro_rules! take {
        ($($field:ident),+ $(,)?) => { $( if span.$field.is_none() { span.$field = other.$field; } )+ };
    }
    take!(
        error_type,
        provider,
        provider_raw,
        request_model,
        response_model,
        response_id,
        streaming,
        ttft_ns,
        finish_reason,
        temperature,
        top_p,
        max_tokens,
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_write_tokens,
        cache_write_1h_tokens,
        reasoning_tokens,
        audio_input_tokens,
        audio_output_tokens,
        service_tier,
        cost_nanousd,
        cost_source,
        session_id,
        user_id,
        agent_name,
        workflow_name,
        prompt_name,
        prompt_version,
        tags,
        system_instructions,
        input_messages,
        output_messages,
        tool_definitions,
        input_text,
        output_text,
    );
    if other.status == "error" && span.status != "error" {
        span.status = other.status;
        span.status_message = span.status_message.take().or(other.status_message);
    }
}
