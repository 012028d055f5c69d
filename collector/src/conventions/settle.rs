//! Leaves one span to speak for each call, among the spans of one request.
//!
//! An SDK that traces itself lies under an instrumentor that reports the same call, and a wrapper repeats what its children did.

use std::collections::HashMap;

use schema::{LogRecord, Span, SpanId, TraceId};
use serde_json::Value;

/// How far up a call's ancestors are looked at.
const ANCESTORS_MAX: usize = 64;

/// Resolves calls that several spans of one request report; the span that stays knows what all of them knew.
pub fn settle(spans: &mut [Span], _logs: &mut [LogRecord]) {
    if !spans.iter().any(|span| span.is_llm_call) {
        return;
    }
    let family = Family::of(spans);
    nested(spans, &family);
    repeated(spans);
    self_traced(spans);
    raw_children(spans, &family);
    witnessed(spans);
    continued(spans);
    inherit(spans, &family);
    arguments(spans);
    call_ids(spans);
}

/// Who is whose parent, among the spans of one request.
struct Family {
    parents: Vec<Option<usize>>,
}

impl Family {
    fn of(spans: &[Span]) -> Self {
        let by_id: HashMap<(TraceId, SpanId), usize> = spans.iter().enumerate().map(|(at, span)| ((span.trace_id, span.span_id), at)).collect();
        Self { parents: spans.iter().map(|span| by_id.get(&(span.trace_id, span.parent_span_id?)).copied()).collect() }
    }

    /// The spans above a span, nearest first.
    fn above(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(self.parents[at], |above| self.parents[*above]).take(ANCESTORS_MAX)
    }
}

/// A call around calls: one inside that is the same call is merged into it, otherwise it is a wrapper.
fn nested(spans: &mut [Span], family: &Family) {
    let mut inner: HashMap<usize, Vec<usize>> = HashMap::new();
    for (at, _) in spans.iter().enumerate().filter(|(_, span)| span.is_llm_call) {
        if let Some(outer) = call_around(spans, family, at) {
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
fn call_around(spans: &[Span], family: &Family, at: usize) -> Option<usize> {
    for above in family.above(at) {
        if spans[above].operation.as_deref() == Some("execute_tool") {
            return None;
        }
        if spans[above].is_llm_call {
            return Some(above);
        }
    }
    None
}

fn same_kind(a: &Span, b: &Span) -> bool {
    let embeds = |span: &Span| span.operation.as_deref() == Some("embeddings");
    embeds(a) == embeds(b)
}

fn differ<T: PartialEq + Copy>(a: Option<T>, b: Option<T>) -> bool {
    a.zip(b).is_some_and(|(a, b)| a != b)
}

fn is_same_call(a: &Span, b: &Span) -> bool {
    same_kind(a, b) && !differ(a.response_id.as_deref(), b.response_id.as_deref()) && !differ(a.output_tokens, b.output_tokens)
}

/// Spans of one service with the same response id are one call; the one that knows more stays.
fn repeated(spans: &mut [Span]) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for at in 0..spans.len() {
        let Some(id) = spans[at].response_id.clone().filter(|_| spans[at].is_llm_call) else { continue };
        match seen.get(&id).copied() {
            Some(first) if is_repeat(&spans[first], &spans[at]) => {
                let stays = merge(spans, first, at);
                seen.insert(id, stays);
            }
            _ => {
                seen.insert(id, at);
            }
        }
    }
}

/// Two spans with one response id: of one trace, or of two scopes where one lies within the other's time.
fn is_repeat(a: &Span, b: &Span) -> bool {
    let same = same_kind(a, b) && a.service_name == b.service_name && !differ(a.request_model.as_deref(), b.request_model.as_deref());
    same && (a.trace_id == b.trace_id && !differ(a.input_tokens, b.input_tokens) || a.scope_name != b.scope_name && overlap(a, b))
}

fn overlap(a: &Span, b: &Span) -> bool {
    let end = |span: &Span| span.start_unix_nano.saturating_add(span.duration_ns);
    a.start_unix_nano <= end(b) && b.start_unix_nano <= end(a)
}

/// Merges two spans that report one call, and says which one stays.
fn merge(spans: &mut [Span], a: usize, b: usize) -> usize {
    let (stays, goes) = if knowledge(&spans[b]) > knowledge(&spans[a]) { (b, a) } else { (a, b) };
    let other = spans[goes].clone();
    if is_sdk(&other) && other.output_tokens.is_some() {
        spans[stays].input_tokens = other.input_tokens.or(spans[stays].input_tokens);
        spans[stays].output_tokens = other.output_tokens;
    }
    absorb(&mut spans[stays], other);
    spans[goes].is_llm_call = false;
    stays
}

/// Whether the SDK that made the call traced itself: it counts best and knows no messages.
fn is_sdk(span: &Span) -> bool {
    span.scope_name.as_deref().is_some_and(|scope| scope.contains(".sdk."))
}

/// A failed call has no response id: the SDK's own span goes where an instrumentor's span of the same time and model stands.
fn self_traced(spans: &mut [Span]) {
    for at in 0..spans.len() {
        if !(spans[at].is_llm_call && spans[at].response_id.is_none() && is_sdk(&spans[at])) {
            continue;
        }
        let same = |other: &Span| {
            other.is_llm_call
                && !is_sdk(other)
                && other.service_name == spans[at].service_name
                && other.request_model == spans[at].request_model
                && other.status == spans[at].status
                && overlap(other, &spans[at])
        };
        if let Some(other) = spans.iter().position(same) {
            merge(spans, other, at);
        }
    }
}

/// A child that is no call of its own but knows what the call does not: the provider's id of the response.
fn raw_children(spans: &mut [Span], family: &Family) {
    for at in 0..spans.len() {
        let Some(parent) = family.parents[at].filter(|parent| spans[*parent].is_llm_call) else { continue };
        if !spans[at].is_llm_call && spans[at].operation.as_deref() == Some("chat") && spans[parent].response_id.is_none() {
            spans[parent].response_id = spans[at].response_id.clone();
        }
    }
}

/// Steps after a call that quote its response know the id and the model that the call's own span may lack.
fn witnessed(spans: &mut [Span]) {
    let quotes = |span: &Span| !span.is_llm_call && span.response_model.is_some();
    if !spans.iter().any(quotes) {
        return;
    }
    let calls: Vec<usize> = (0..spans.len()).filter(|at| spans[*at].is_llm_call && spans[*at].response_id.is_none()).collect();
    for at in calls {
        let call = &spans[at];
        let end = call.start_unix_nano.saturating_add(call.duration_ns);
        let after = |span: &Span| {
            let same_text = span.output_text.is_some() && span.output_text == call.output_text && span.start_unix_nano >= call.start_unix_nano;
            quotes(span) && span.trace_id == call.trace_id && (same_text || span.start_unix_nano >= end)
        };
        let next = spans.iter().filter(|span| span.is_llm_call && span.trace_id == call.trace_id && span.start_unix_nano > call.start_unix_nano);
        let next = next.map(|span| span.start_unix_nano).min().unwrap_or(i64::MAX);
        let witness = spans.iter().filter(|span| after(span) && span.start_unix_nano < next).min_by_key(|span| span.start_unix_nano);
        let named = |model: &str| call.request_model.as_deref().is_none_or(|asked| model.starts_with(asked));
        let Some(witness) = witness.filter(|span| span.response_model.as_deref().is_some_and(named)) else { continue };
        let (id, model) = (witness.response_id.clone(), witness.response_model.clone());
        spans[at].response_id = id;
        spans[at].response_model = model;
    }
}

/// A call whose answer was not recorded gave what the next call of the conversation quotes as the assistant's.
fn continued(spans: &mut [Span]) {
    for at in 0..spans.len() {
        let call = &spans[at];
        if !call.is_llm_call || call.output_messages.is_some() || call.output_tokens.unwrap_or(0) == 0 {
            continue;
        }
        let Some(input) = call.input_messages.as_deref() else { continue };
        let Some(start) = input.strip_suffix(']') else { continue };
        let follows = |span: &&Span| {
            span.is_llm_call
                && span.trace_id == call.trace_id
                && span.input_messages.as_deref().is_some_and(|next| next.len() > input.len() && next.starts_with(start))
        };
        let Some(next) = spans.iter().find(follows).and_then(|span| span.input_messages.as_deref()) else { continue };
        let Ok(messages) = serde_json::from_str::<Vec<Value>>(next) else { continue };
        let said = serde_json::from_str::<Vec<Value>>(input).map_or(0, |messages| messages.len());
        if let Some(answer) = messages.into_iter().nth(said).filter(|message| message["role"] == "assistant") {
            spans[at].output_messages = Some(Value::Array(vec![answer]).to_string());
        }
    }
}

/// A tool whose span quotes its arguments badly was called with those that the model asked for.
fn arguments(spans: &mut [Span]) {
    for at in 0..spans.len() {
        let lacks = spans[at].tool_arguments.as_deref().is_none_or(|arguments| !arguments.starts_with('{'));
        let Some(id) = spans[at].tool_call_id.clone().filter(|_| lacks && spans[at].operation.as_deref() == Some("execute_tool")) else { continue };
        let quoted = format!("\"id\":{}", Value::String(id.clone()));
        let asked =
            spans.iter().filter(|span| span.is_llm_call).filter_map(|span| span.output_messages.as_deref()).find(|output| output.contains(&quoted));
        let Some(messages) = asked.and_then(|output| serde_json::from_str::<Vec<Value>>(output).ok()) else { continue };
        let mut parts = messages.iter().filter_map(|message| message["parts"].as_array()).flatten();
        if let Some(part) = parts.find(|part| part["id"].as_str() == Some(id.as_str())) {
            spans[at].tool_arguments = Some(part["arguments"].to_string());
        }
    }
}

/// What a call does not say itself and the spans around it do: session, user, agent, tools.
fn inherit(spans: &mut [Span], family: &Family) {
    for at in 0..spans.len() {
        if !matches!(spans[at].operation.as_deref(), Some(operation) if spans[at].is_llm_call || operation == "execute_tool" || operation == "retrieval")
        {
            continue;
        }
        let mut own = std::mem::take(&mut spans[at]);
        for above in family.above(at) {
            let above = &spans[above];
            take_text(&mut own.session_id, &above.session_id);
            take_text(&mut own.user_id, &above.user_id);
            take_text(&mut own.agent_name, &above.agent_name);
            take_text(&mut own.workflow_name, &above.workflow_name);
            if own.is_llm_call && own.operation.as_deref() != Some("embeddings") {
                take_text(&mut own.tool_definitions, &above.tool_definitions);
            }
        }
        spans[at] = own;
    }
    prompts(spans, family);
}

fn take_text(place: &mut Option<String>, found: &Option<String>) {
    if place.is_none() {
        place.clone_from(found);
    }
}

/// Calls without any message take the prompt of the span around them: where it holds one call, or is a turn of a person.
fn prompts(spans: &mut [Span], family: &Family) {
    let silent = |span: &Span| span.is_llm_call && span.input_messages.is_none() && span.operation.as_deref() != Some("embeddings");
    for at in 0..spans.len() {
        if !silent(&spans[at]) {
            continue;
        }
        let Some(above) = family.above(at).find(|above| spans[*above].input_messages.is_some()) else { continue };
        let calls = (0..spans.len()).filter(|other| spans[*other].is_llm_call && family.above(*other).any(|one| one == above)).take(2).count();
        let is_turn = spans[above].system_instructions.is_none() && spans[above].output_messages.is_none() && !spans[above].is_llm_call;
        if calls == 1 || is_turn {
            let (system, input, text) =
                (spans[above].system_instructions.clone(), spans[above].input_messages.clone(), spans[above].input_text.clone());
            spans[at].system_instructions = spans[at].system_instructions.take().or(system);
            spans[at].input_messages = input;
            spans[at].input_text = spans[at].input_text.take().or(text);
        }
    }
}

/// The Responses API names a call of a tool twice; who sent the item's id is given the call's, as the next turn quotes it.
fn call_ids(spans: &mut [Span]) {
    for at in 0..spans.len() {
        let Some(output) = spans[at].output_messages.as_ref().filter(|output| spans[at].is_llm_call && output.contains("\"tool_call\"")) else {
            continue;
        };
        let Ok(mut messages) = serde_json::from_str::<Vec<Value>>(output) else { continue };
        let mut changed = false;
        let parts = messages.iter_mut().filter_map(|message| message["parts"].as_array_mut()).flatten();
        let unnamed = |part: &Value| part["type"] == "tool_call" && part["id"].as_str().is_none_or(|id| id.starts_with("fc_"));
        for part in parts.filter(|part| unnamed(part)) {
            if let Some(id) = quoted_id(spans, at, part) {
                part["id"] = id;
                changed = true;
            }
        }
        if changed {
            spans[at].output_messages = Some(Value::Array(messages).to_string());
        }
    }
}

/// The id under which a later call quotes the same call of a tool.
fn quoted_id(spans: &[Span], at: usize, call: &Value) -> Option<Value> {
    let later = spans
        .iter()
        .filter(|span| span.is_llm_call && span.start_unix_nano > spans[at].start_unix_nano && span.service_name == spans[at].service_name);
    for input in later.filter_map(|span| span.input_messages.as_ref()).take(16) {
        let messages: Vec<Value> = serde_json::from_str(input).ok()?;
        let parts = messages.iter().filter_map(|message| message["parts"].as_array()).flatten();
        for part in parts.filter(|part| part["type"] == "tool_call") {
            if part["name"] == call["name"] && part["arguments"] == call["arguments"] && part["id"].is_string() {
                return Some(part["id"].clone());
            }
        }
    }
    None
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
