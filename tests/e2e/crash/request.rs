//! What the clients send: requests whose number decides all of their bytes.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

/// 2026-11-01T00:00:00Z; rows spread over three days from here, so that commits touch several partitions.
const START_NANOS: u64 = 1_793_491_200_000_000_000;

/// A request that is the same, byte for byte, whenever it is built again: its number decides tenant, signal, size and rows.
pub struct Request {
    /// Which one.
    pub number: u64,
}

/// The three signals: the path of their export, and the table of their rows.
pub const SIGNALS: [(&str, &str); 3] = [("traces", "spans"), ("logs", "logs"), ("metrics", "metrics")];

impl Request {
    /// Which of the two tenants sends it.
    pub fn tenant(&self) -> usize {
        usize::try_from(self.number % 2).unwrap()
    }

    /// Which of the signals it is.
    pub fn signal(&self) -> usize {
        usize::try_from(self.number / 2 % 3).unwrap()
    }

    /// Rows of the request: mostly a few, now and then hundreds.
    pub fn n_rows(&self) -> u64 {
        if self.number % 41 == 7 { 1 } else { 1 + self.number * 7 % 90 }
    }

    /// Row ids are unique over the whole test.
    pub fn rows(&self) -> impl Iterator<Item = u64> {
        let first = self.number * 1_000 + 1;
        first..first + self.n_rows()
    }

    /// Text that fills each row; one request in 41 is a single row of 1 MB.
    fn filler(&self) -> String {
        let bytes = if self.number % 41 == 7 { 1 << 20 } else { 50 + usize::try_from(self.number * 13 % 900).unwrap() };
        "karat ".repeat(bytes / 6 + 1)
    }

    /// What each of its rows is named: spans, log events and metrics alike.
    pub fn name(&self) -> String {
        format!("request {}", self.number)
    }

    /// Tells whether the request also holds a span that no server may keep: one without an id.
    fn is_flawed(&self) -> bool {
        self.signal() == 0 && self.number % 7 == 5
    }

    /// The bytes.
    pub fn body(&self) -> Vec<u8> {
        let attributes = |row: u64| vec![text("row", format!("r{row}")), text("filler", self.filler())];
        let time = |row: u64| START_NANOS + (row % 3) * 86_400_000_000_000 + row * 1_000;
        match self.signal() {
            0 => {
                let span = |row: u64| Span {
                    trace_id: (u128::from(row) << 7 | 1).to_be_bytes().to_vec(),
                    span_id: row.to_be_bytes().to_vec(),
                    name: self.name(),
                    start_time_unix_nano: time(row),
                    end_time_unix_nano: time(row) + 1_000_000,
                    attributes: attributes(row),
                    ..Span::default()
                };
                let flawed = self.is_flawed().then(|| Span { name: self.name(), start_time_unix_nano: time(0), ..Span::default() });
                let scope = ScopeSpans { spans: self.rows().map(span).chain(flawed).collect(), ..ScopeSpans::default() };
                ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() }] }
                    .encode_to_vec()
            }
            1 => {
                let record =
                    |row: u64| LogRecord { time_unix_nano: time(row), event_name: self.name(), attributes: attributes(row), ..LogRecord::default() };
                let scope = ScopeLogs { log_records: self.rows().map(record).collect(), ..ScopeLogs::default() };
                ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs: vec![scope], ..ResourceLogs::default() }] }.encode_to_vec()
            }
            _ => {
                let point = |row: u64| NumberDataPoint {
                    time_unix_nano: time(row),
                    attributes: attributes(row),
                    value: Some(number_data_point::Value::AsInt(1)),
                    ..NumberDataPoint::default()
                };
                let gauge = Gauge { data_points: self.rows().map(point).collect() };
                let metric = Metric { name: self.name(), data: Some(metric::Data::Gauge(gauge)), ..Metric::default() };
                let scope = ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() };
                ExportMetricsServiceRequest { resource_metrics: vec![ResourceMetrics { scope_metrics: vec![scope], ..ResourceMetrics::default() }] }
                    .encode_to_vec()
            }
        }
    }
}

fn text(key: &str, value: String) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(Any::StringValue(value)) }), ..KeyValue::default() }
}
