//! What makes a single span, record or point unfit for its table, while the rest of the request is kept.

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric};
use opentelemetry_proto::tonic::trace::v1::Span;
use schema::id::IdError;
use schema::{SpanId, TraceId};

use crate::otlp::{Request, UNREADABLE_ID};

/// Why one item of a request is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// An id that cannot be.
    #[error("{0}")]
    Id(#[from] IdError),
    /// An id that names another span, and cannot be.
    #[error("parent {0}")]
    Parent(IdError),
    /// A time that the tables cannot hold.
    #[error("{field} is {nanos}, which is after the year 2262; OTLP wants nanoseconds since 1970")]
    Time {
        /// The field's name in OTLP.
        field: &'static str,
        /// What it holds.
        nanos: u64,
    },
}

/// The items of a request that are rejected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rejected {
    /// How many spans, records or points the request holds.
    pub n_items: usize,
    /// How many of them are rejected.
    pub n_rejected: usize,
    /// Why the first of them is.
    pub first: Option<Fault>,
}

impl Rejected {
    /// Looks at every item of a request.
    pub fn of(request: &Request) -> Self {
        let mut rejected = Self::default();
        match request {
            Request::Traces(request) => {
                let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
                scopes.flat_map(|scope| &scope.spans).for_each(|span| rejected.count(of_span(span)));
            }
            Request::Logs(request) => {
                let scopes = request.resource_logs.iter().flat_map(|resource| &resource.scope_logs);
                scopes.flat_map(|scope| &scope.log_records).for_each(|record| rejected.count(of_record(record)));
            }
            Request::Metrics(request) => {
                let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
                scopes.flat_map(|scope| &scope.metrics).for_each(|metric| rejected.count_points(metric));
            }
        }
        rejected
    }

    fn count(&mut self, fault: Option<Fault>) {
        self.n_items += 1;
        if fault.is_some() {
            self.n_rejected += 1;
            self.first = self.first.take().or(fault);
        }
    }

    fn count_points(&mut self, metric: &Metric) {
        match &metric.data {
            Some(metric::Data::Gauge(gauge)) => gauge.data_points.iter().for_each(|point| self.count(of_point(point.time_unix_nano))),
            Some(metric::Data::Sum(sum)) => sum.data_points.iter().for_each(|point| self.count(of_point(point.time_unix_nano))),
            Some(metric::Data::Histogram(histogram)) => histogram.data_points.iter().for_each(|point| self.count(of_point(point.time_unix_nano))),
            Some(metric::Data::ExponentialHistogram(histogram)) => {
                histogram.data_points.iter().for_each(|point| self.count(of_point(point.time_unix_nano)));
            }
            Some(metric::Data::Summary(summary)) => summary.data_points.iter().for_each(|point| self.count(of_point(point.time_unix_nano))),
            None => {}
        }
    }
}

/// Returns what is wrong with a span, if anything.
pub fn of_span(span: &Span) -> Option<Fault> {
    ids(span)
        .err()
        .or_else(|| time("startTimeUnixNano", span.start_time_unix_nano).err())
        .or_else(|| time("endTimeUnixNano", span.end_time_unix_nano).err())
}

/// Returns what is wrong with a log record, if anything. Its ids are not: OTLP says to take a record with bad ids as one without.
pub fn of_record(record: &LogRecord) -> Option<Fault> {
    time("timeUnixNano", record.time_unix_nano).err().or_else(|| time("observedTimeUnixNano", record.observed_time_unix_nano).err())
}

/// Returns what is wrong with a data point of this time, if anything.
pub fn of_point(time_unix_nano: u64) -> Option<Fault> {
    time("timeUnixNano", time_unix_nano).err()
}

/// Reads the ids of a span: its trace, itself, and its parent unless it is a root. An all-zero parent is none.
pub fn ids(span: &Span) -> Result<(TraceId, SpanId, Option<SpanId>), Fault> {
    let trace_id = if span.trace_id == UNREADABLE_ID { Err(IdError::NotHex { kind: "trace id" }) } else { TraceId::from_bytes(&span.trace_id) };
    let span_id = if span.span_id == UNREADABLE_ID { Err(IdError::NotHex { kind: "span id" }) } else { SpanId::from_bytes(&span.span_id) };
    let parent = match SpanId::from_bytes(&span.parent_span_id) {
        Ok(parent) => Some(parent),
        Err(IdError::Zero { .. }) => None,
        Err(_) if span.parent_span_id.is_empty() => None,
        Err(_) if span.parent_span_id == UNREADABLE_ID => return Err(Fault::Parent(IdError::NotHex { kind: "span id" })),
        Err(error) => return Err(Fault::Parent(error)),
    };
    Ok((trace_id?, span_id?, parent))
}

/// Reads a time in nanoseconds since 1970.
pub fn time(field: &'static str, nanos: u64) -> Result<i64, Fault> {
    i64::try_from(nanos).map_err(|_| Fault::Time { field, nanos })
}
