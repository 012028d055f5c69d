//! Requests to begin with: good ones, which a case then spoils.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use crate::server::START;

/// A span that is kept; its id tells it from the others.
pub fn span(id: u64) -> Span {
    Span {
        trace_id: vec![7; 16],
        span_id: id.to_be_bytes().to_vec(),
        name: format!("span {id}"),
        start_time_unix_nano: START,
        end_time_unix_nano: START + 1_000,
        ..Span::default()
    }
}

pub fn traces(spans: Vec<Span>) -> Vec<u8> {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }.encode_to_vec()
}

pub fn logs(log_records: Vec<LogRecord>) -> Vec<u8> {
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] }.encode_to_vec()
}

pub fn gauge(data_points: Vec<NumberDataPoint>) -> Vec<u8> {
    let data = Some(metric::Data::Gauge(Gauge { data_points }));
    let metrics = vec![Metric { name: "gauge".to_owned(), data, ..Metric::default() }];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics: vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }] }.encode_to_vec()
}

pub fn point(value: f64) -> NumberDataPoint {
    NumberDataPoint { time_unix_nano: START, value: Some(number_data_point::Value::AsDouble(value)), ..NumberDataPoint::default() }
}

pub fn attribute(key: impl Into<String>, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), key_strindex: 0 }
}

pub fn text(value: &str) -> Value {
    Value::StringValue(value.to_owned())
}

/// A span whose first attribute holds lists in lists, without a struct for each: prost could not even drop that many.
pub fn nested(depth: usize) -> Vec<u8> {
    let mut value = Vec::new();
    for _ in 0..depth {
        // AnyValue.array_value = ArrayValue { values: [AnyValue] }; built from the inside, so written backwards.
        prepend_field(&mut value, 0x0a);
        prepend_field(&mut value, 0x2a);
    }
    // KeyValue.value, Span.attributes, ScopeSpans.spans, ResourceSpans.scope_spans, request.resource_spans.
    for key in [0x12, 0x4a, 0x12, 0x12, 0x0a] {
        prepend_field(&mut value, key);
    }
    value.reverse();
    value
}

/// Puts a key and the length of all that follows before reversed bytes.
fn prepend_field(reversed: &mut Vec<u8>, key: u8) {
    let mut head = vec![key];
    prost::encoding::encode_varint(reversed.len() as u64, &mut head);
    head.reverse();
    reversed.extend(head);
}
