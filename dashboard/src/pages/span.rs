//! One span in full: the conversation with its roles, tool calls, documents, scores, errors, attributes and the raw JSON.
//!
//! The panel is part of the trace page; it is also a page of its own, which the script fetches when another span is chosen, so
//! that there is one template, and one place where text is escaped.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use schema::Micros;

use super::{Frame, PageError, show};
use crate::app::{App, Reader};
use crate::caller::Visitor;
use crate::conversation::{Document, Message, Part, Source, Text, conversation, documents};
use crate::error::Error;
use crate::format;
use crate::json::{Json, pretty_or_text};
use crate::span::{Detail, FullSpan};
use crate::trace::{Sort, Trace, Verdict};
use crate::url::address;

/// The panel looks at this many attributes, events and messages; the raw JSON has all.
const ITEMS_MAX: usize = 500;

/// Messages before the last ones are folded where there are more than this.
const MESSAGES_OPEN: usize = 12;

#[derive(Template)]
#[template(path = "span.html")]
struct SpanPage {
    frame: Frame,
    panel: Option<Panel>,
    trace_href: String,
}

/// A span, ready for `panel.html`.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(super) trace_id: String,
    pub(super) span_id: String,
    pub(super) name: String,
    pub(super) sort: Sort,
    pub(super) service: Option<String>,
    pub(super) is_error: bool,
    pub(super) status: String,
    pub(super) error_type: Option<String>,
    pub(super) error_message: Option<Text>,
    pub(super) facts: Vec<Fact>,
    pub(super) usage_note: Option<&'static str>,
    pub(super) scores: Vec<Score>,
    pub(super) folded: Vec<Message>,
    pub(super) messages: Vec<Message>,
    pub(super) tool: Option<Tool>,
    pub(super) documents: Vec<Document>,
    pub(super) tool_definitions: Option<Text>,
    pub(super) events: Vec<Event>,
    pub(super) attributes: Vec<(String, Text)>,
    pub(super) resource: Vec<(String, Text)>,
    pub(super) raw: Text,
    pub(super) raw_href: String,
}

/// A named value, with a link or a hover title where there is more to say.
#[derive(Debug)]
pub(crate) struct Fact {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) title: String,
    pub(super) href: Option<String>,
}

/// What a tool was given, and gave back.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(super) name: String,
    pub(super) arguments: Option<Text>,
    pub(super) result: Option<Text>,
}

/// A verdict on the span, or on its whole trace.
#[derive(Debug)]
pub(crate) struct Score {
    pub(super) evaluator: String,
    pub(super) version: String,
    pub(super) value: String,
    pub(super) class: &'static str,
    pub(super) label: Option<String>,
    pub(super) reason: Option<Text>,
    pub(super) by: String,
    pub(super) is_on_trace: bool,
}

/// A span event.
#[derive(Debug)]
pub(crate) struct Event {
    pub(super) name: String,
    pub(super) at: String,
    pub(super) body: Option<Text>,
    pub(super) is_exception: bool,
}

/// Shows a span by itself.
pub(crate) async fn page(
    State(app): State<App>,
    Visitor(tenant): Visitor,
    Path((trace, span)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let reader = app.reader(tenant.clone());
    let panel = Panel::read(&reader, &trace, &span).await?;
    let trace_href = address(&format!("/traces/{}", panel.trace_id), [("span", panel.span_id.as_str())]);
    let frame = Frame::new(&app, &tenant, "traces", panel.name.clone());
    Ok(show(&SpanPage { frame, trace_href, panel: Some(panel) })?)
}

impl Panel {
    /// Reads a span by itself, and lays it out.
    async fn read(reader: &Reader, trace: &str, span: &str) -> Result<Self, Error> {
        let id = crate::trace::trace_id(trace)?;
        let (detail, verdicts) = tokio::try_join!(crate::span::read(reader, trace, span), crate::trace::verdicts(reader, id))?;
        Ok(Self::lay_out(&detail, &verdicts, None, reader.app.config.text_bytes_max))
    }

    /// Reads a span of a trace that was read already, and lays it out.
    pub(crate) async fn of(reader: &Reader, trace: &Trace, span: &str) -> Result<Self, Error> {
        let id = trace.id.to_string();
        let may_be_call = trace.in_order().any(|(_, light)| light.span_id == span && light.is_llm_call);
        let detail = if may_be_call { crate::span::read(reader, &id, span).await? } else { crate::span::read_plain(reader, &id, span).await? };
        Ok(Self::lay_out(&detail, &trace.verdicts, Some(trace.tree.start_ns), reader.app.config.text_bytes_max))
    }

    /// Lays a span out; no text in it is longer than `bytes_max`.
    fn lay_out(detail: &Detail, verdicts: &[Verdict], trace_start_ns: Option<i64>, bytes_max: usize) -> Self {
        let span = &detail.span;
        let text = |text: &str| Text::new(text, bytes_max);
        let sort = span.sort();
        let source = Source {
            system: span.system_instructions.as_deref(),
            input: span.input_messages.as_deref(),
            output: span.output_messages.as_deref(),
            // a tool's and a retrieval's own fields say the same
            input_text: span.input_text.as_deref().filter(|_| sort != Sort::Tool),
            output_text: span.output_text.as_deref().filter(|_| sort != Sort::Tool),
        };
        let mut messages = conversation(&source, bytes_max);
        messages.truncate(ITEMS_MAX);
        let folded = if messages.len() > MESSAGES_OPEN { messages.drain(..messages.len() - MESSAGES_OPEN).collect() } else { Vec::new() };
        let raw = span.to_json().map(|json| pretty_or_text(&json)).unwrap_or_default();
        let mine = verdicts.iter().filter(|verdict| verdict.span_id.as_deref().is_none_or(|id| id == span.span_id));
        Self {
            trace_id: span.trace_id.clone(),
            span_id: span.span_id.clone(),
            name: if span.name.trim().is_empty() { "(no name)".to_owned() } else { span.name.clone() },
            sort,
            service: span.service_name.clone(),
            is_error: span.status == "error",
            status: span.status.clone(),
            error_type: span.error_type.clone(),
            error_message: span.status_message.as_deref().filter(|message| !message.is_empty()).map(text),
            facts: facts(detail, trace_start_ns),
            usage_note: (!detail.is_counted && (span.input_tokens.is_some() || span.cost_nanousd.is_some()))
                .then_some("Tokens and cost of this span repeat those of the calls inside of it; totals count them once."),
            scores: mine.take(ITEMS_MAX).map(|verdict| Score::new(verdict, bytes_max)).collect(),
            folded,
            messages,
            tool: tool(span, bytes_max),
            documents: documents(span.documents.as_deref(), bytes_max).into_iter().take(ITEMS_MAX).collect(),
            tool_definitions: span
                .tool_definitions
                .as_deref()
                .filter(|json| !matches!(json.trim(), "" | "[]" | "null"))
                .map(|json| text(&pretty_or_text(json))),
            events: events(span, bytes_max),
            attributes: pairs(span.attributes.as_deref(), bytes_max),
            resource: pairs(span.resource.as_deref(), bytes_max),
            raw: text(&raw),
            raw_href: format!("/api/v1/traces/{}/spans/{}", span.trace_id, span.span_id),
        }
    }

    pub(super) fn has_conversation(&self) -> bool {
        !self.messages.is_empty()
    }
}

impl Fact {
    fn new(name: &'static str, value: impl Into<String>) -> Self {
        Self { name, value: value.into(), title: String::new(), href: None }
    }

    fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    fn linked(mut self, href: String) -> Self {
        self.href = Some(href);
        self
    }
}

fn facts(detail: &Detail, trace_start_ns: Option<i64>) -> Vec<Fact> {
    let span = &detail.span;
    let start = Micros(span.start_us);
    let mut facts =
        vec![Fact::new("Start", format::time(start)).titled(format::rfc3339(start)), Fact::new("Duration", format::nanos(span.duration_ns))];
    if let Some(offset) = trace_start_ns.map(|begin| span.start_unix_nano.saturating_sub(begin)).filter(|offset| *offset > 0) {
        facts.push(Fact::new("Offset", format!("+{}", format::nanos(offset))));
    }
    facts.extend(span.ttft_ns.map(|ns| Fact::new("First token", format::nanos(ns))));
    facts.extend(model(span));
    facts.extend(tokens(span));
    facts.extend(span.cost_nanousd.map(|cost| {
        let source = span.cost_source.as_deref().unwrap_or("unknown");
        Fact::new("Cost", format::money(cost)).titled(format!("{source}; {cost} nano-dollars"))
    }));
    if span.cost_nanousd.is_none() && span.cost_source.as_deref() == Some("unpriced") {
        facts.push(Fact::new("Cost", "unpriced").titled("no price is known for this model"));
    }
    facts.extend(span.finish_reason.as_deref().map(|reason| Fact::new("Finish", reason)));
    facts.extend(span.temperature.map(|value| Fact::new("Temperature", format::score(value))));
    facts.extend(span.max_tokens.map(|value| Fact::new("Max tokens", format::count(value))));
    facts.extend(span.prompt_name.as_deref().map(|name| {
        let version = span.prompt_version.as_deref().map(|version| format!(" v{}", version.trim_start_matches('v'))).unwrap_or_default();
        Fact::new("Prompt", format!("{name}{version}"))
    }));
    facts.extend(span.agent_name.as_deref().map(|name| Fact::new("Agent", name)));
    facts.extend(span.session_id.as_deref().map(|id| Fact::new("Session", id).linked(address("/traces", [("range", "28d"), ("session", id)]))));
    facts.extend(span.user_id.as_deref().map(|id| Fact::new("User", id)));
    facts.extend(span.dialect.as_deref().map(|dialect| {
        let scope = span.scope_name.as_deref().unwrap_or_default();
        Fact::new("Dialect", dialect).titled(scope)
    }));
    facts
}

fn model(span: &FullSpan) -> Option<Fact> {
    let model = span.response_model.as_deref().or(span.request_model.as_deref())?;
    let asked = span.request_model.as_deref().filter(|asked| *asked != model).map(|asked| format!("asked for {asked}; ")).unwrap_or_default();
    let provider = span.provider_raw.as_deref().or(span.provider.as_deref()).unwrap_or("unknown provider");
    Some(Fact::new("Model", model).titled(format!("{asked}{provider}")))
}

fn tokens(span: &FullSpan) -> Option<Fact> {
    let (input, output) = (span.input_tokens, span.output_tokens);
    if input.is_none() && output.is_none() {
        return None;
    }
    let parts = [
        (span.cache_read_tokens, "read from cache"),
        (span.cache_write_tokens, "written to cache"),
        (span.reasoning_tokens, "for reasoning"),
        (span.audio_input_tokens, "audio in"),
        (span.audio_output_tokens, "audio out"),
    ];
    let parts = parts.into_iter().filter_map(|(n, what)| Some(format!("{} {what}", format::count(n.filter(|n| *n > 0)?))));
    let show = |n: Option<i64>| n.map_or_else(|| "–".to_owned(), format::count);
    Some(Fact::new("Tokens", format!("{} in, {} out", show(input), show(output))).titled(parts.collect::<Vec<_>>().join(", ")))
}

fn tool(span: &FullSpan, bytes_max: usize) -> Option<Tool> {
    let filled = |text: &Option<String>| text.as_deref().filter(|text| !text.is_empty()).map(|text| Text::new(&pretty_or_text(text), bytes_max));
    let is_tool = span.sort() == Sort::Tool;
    let arguments = filled(&span.tool_arguments).or_else(|| filled(&span.input_text).filter(|_| is_tool));
    let result = filled(&span.tool_result).or_else(|| filled(&span.output_text).filter(|_| is_tool));
    let name = span.tool_name.clone().unwrap_or_else(|| span.name.clone());
    (arguments.is_some() || result.is_some()).then_some(Tool { name, arguments, result })
}

impl Score {
    fn new(verdict: &Verdict, bytes_max: usize) -> Self {
        let value = match (verdict.outcome.as_str(), verdict.value, verdict.passed) {
            ("not_applicable", ..) => "n/a".to_owned(),
            ("failed", ..) => "no verdict".to_owned(),
            (_, Some(value), _) => format::score(value),
            (_, None, Some(true)) => "pass".to_owned(),
            (_, None, Some(false)) => "fail".to_owned(),
            (_, None, None) => "–".to_owned(),
        };
        let class = match (verdict.outcome.as_str(), verdict.passed) {
            ("failed", _) => "warn",
            ("not_applicable", _) => "mute",
            (_, Some(false)) => "bad",
            (_, Some(true)) => "good",
            _ => "plain",
        };
        let judge = verdict.judge_model.as_deref().map(|model| format!(", {model}")).unwrap_or_default();
        Self {
            evaluator: verdict.evaluator.clone(),
            version: verdict.evaluator_version.clone().unwrap_or_default(),
            value,
            class,
            label: verdict.label.clone().filter(|label| !label.is_empty()),
            reason: verdict.reason.as_deref().filter(|reason| !reason.is_empty()).map(|reason| Text::new(reason, bytes_max)),
            by: format!("{}{judge}, {}", verdict.source, format::minute(Micros(verdict.time_us))),
            is_on_trace: verdict.span_id.is_none(),
        }
    }
}

fn events(span: &FullSpan, bytes_max: usize) -> Vec<Event> {
    let Some(text) = span.events.as_deref().filter(|text| !text.is_empty()) else { return Vec::new() };
    let Some(json) = Json::read(text) else {
        return vec![Event { name: "events".to_owned(), at: String::new(), body: Some(Text::new(text, bytes_max)), is_exception: false }];
    };
    let items = json.items().unwrap_or_else(|| if json.is_empty() { Vec::new() } else { vec![json] });
    items.into_iter().take(ITEMS_MAX).map(|item| event(item, span.start_unix_nano, bytes_max)).collect()
}

fn event(json: Json<'_>, span_start_ns: i64, bytes_max: usize) -> Event {
    let fields = json.fields().unwrap_or_default();
    let name = fields.get("name").and_then(|name| name.text()).unwrap_or_else(|| "event".to_owned());
    let at = fields.get("time_unix_nano").and_then(|at| at.integer());
    let body = if fields.is_empty() { Some(json) } else { fields.get("attributes").copied().filter(|attributes| !attributes.is_empty()) };
    Event {
        is_exception: name == "exception",
        name: Text::new(&name, 300).shown,
        at: at.map(|at| format!("+{}", format::nanos(at.saturating_sub(span_start_ns).max(0)))).unwrap_or_default(),
        body: body.map(|body| Text::new(&body.shown(), bytes_max)),
    }
}

/// Reads a JSON object as names and values; anything else is one value without a name.
fn pairs(text: Option<&str>, bytes_max: usize) -> Vec<(String, Text)> {
    let Some(text) = text.filter(|text| !matches!(*text, "" | "null" | "{}")) else { return Vec::new() };
    match Json::read(text).and_then(Json::fields) {
        Some(fields) => {
            fields.into_iter().take(ITEMS_MAX).map(|(name, value)| (Text::new(&name, 300).shown, Text::new(&value.shown(), bytes_max))).collect()
        }
        None => vec![(String::new(), Text::new(&pretty_or_text(text), bytes_max))],
    }
}
