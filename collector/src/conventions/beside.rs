//! What stands beside the attributes of a span or record and has no column: it joins them in the JSON column, under the names that
//! OpenTelemetry gives it for formats without such fields.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;

/// Attributes of the scope, the trace state, and how much the sender dropped.
pub(super) fn of_span(span: &Span, scope: Option<&InstrumentationScope>) -> Vec<KeyValue> {
    let mut beside = of_scope(scope);
    if !span.trace_state.is_empty() {
        beside.push(pair("w3c.tracestate", Value::StringValue(span.trace_state.clone())));
    }
    let dropped = [
        ("otel.dropped_attributes_count", span.dropped_attributes_count),
        ("otel.dropped_events_count", span.dropped_events_count),
        ("otel.dropped_links_count", span.dropped_links_count),
    ];
    beside.extend(dropped.into_iter().filter(|(_, n)| *n > 0).map(|(key, n)| pair(key, Value::IntValue(n.into()))));
    beside
}

/// Attributes of the scope, as `otel.scope.<key>`.
pub(super) fn of_scope(scope: Option<&InstrumentationScope>) -> Vec<KeyValue> {
    let attributes = scope.map_or(&[][..], |scope| &scope.attributes);
    attributes.iter().map(|attribute| KeyValue { key: format!("otel.scope.{}", attribute.key), ..attribute.clone() }).collect()
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
