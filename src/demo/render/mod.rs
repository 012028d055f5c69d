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
