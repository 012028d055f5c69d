//! From planned spans to the SDK's spans, each app in the convention that it speaks.

mod genai;
mod openinference;

use std::time::{Duration, SystemTime};

use opentelemetry::logs::{AnyValue, LogRecord, Severity};
use opentelemetry::trace::{Event, SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, SpanId, TraceId};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use schema::Micros;

use super::models::Failure;
use super::trace::{App, Feedback, Origin, PlannedSpan, Step, Trace};

/// What a convention makes of a step: the parts of a span that differ from one to the other.
struct Rendered {
    name: String,
    kind: SpanKind,
    attributes: Vec<KeyValue>,
    events: Vec<Event>,
    /// The status of a span that did not fail.
    success: Status,
}

/// Describes the process that sends an origin's spans.
pub(super) fn resource(origin: Origin) -> Resource {
    // Empty at first: the environment of the demo says nothing about the apps.
    Resource::builder_empty()
        .with_service_name(origin.app.service())
        .with_attributes([
            KeyValue::new("telemetry.sdk.name", "opentelemetry"),
            KeyValue::new("telemetry.sdk.language", "rust"),
            KeyValue::new("service.namespace", "larkspur"),
            KeyValue::new("service.version", origin.version),
            KeyValue::new("deployment.environment.name", origin.environment),
        ])
        .build()
}

/// Names the instrumentation: the apps' own, for no library took these spans.
pub(super) fn scope(origin: Origin) -> InstrumentationScope {
    InstrumentationScope::builder(origin.app.service()).with_version(origin.version).build()
}

/// Renders one span of a trace.
pub(super) fn span(trace: &Trace, span: &PlannedSpan, scope: &InstrumentationScope) -> SpanData {
    let rendered = match (&span.step, trace.origin.app) {
        (Step::Request { route }, _) => request(route, span.failure.as_ref()),
        (_, App::Support) => openinference::render(trace, span),
        (_, App::Workshop | App::Digest) => genai::render(trace, span),
    };
    let parent = span.parent.and_then(|parent| trace.spans.get(parent));
    let mut events = SpanEvents::default();
    events.events = rendered.events;
    SpanData {
        span_context: SpanContext::new(trace_id(trace), span_id(span), TraceFlags::SAMPLED, false, TraceState::default()),
        parent_span_id: parent.map_or(SpanId::INVALID, span_id),
        parent_span_is_remote: false,
        span_kind: rendered.kind,
        name: rendered.name.into(),
        start_time: time(span.start),
        end_time: time(span.end),
        attributes: rendered.attributes,
        dropped_attributes_count: 0,
        events,
        links: SpanLinks::default(),
        status: span.failure.map_or(rendered.success, |failure| Status::error(failure.message)),
        instrumentation_scope: scope.clone(),
    }
}

/// Fills a log record with a customer's verdict on an answer, as OpenTelemetry's event `gen_ai.evaluation.result`.
pub(super) fn feedback(record: &mut impl LogRecord, trace: &Trace, feedback: &Feedback) {
    let answered = trace.spans.iter().rev().find(|span| matches!(span.step, Step::Chat(_)) && span.failure.is_none());
    let Some((span, Step::Chat(chat))) = answered.map(|span| (span, &span.step)) else { return };
    record.set_event_name("gen_ai.evaluation.result");
    record.set_timestamp(time(feedback.at));
    record.set_observed_timestamp(time(feedback.at));
    record.set_severity_number(Severity::Info);
    record.set_trace_context(trace_id(trace), span_id(span), Some(TraceFlags::SAMPLED));
    let label = if feedback.is_good { "thumbs_up" } else { "thumbs_down" };
    record.add_attributes([
        ("gen_ai.evaluation.name", AnyValue::from("customer_feedback")),
        ("gen_ai.evaluation.score.value", AnyValue::from(f64::from(u8::from(feedback.is_good)))),
        ("gen_ai.evaluation.score.label", AnyValue::from(label)),
        ("gen_ai.response.id", AnyValue::from(chat.response_id.clone())),
    ]);
}

/// A plain HTTP request, which speaks of no model.
fn request(route: &'static str, failure: Option<&Failure>) -> Rendered {
    let status = failure.map_or(200, |failure| failure.http_status.unwrap_or(504));
    let mut attributes = vec![
        KeyValue::new("http.request.method", "POST"),
        KeyValue::new("http.route", route),
        KeyValue::new("url.scheme", "https"),
        KeyValue::new("http.response.status_code", status),
    ];
    attributes.extend(failure.map(|_| KeyValue::new("error.type", status.to_string())));
    Rendered { name: format!("POST {route}"), kind: SpanKind::Server, attributes, events: Vec::new(), success: Status::Unset }
}

/// The event that instrumentations add to a span when an exception leaves it.
fn exception(span: &PlannedSpan, failure: &Failure) -> Event {
    let attributes = vec![KeyValue::new("exception.type", failure.error_type), KeyValue::new("exception.message", failure.message)];
    Event::new("exception", time(span.end), attributes, 0)
}

fn time(at: Micros) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(at.0).unwrap_or_default())
}

fn trace_id(trace: &Trace) -> TraceId {
    TraceId::from_bytes(trace.id.0)
}

fn span_id(span: &PlannedSpan) -> SpanId {
    SpanId::from_bytes(span.id.0)
}

/// Counts as attributes have them.
fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use collector::otlp::Request;
    use collector::price::PriceTable;
    use collector::{DecodeConfig, Decoder};
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
    use schema::{Row as _, Table};

    use super::super::models::EMBEDDING_MODEL;
    use super::super::plan::{BadDay, Plan};
    use super::super::trace::Message;
    use super::*;

    /// 2026-11-20T18:00:00Z.
    const NOW: Micros = Micros(1_795_197_600_000_000);

    /// Renders and decodes a plan as karat would that gets it over the wire.
    fn rows(plan: &Plan) -> HashMap<schema::SpanId, schema::Span> {
        let decoder = Decoder::new(Arc::new(PriceTable::shipped()), DecodeConfig::default());
        let mut rows = HashMap::new();
        for trace in &plan.traces {
            let scope = scope(trace.origin);
            let spans = trace.spans.iter().map(|planned| span(trace, planned, &scope)).collect();
            let resource_spans = group_spans_by_resource_and_scope(spans, &(&resource(trace.origin)).into());
            let request = Request::Traces(ExportTraceServiceRequest { resource_spans });
            for (table, batch) in decoder.rows(&request, NOW).unwrap() {
                assert_eq!(table, Table::Spans);
                rows.extend(schema::Span::decode(&batch).unwrap().into_iter().map(|row| (row.span_id, row)));
            }
        }
        rows
    }

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "fifty calls read better without ampersands")]
    fn eq<T: PartialEq + std::fmt::Debug>(row: &schema::Span, field: &str, found: T, expect: T) {
        assert_eq!(found, expect, "{field} of {:?} in {:?}", row.name, row.service_name);
    }

    /// What the plan says must come out of the conventions as it went in, whichever of them wrote it down.
    #[test]
    fn the_tables_hold_what_was_planned() {
        let plan = Plan::new(5, NOW, 2, BadDay::None);
        let rows = rows(&plan);
        assert_eq!(rows.len() as u64, plan.n_spans());
        for trace in &plan.traces {
            for planned in &trace.spans {
                let row = &rows[&planned.id];
                eq(row, "service", row.service_name.as_deref(), Some(trace.origin.app.service()));
                eq(row, "environment", row.environment.as_deref(), Some(trace.origin.environment));
                eq(row, "status", row.status == "error", planned.failure.is_some());
                let is_call = matches!(planned.step, Step::Chat(_) | Step::Embed { .. });
                eq(row, "is_llm_call", row.is_llm_call, is_call);
                if !matches!(planned.step, Step::Request { .. }) {
                    eq(row, "session", &row.session_id, &trace.session);
                    eq(row, "user", row.user_id.as_ref(), Some(&trace.user));
                }
                check_step(row, trace, planned);
            }
        }
    }

    fn check_step(row: &schema::Span, trace: &Trace, planned: &PlannedSpan) {
        match &planned.step {
            Step::Chat(chat) if planned.failure.is_none() => {
                eq(row, "operation", row.operation.as_deref(), Some("chat"));
                eq(row, "request model", row.request_model.as_deref(), Some(chat.model.request));
                eq(row, "response model", row.response_model.as_deref(), Some(chat.model.response));
                eq(row, "input tokens", row.input_tokens, Some(int(chat.tokens.input)));
                eq(row, "output tokens", row.output_tokens, Some(int(chat.tokens.output)));
                eq(row, "cached", row.cache_read_tokens.unwrap_or(0), int(chat.tokens.cache_read));
                eq(row, "written", row.cache_write_tokens.unwrap_or(0), int(chat.tokens.cache_write));
                eq(row, "reasoning", row.reasoning_tokens.unwrap_or(0), int(chat.tokens.reasoning));
                eq(row, "finish reason", row.finish_reason.as_deref(), Some(chat.finish_reason));
                // Seconds as a float lose a nanosecond or two.
                eq(row, "ttft", row.ttft_ns.map(|ns| (ns + 500) / 1_000), chat.ttft_micros);
                eq(row, "temperature", row.temperature, Some(chat.temperature));
                eq(row, "prompt version", row.prompt_version.as_deref(), Some(trace.prompt.version));
                eq(row, "prompt name", row.prompt_name.as_deref(), Some(trace.prompt.name));
                eq(row, "cost source", row.cost_source.as_deref(), Some("priced"));
                if let Message::Assistant(answer) = &chat.output {
                    eq(row, "output text", row.output_text.as_deref().unwrap_or_default(), answer);
                }
                if let Some(Message::User(question)) = chat.messages.iter().rev().find(|message| matches!(message, Message::User(_))) {
                    eq(row, "input text", row.input_text.as_deref(), Some(&**question));
                }
                if chat.model.provider != "aws.bedrock" {
                    eq(row, "response id", row.response_id.as_ref(), Some(&chat.response_id));
                }
            }
            Step::Chat(chat) => {
                eq(row, "request model", row.request_model.as_deref(), Some(chat.model.request));
                eq(row, "error", row.error_type.as_deref(), planned.failure.map(|failure| failure.error_type));
                eq(row, "tokens", row.input_tokens, None);
            }
            Step::Embed { tokens, .. } => {
                eq(row, "operation", row.operation.as_deref(), Some("embeddings"));
                eq(row, "model", row.request_model.as_deref().or(row.response_model.as_deref()), Some(EMBEDDING_MODEL));
                eq(row, "tokens", row.input_tokens, Some(int(*tokens)));
                eq(row, "cost source", row.cost_source.as_deref(), Some("priced"));
            }
            Step::Retrieve { question, documents } => {
                eq(row, "operation", row.operation.as_deref(), Some("retrieval"));
                eq(row, "query", row.input_text.as_deref(), Some(&**question));
                let found: Vec<serde_json::Value> = serde_json::from_str(row.documents.as_deref().unwrap()).unwrap();
                let texts: Vec<_> = found.iter().map(|document| document["content"].as_str().unwrap().to_owned()).collect();
                eq(row, "documents", texts, documents.iter().map(|document| document.article.text()).collect());
            }
            Step::Tool { name, call_id, result, .. } => {
                eq(row, "operation", row.operation.as_deref(), Some("execute_tool"));
                eq(row, "tool", row.tool_name.as_deref(), Some(*name));
                eq(row, "call", row.tool_call_id.as_ref(), Some(call_id));
                let json = |text: &Option<String>| text.as_ref().map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap());
                eq(row, "result", json(&row.tool_result), json(result));
            }
            Step::Agent { task, .. } => {
                eq(row, "operation", row.operation.as_deref(), Some("invoke_agent"));
                eq(row, "task", row.input_text.as_deref(), Some(&**task));
                eq(row, "cost", row.cost_nanousd, None);
            }
            Step::Chain { question, answer } => {
                eq(row, "question", row.input_text.as_deref(), Some(&**question));
                eq(row, "answer", row.output_text.as_deref(), answer.as_deref());
            }
            Step::Request { .. } => eq(row, "dialect", row.dialect.as_deref(), None),
        }
    }
}
