//! Fills the GenAI columns of a span's row.

use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use serde_json::{Value, json};

use super::dialects::{self, Seen};
use super::draft::{Draft, put};
use super::gather::{Gathered, Source};
use super::keys::{self, Slot};
use super::messages::{self, Message};
use super::operation::{self, Role};
use super::part::{self, Part};
use super::usage::Usage;
use super::{beside, documents, events, leftover, parts, payload, provider, run, tools, value};

/// A span as it came, with what it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct SpanInput<'a> {
    /// Attributes of the resource.
    pub resource: &'a [KeyValue],
    /// The instrumentation scope.
    pub scope: Option<&'a InstrumentationScope>,
    /// The span.
    pub span: &'a Span,
}

/// Fills every GenAI column of `row`; decode has filled ids, times, status, service, scope, events, links and resource.
pub fn interpret_span(input: &SpanInput<'_>, row: &mut schema::Span) {
    super::Conventions::default().interpret_span(input, row);
}

/// Reads one span with the general families, and then with the file of its dialect.
pub(super) fn interpret(input: &SpanInput<'_>, disabled: Option<&str>, row: &mut schema::Span) {
    let beside = beside::of_span(input.span, input.scope);
    let details = events::details(&input.span.events);
    let mut lists: Vec<&[KeyValue]> = vec![&input.span.attributes];
    lists.extend(details);
    let gathered = Gathered::new(&lists);
    let told = events::read(&input.span.events);
    if !is_genai(&gathered, &told) {
        common(&gathered, input.resource, row);
        row.attributes = leftover::write(&input.span.attributes, &[], &beside);
        return;
    }
    let mut draft = Draft::default();
    scalars(&gathered, row, &mut draft);
    draft.role = role_of(&gathered, row);
    let mut used = Vec::new();
    content(&gathered, told, &mut draft, &mut used);
    infer_role(&gathered, row, &mut draft);
    if draft.role.is_none() {
        if !draft.told_by_events {
            (draft.input, draft.output) = (Vec::new(), Vec::new());
        }
        used.clear();
        step_content(&gathered, &mut draft, &mut used);
    }
    streaming(&gathered, &input.span.events, row, &mut draft);
    if draft.told_by_events {
        row.events = Some(leftover::events(&input.span.events));
    }
    finish(&gathered, input, draft, &mut used, row);
    run::of_one_request(&gathered, row);
    let scope = input.scope.map_or("", |scope| scope.name.as_str());
    dialects::refine(&Seen { input, gathered: &gathered, scope }, disabled, row);
    row.attributes = leftover::write(&input.span.attributes, &used, &beside);
}

/// Whether anything says that the span has to do with a model, a tool or an agent.
fn is_genai(gathered: &Gathered<'_>, told: &events::Told) -> bool {
    if !told.is_empty() {
        return true;
    }
    let strong = |source: &Source<'_>| match source.slot {
        Slot::Operation
        | Slot::McpMethod
        | Slot::RequestModel
        | Slot::ResponseModel
        | Slot::InputTokens
        | Slot::OutputTokens
        | Slot::ToolDefinitions
        | Slot::Documents
        | Slot::OutputToolCalls => true,
        Slot::Provider | Slot::Agent | Slot::ToolName | Slot::Workflow => source.rank <= 1,
        Slot::Kind => gathered.value(source.at).and_then(value::scalar_text).is_some_and(|kind| operation::role_of_kind(&kind).is_some()),
        Slot::Input | Slot::Output => source.rank <= 4 || gathered.key(source.at).starts_with("llm."),
        _ => false,
    };
    gathered.sources().iter().any(strong)
}

/// Columns that any span may have.
fn common(gathered: &Gathered<'_>, resource: &[KeyValue], row: &mut schema::Span) {
    put(&mut row.session_id, gathered.text(Slot::Session).map(Into::into));
    put(&mut row.user_id, gathered.text(Slot::User).map(Into::into));
    if row.session_id.is_none() {
        let found = resource.iter().find(|attribute| attribute.key == "session.id").and_then(|attribute| attribute.value.as_ref());
        row.session_id = found.and_then(value::scalar_text).map(Into::into);
    }
    put(&mut row.error_type, gathered.text(Slot::ErrorType).filter(|_| row.status == "error").map(Into::into));
}

fn scalars(gathered: &Gathered<'_>, row: &schema::Span, draft: &mut Draft) {
    let text = |slot| gathered.text(slot).map(String::from);
    draft.request_model = text(Slot::RequestModel);
    draft.model = text(Slot::Model);
    draft.response_model = text(Slot::ResponseModel);
    draft.response_id = text(Slot::ResponseId);
    draft.streaming = gathered.boolean(Slot::Streaming);
    draft.finish_reason = finish_reason(gathered);
    draft.temperature = gathered.float(Slot::Temperature);
    draft.top_p = gathered.float(Slot::TopP);
    draft.max_tokens = gathered.int(Slot::MaxTokens);
    draft.service_tier = text(Slot::ServiceTier);
    draft.session_id = text(Slot::Session);
    draft.user_id = text(Slot::User);
    draft.ttft_ns = first_token(gathered, row);
    draft.usage = Usage {
        input: gathered.int(Slot::InputTokens),
        output: gathered.int(Slot::OutputTokens),
        total: gathered.int(Slot::TotalTokens),
        cache_read: gathered.int(Slot::CacheRead),
        cache_write: gathered.int(Slot::CacheWrite),
        cache_write_1h: gathered.int(Slot::CacheWrite1h),
        reasoning: gathered.int(Slot::Reasoning),
        audio_input: gathered.int(Slot::AudioInput),
        audio_output: gathered.int(Slot::AudioOutput),
        ..Usage::default()
    };
    for source in gathered.of(Slot::Usage) {
        if let Some(found) = gathered.json(source) {
            fill_usage(gathered.key(source.at), &found, &mut draft.usage);
        }
    }
    for source in gathered.of(Slot::Settings) {
        if let Some(Value::Object(map)) = gathered.json(source) {
            payload::settings(&map, draft);
            if let Some(system) = map.get("instructions").or_else(|| map.get("system")).filter(|_| draft.system.is_empty()) {
                payload::system_parts(system, &mut draft.system);
            }
        }
    }
}

/// A details object says only of what it details.
fn fill_usage(key: &str, found: &Value, usage: &mut Usage) {
    if key.contains("input_token_details") || key.contains("prompt_tokens_details") {
        usage.fill(&json!({"input_token_details": found}));
    } else if key.contains("output_token_details") || key.contains("completion_tokens_details") {
        usage.fill(&json!({"output_token_details": found}));
    } else {
        usage.fill(found);
    }
}

/// The finish reason: the first of a list, also where the list came as text.
fn finish_reason(gathered: &Gathered<'_>) -> Option<String> {
    let text = gathered.text(Slot::Finish)?;
    let first = match value::parse(&text) {
        Some(Value::Array(items)) => items.first().and_then(Value::as_str).map(str::to_owned),
        _ => Some(text.into_owned()),
    };
    first.filter(|reason| !reason.is_empty()).map(|reason| messages::finish_reason(&reason))
}

/// Time to the first token: milliseconds where the key says so or the number is whole, else seconds.
fn first_token(gathered: &Gathered<'_>, row: &schema::Span) -> Option<i64> {
    #[allow(clippy::cast_possible_truncation, reason = "saturates; a first token takes no centuries")]
    let nanos = |seconds: f64| (seconds >= 0.0).then_some((seconds * 1e9).round() as i64);
    if let Some(ms) = gathered.float(Slot::TtftMs) {
        return nanos(ms / 1e3);
    }
    for source in gathered.of(Slot::Ttft) {
        let Some(found) = gathered.value(source.at) else { continue };
        let whole = matches!(found.value, Some(opentelemetry_proto::tonic::common::v1::any_value::Value::IntValue(_)));
        if let Some(number) = value::float(found) {
            return nanos(if whole { number / 1e3 } else { number });
        }
    }
    since_start(&gathered.text(Slot::FirstTokenTime)?, row)
}

/// Whether the answer was streamed, and when it began, as far as events and names give it away.
fn streaming(gathered: &Gathered<'_>, events: &[Event], row: &schema::Span, draft: &mut Draft) {
    if !draft.role.as_ref().is_some_and(Role::is_call) {
        return;
    }
    if let Some(at) = events::first_token(events).and_then(|at| i64::try_from(at).ok()) {
        put(&mut draft.ttft_ns, Some(at.saturating_sub(row.start_unix_nano)).filter(|nanos| *nanos >= 0));
    }
    if draft.ttft_ns.is_none()
        && let Some(at) = draft.first_token_at.take()
    {
        draft.ttft_ns = since_start(&at, row);
    }
    let named = || {
        let kind = gathered.of(Slot::Kind).filter_map(|source| gathered.value(source.at).and_then(value::scalar_text));
        kind.map(|kind| keys::folded(&kind)).chain([keys::folded(&row.name)]).any(|name| is_streaming(&name))
    };
    if draft.streaming.is_none() && (draft.ttft_ns.is_some() || named()) {
        draft.streaming = Some(true);
    }
}

/// Whether a name says that it streams: `ai.streamText.doStream`, `messages.stream`, `astream_chat`.
fn is_streaming(name: &str) -> bool {
    name.split('_').any(|word| matches!(word, "stream" | "streaming" | "astream" | "streamed"))
}

/// The time between the start of the span and a time of day as text; a time without an offset is UTC.
fn since_start(at: &str, row: &schema::Span) -> Option<i64> {
    let zoned = chrono::DateTime::parse_from_rfc3339(at).ok().and_then(|at| at.timestamp_nanos_opt());
    let at = zoned.or_else(|| at.parse::<chrono::NaiveDateTime>().ok()?.and_utc().timestamp_nanos_opt())?;
    Some(at.saturating_sub(row.start_unix_nano)).filter(|nanos| *nanos >= 0)
}

/// The role that the sender names.
fn role_of(gathered: &Gathered<'_>, row: &schema::Span) -> Option<Role> {
    if let Some(method) = gathered.text(Slot::McpMethod) {
        return (method == "tools/call").then_some(Role::Tool);
    }
    let kinds = gathered.of(Slot::Kind).chain(gathered.of(Slot::Operation));
    let named = kinds.filter_map(|source| gathered.value(source.at).and_then(value::scalar_text)).filter_map(|name| operation::role_of_kind(&name));
    // A name alone does not make a call of a model; evidence may (see `infer_role`).
    operation::pick(named).or_else(|| operation::role(&row.name).filter(|role| !role.is_call()))
}

/// Reads messages and other content, by what the role makes of it.
fn content<'a>(gathered: &Gathered<'a>, told: events::Told, draft: &mut Draft, used: &mut Vec<Source<'a>>) {
    for source in gathered.of(Slot::System) {
        if let Some(found) = gathered.json(source).filter(|_| draft.system.is_empty()) {
            payload::system_parts(&found, &mut draft.system);
            used.push(source);
        }
    }
    match draft.role {
        Some(Role::Embedding) => {
            input_content(gathered, draft, used);
            output_content(gathered, draft, &mut Vec::new());
            draft.output.clear();
        }
        Some(Role::Tool | Role::Retrieval | Role::Memory | Role::Guardrail | Role::Evaluation | Role::Rerank) => {}
        Some(Role::Chat(_)) | None => {
            input_content(gathered, draft, used);
            output_content(gathered, draft, used);
        }
        Some(_) => step_content(gathered, draft, used),
    }
    if draft.input.is_empty() && !told.input.is_empty() {
        draft.input = told.input;
        draft.told_by_events = true;
    }
    if draft.output.is_empty() && !told.output.is_empty() {
        draft.output = told.output;
        draft.told_by_events = true;
    }
    put(&mut draft.finish_reason, told.finish_reason);
    for source in gathered.of(Slot::ToolDefinitions) {
        if draft.tools.is_none()
            && let Some(found) = gathered.json(source)
        {
            draft.tools = tools::definitions(&found);
            used.push(source);
        }
    }
}

/// Rank from which a source of input or output may hold anything, not just messages.
const RANK_LOOSE: u8 = 2;

fn input_content<'a>(gathered: &Gathered<'a>, draft: &mut Draft, used: &mut Vec<Source<'a>>) {
    for source in gathered.of(Slot::Input) {
        if !draft.input.is_empty() && draft.request_model.is_some() {
            break;
        }
        if draft.input.is_empty()
            && let Some(found) = gathered.canonical(source)
        {
            draft.input = found;
            used.push(source);
            continue;
        }
        let Some(found) = gathered.json(source) else { continue };
        let before = draft.input.len();
        if source.prefix.is_some() {
            if draft.input.is_empty() {
                draft.input = messages::read_loose(&found, "user");
            }
        } else if let Some(told) = events::listed(&found) {
            if draft.input.is_empty() {
                draft.input = told.input;
                draft.output.extend(told.output);
            }
        } else {
            payload::request(&found, draft);
        }
        if draft.input.len() > before {
            used.push(source);
        }
    }
    if !draft.input.is_empty() {
        used.extend(gathered.of(Slot::Input).filter(|source| gathered.key(source.at) == "input.value"));
    }
}

fn output_content<'a>(gathered: &Gathered<'a>, draft: &mut Draft, used: &mut Vec<Source<'a>>) {
    response_pieces(gathered, draft, used);
    for source in gathered.of(Slot::Output) {
        let answered = !draft.output.is_empty() && draft.usage.is_known();
        if answered && draft.response_id.is_some() {
            break;
        }
        if answered
            && source.prefix.is_none()
            && let Some(text) = gathered.value(source.at).and_then(value::text)
        {
            payload::response_head(text, draft);
            if draft.response_id.is_some() {
                break;
            }
        }
        if draft.output.is_empty()
            && let Some(found) = gathered.canonical(source)
        {
            payload::answer(found, draft);
            used.push(source);
            continue;
        }
        let Some(found) = gathered.json(source) else { continue };
        let before = draft.output.len();
        if source.prefix.is_some() {
            if draft.output.is_empty() {
                draft.output = messages::read_loose(&found, "assistant");
                draft.output.retain(|message| !message.parts.is_empty());
            }
        } else {
            payload::response(&found, draft);
        }
        if draft.output.len() > before {
            used.push(source);
        }
    }
    if !draft.output.is_empty() {
        used.extend(gathered.of(Slot::Output).filter(|source| gathered.key(source.at) == "output.value"));
    }
}

/// Content of a step around calls: messages and bare text become messages, other JSON stays where it is and only gives its text.
fn step_content<'a>(gathered: &Gathered<'a>, draft: &mut Draft, used: &mut Vec<Source<'a>>) {
    if let Some((source, found)) = gathered.of(Slot::Input).find_map(|source| Some((source, gathered.json(source)?))) {
        let mut inner = Draft::default();
        match events::listed(&found) {
            Some(told) => (inner.input, inner.output) = (told.input, told.output),
            None => payload::request(&found, &mut inner),
        }
        if source.rank < RANK_LOOSE || found.is_string() {
            used.push(source);
            draft.input = inner.input;
        } else {
            draft.step_input = inner.input_text();
        }
    }
    if let Some((source, found)) = gathered.of(Slot::Output).find_map(|source| Some((source, gathered.json(source)?))) {
        let mut inner = Draft::default();
        payload::response(&found, &mut inner);
        put(&mut draft.response_model, inner.response_model.take());
        put(&mut draft.response_id, inner.response_id.take());
        if source.rank < RANK_LOOSE || found.is_string() {
            used.push(source);
            draft.output = inner.output;
        } else {
            draft.step_output = inner.output_text();
        }
    }
}

/// An answer that came in pieces: text, object, reasoning and tool calls under keys of their own.
fn response_pieces<'a>(gathered: &Gathered<'a>, draft: &mut Draft, used: &mut Vec<Source<'a>>) {
    let mut message = Message::by("assistant");
    let text = |slot| gathered.of(slot).find_map(|source| Some((source, value::text(gathered.value(source.at)?)?)));
    if let Some((source, text)) = text(Slot::OutputReasoning) {
        message.parts.push(Part::Other(json!({"type": "reasoning", "content": text})));
        used.push(source);
    }
    if let Some((source, text)) = text(Slot::OutputText).or_else(|| text(Slot::OutputObject)) {
        message.parts.push(Part::Text(text.to_owned()));
        used.push(source);
    }
    for source in gathered.of(Slot::OutputToolCalls).take(1) {
        if let Some(found) = gathered.json(source) {
            messages::add_calls(&found, &mut message.parts);
            used.push(source);
        }
    }
    if !message.parts.is_empty() && !gathered.of(Slot::Output).any(|source| source.rank == 0) {
        message.finish_reason.clone_from(&draft.finish_reason);
        draft.output.push(message);
    }
}

/// Finds the role by evidence, where the sender names none.
fn infer_role(gathered: &Gathered<'_>, row: &schema::Span, draft: &mut Draft) {
    if draft.role == Some(Role::Workflow) && retrieves(gathered, row) {
        draft.role = Some(Role::Retrieval);
    }
    if matches!(draft.role, Some(Role::Chat(_))) && draft.request_model.as_ref().or(draft.model.as_ref()).is_some_and(|model| embeds(model)) {
        draft.role = Some(Role::Embedding);
        draft.output.clear();
    }
    if draft.role.is_some() || gathered.has(Slot::McpMethod) {
        return;
    }
    if draft.usage.is_known()
        && let Some(role) = operation::role(&row.name)
    {
        draft.role = Some(role);
        return;
    }
    let model = draft.request_model.as_ref().or(draft.model.as_ref()).or(draft.response_model.as_ref());
    let tool = gathered.of(Slot::ToolName).any(|source| source.rank <= 1);
    if tool && model.is_none() {
        draft.role = Some(Role::Tool);
    } else if gathered.has(Slot::Documents) {
        draft.role = Some(Role::Retrieval);
    } else if draft.answered || model.is_some() && (draft.usage.is_known() || !draft.output.is_empty() || !draft.input.is_empty()) {
        let embeds = model.is_some_and(|model| embeds(model)) || embeds(&row.name);
        draft.role = Some(if embeds { Role::Embedding } else { Role::Chat("chat") });
    }
}

fn embeds(name: &str) -> bool {
    name.to_ascii_lowercase().contains("embed")
}

/// Whether a step's name says that it retrieves, and what came out are documents.
fn retrieves(gathered: &Gathered<'_>, row: &schema::Span) -> bool {
    let entity = gathered.text(Slot::ToolName).unwrap_or_default();
    let named = |name: &str| ["retriev", "search", "lookup"].iter().any(|word| name.to_ascii_lowercase().contains(word));
    (named(&row.name) || named(&entity)) && gathered.of(Slot::Output).any(|source| gathered.json(source).as_ref().and_then(documents::read).is_some())
}

/// Writes the draft into the row.
fn finish<'a>(gathered: &Gathered<'a>, input: &SpanInput<'_>, mut draft: Draft, used: &mut Vec<Source<'a>>, row: &mut schema::Span) {
    let role = draft.role.clone();
    row.dialect = Some(super::dialect::name(gathered, row.scope_name.as_deref()));
    row.is_llm_call = role.as_ref().is_some_and(Role::is_call);
    let sent = gathered.text(Slot::Operation).map(String::from);
    row.operation = role.as_ref().map(|role| role.operation().to_owned()).or(draft.operation.take()).or(sent);
    providers(gathered, &mut draft, row);
    models(&draft, gathered, row);
    row.response_id = draft.response_id.take();
    row.streaming = draft.streaming;
    row.ttft_ns = draft.ttft_ns;
    row.temperature = draft.temperature;
    row.top_p = draft.top_p;
    row.max_tokens = draft.max_tokens;
    row.service_tier = draft.service_tier.take();
    draft.usage.settle();
    tokens(&draft.usage, row);
    cost(gathered, row);
    row.session_id = draft.session_id.take();
    row.user_id = draft.user_id.take();
    common(gathered, input.resource, row);
    names(gathered, role.as_ref(), row);
    failure(gathered, input.span, row);
    match role {
        Some(Role::Tool) => tool(gathered, &draft, used, row),
        Some(Role::Retrieval | Role::Rerank) => retrieval(gathered, used, row),
        _ => {}
    }
    draft.part_system();
    put(&mut row.input_text, draft.input_text());
    put(&mut row.output_text, draft.output_text());
    put(&mut row.input_text, draft.step_input.take());
    put(&mut row.output_text, draft.step_output.take());
    let told = draft.output.iter().find_map(|message| message.finish_reason.clone());
    row.finish_reason = draft.finish_reason.take().or(told);
    let calls = |message: &Message| !message.parts.is_empty() && message.parts.iter().all(|part| part.kind() == "tool_call");
    if row.provider.as_deref() == Some("openai")
        && row.finish_reason.as_deref() == Some("stop")
        && draft.output.iter().all(calls)
        && !draft.output.is_empty()
    {
        row.finish_reason = Some("tool_call".to_owned());
    }
    if matches!(role, Some(Role::Tool)) {
        return;
    }
    row.system_instructions = part::list(&draft.system);
    row.input_messages = messages::list(&draft.input);
    row.output_messages = messages::list(&draft.output);
    row.tool_definitions = draft.tools.map(|tools| tools.to_string());
}

fn providers(gathered: &Gathered<'_>, draft: &mut Draft, row: &mut schema::Span) {
    let mut first = None;
    for source in gathered.of(Slot::Provider) {
        let Some(name) = gathered.value(source.at).and_then(value::scalar_text) else { continue };
        if let Some(family) = provider::family(&name) {
            draft.provider = Some(family);
            draft.provider_raw = Some(name.into_owned());
            break;
        }
        put(&mut first, Some(name.into_owned()));
    }
    if row.scope_name.as_deref().is_some_and(|scope| scope.contains("bedrock")) {
        draft.provider = Some("aws.bedrock".to_owned());
    }
    if draft.provider.is_none() && row.is_llm_call {
        let model = draft.request_model.as_deref().or(draft.model.as_deref()).or(draft.response_model.as_deref());
        let model = model.or_else(|| gathered.exact("genkit:name").and_then(value::text));
        let by_model = model.and_then(provider::of_model);
        let by_name = || provider::hinted(row.scope_name.as_deref().unwrap_or_default()).or_else(|| provider::hinted(&row.name));
        let mut kinds = gathered.of(Slot::Kind).filter_map(|source| gathered.value(source.at).and_then(value::text));
        draft.provider = by_model.or_else(by_name).or_else(|| kinds.find_map(provider::hinted)).map(str::to_owned);
    }
    row.provider = draft.provider.take();
    row.provider_raw = draft.provider_raw.take().or(first);
}

/// A model that is only said to be the model was asked for, and answered if anything did.
fn models(draft: &Draft, gathered: &Gathered<'_>, row: &mut schema::Span) {
    let answered = draft.usage.is_known() || !draft.output.is_empty();
    let gateway = row.provider_raw.as_deref().is_some_and(|provider| provider.contains("router"));
    let routed = |model: &String| if gateway { model.clone() } else { provider::without_route(model).to_owned() };
    row.request_model = draft.request_model.as_ref().map(routed);
    row.response_model = draft.response_model.clone();
    if answered && row.is_llm_call {
        put(&mut row.response_model, draft.model.as_ref().map(routed));
    }
    let known = draft.model.as_ref().or(draft.response_model.as_ref()).map(routed);
    put(&mut row.request_model, known.map(|model| if answered { undated(&model).to_owned() } else { model }));
    if row.is_llm_call && row.request_model.is_none() {
        let named = gathered.exact("genkit:name").and_then(value::text);
        row.request_model = named.map(|model| provider::without_route(model).to_owned());
    }
    if !answered && row.status == "error" && row.response_model == row.request_model {
        row.response_model = None;
    }
}

/// A model's name without the date of its snapshot: what answers as `gpt-4o-mini-2024-07-18` was asked for as `gpt-4o-mini`.
pub(super) fn undated(model: &str) -> &str {
    let date = |rest: &str| {
        let mut pieces = rest.split('-').skip(1).map(|piece| (piece.len(), piece.bytes().all(|byte| byte.is_ascii_digit())));
        rest.starts_with('-') && pieces.next() == Some((4, true)) && pieces.next() == Some((2, true)) && pieces.next() == Some((2, true))
    };
    let split = model.len().checked_sub(11).filter(|at| *at > 0 && model.is_char_boundary(*at)).map(|at| model.split_at(at));
    split.filter(|(_, rest)| date(rest)).map_or(model, |(name, _)| name)
}

fn tokens(usage: &Usage, row: &mut schema::Span) {
    row.input_tokens = usage.input;
    row.output_tokens = usage.output;
    row.cache_read_tokens = usage.cache_read;
    row.cache_write_tokens = usage.cache_write;
    row.cache_write_1h_tokens = usage.cache_write_1h;
    row.reasoning_tokens = usage.reasoning;
    row.audio_input_tokens = usage.audio_input;
    row.audio_output_tokens = usage.audio_output;
}

/// A cost that the sender reports; zero means that the sender had no price.
fn cost(gathered: &Gathered<'_>, row: &mut schema::Span) {
    let listed = || {
        let source = gathered.of(Slot::Costs).next()?;
        let costs = gathered.json(source)?;
        costs.get("total").and_then(Value::as_f64)
    };
    let usd = gathered.float(Slot::Cost).or_else(listed).filter(|usd| *usd > 0.0 && *usd < 1e9);
    if let Some(usd) = usd {
        #[allow(clippy::cast_possible_truncation, reason = "below 1e18 by the filter above")]
        let nanos = (usd * 1e9).round() as i64;
        row.cost_nanousd = Some(schema::NanoUsd(nanos));
        row.cost_source = Some("reported".to_owned());
    }
}

fn names(gathered: &Gathered<'_>, role: Option<&Role>, row: &mut schema::Span) {
    let text = |slot| gathered.text(slot).map(String::from);
    row.agent_name = text(Slot::Agent);
    row.workflow_name = text(Slot::Workflow);
    row.prompt_name = text(Slot::PromptName);
    row.prompt_version = text(Slot::PromptVersion);
    row.tags = tags(gathered);
    if matches!(role, Some(Role::Agent)) {
        let name = row.name.strip_prefix("invoke_agent ").unwrap_or(&row.name);
        put(&mut row.agent_name, Some(name.to_owned()));
    }
}

fn tags(gathered: &Gathered<'_>) -> Option<String> {
    let source = gathered.of(Slot::Tags).next()?;
    let list = match gathered.json(source)? {
        Value::Array(items) => items,
        Value::String(text) => text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(Value::from).collect(),
        _ => return None,
    };
    (!list.is_empty()).then(|| Value::Array(list).to_string())
}

/// What failed: the sender's class of the error, else the exception's.
fn failure(gathered: &Gathered<'_>, span: &Span, row: &mut schema::Span) {
    let level = gathered.text(Slot::Level).is_some_and(|level| level.eq_ignore_ascii_case("error"));
    let failed = gathered.boolean(Slot::Success) == Some(false);
    if (level || failed) && row.status != "error" {
        row.status = "error".to_owned();
    }
    if row.status != "error" {
        return;
    }
    put(&mut row.error_type, gathered.text(Slot::ErrorType).map(Into::into));
    put(&mut row.error_type, events::exception_type(&span.events));
}

fn tool<'a>(gathered: &Gathered<'a>, draft: &Draft, used: &mut Vec<Source<'a>>, row: &mut schema::Span) {
    row.tool_name = gathered.text(Slot::ToolName).map(String::from).or_else(|| {
        let name = row.name.strip_prefix("execute_tool ").or_else(|| row.name.strip_prefix("tools/call ")).unwrap_or(&row.name);
        Some(name.to_owned())
    });
    row.tool_call_id = gathered.text(Slot::ToolCallId).map(String::from);
    let answer = gathered.of(Slot::ToolResult).chain(gathered.of(Slot::Output)).find_map(|source| gathered.json(source));
    put(&mut row.tool_call_id, answer.as_ref().and_then(|answer| answered_call(answer, 0)));
    let mut take = |slot, other| {
        let all = gathered.of(slot).chain(gathered.of(other));
        let (source, found) = all.filter_map(|source| Some((source, gathered.json(source)?))).find(|(_, found)| !is_schema(found))?;
        used.push(source);
        Some(found)
    };
    let arguments = take(Slot::ToolArguments, Slot::Input).map(|found| value::plain(&call_arguments(found)));
    let result = take(Slot::ToolResult, Slot::Output).map(|found| value::plain(&parts::response_of(&found)));
    let told = |messages: &[Message]| {
        let part = messages.first().and_then(|message| message.parts.first())?;
        part.content().map(str::to_owned).or_else(|| part.get("content").or_else(|| part.get("response")).map(value::plain))
    };
    row.tool_arguments = arguments.or_else(|| told(&draft.input));
    row.tool_result = result.or_else(|| told(&draft.output));
}

/// The id of the call that a tool's message answers.
fn answered_call(answer: &Value, depth: usize) -> Option<String> {
    let map = answer.as_object().filter(|_| depth < 4)?;
    let own = map.get("tool_call_id").and_then(Value::as_str).map(str::to_owned);
    own.or_else(|| ["output", "kwargs", "data", "outputs"].iter().filter_map(|key| map.get(*key)).find_map(|inner| answered_call(inner, depth + 1)))
}

/// Arguments out of what frameworks record around them: `{"args": [], "kwargs": {..}}`, `{"input_str", "inputs"}`.
fn call_arguments(found: Value) -> Value {
    let Value::Object(map) = &found else { return found };
    let around = map.contains_key("args") || map.contains_key("input_str") || map.contains_key("inputs");
    let inner =
        value::first(map, &["kwargs", "inputs", "arguments"]).filter(|inner| around && inner.as_object().is_some_and(|inner| !inner.is_empty()));
    match (map.contains_key("input_str"), inner) {
        (true, _) => map.get("inputs").filter(|inner| inner.is_object()).cloned().unwrap_or(found),
        (false, Some(inner)) => inner.clone(),
        (false, None) => found,
    }
}

/// Whether a JSON object is the schema of arguments rather than arguments.
fn is_schema(value: &Value) -> bool {
    value.get("properties").is_some_and(Value::is_object) && (value.get("type").is_some() || value.get("required").is_some())
}

fn retrieval<'a>(gathered: &Gathered<'a>, used: &mut Vec<Source<'a>>, row: &mut schema::Span) {
    for source in gathered.of(Slot::Documents).chain(gathered.of(Slot::Output)) {
        if row.documents.is_none()
            && let Some(found) = gathered.json(source).as_ref().and_then(documents::read)
        {
            row.documents = Some(found);
            used.push(source);
        }
    }
    for source in gathered.of(Slot::Query).chain(gathered.of(Slot::Input)) {
        let Some(found) = gathered.json(source).filter(|_| row.input_text.is_none()) else { continue };
        row.input_text = match &found {
            Value::String(text) => Some(text.clone()),
            other => query(other, 0),
        };
        if row.input_text.is_some() {
            used.push(source);
        }
    }
}

/// The query in a retriever's arguments.
fn query(value: &Value, depth: usize) -> Option<String> {
    let map = value.as_object().filter(|_| depth < 4)?;
    let named = ["query", "query_str", "question", "input", "text", "search_query", "prompt", "q"];
    let text = named.iter().find_map(|name| map.get(*name).and_then(Value::as_str)).map(str::to_owned);
    text.or_else(|| map.values().find_map(|inner| query(inner, depth + 1)))
        .or_else(|| map.values().find_map(Value::as_str).filter(|_| map.len() == 1).map(str::to_owned))
}
