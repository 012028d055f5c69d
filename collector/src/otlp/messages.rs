//! Every message of OTLP: the numbers and JSON names of its fields, as the protocol's .proto files (1.10) declare them.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar, exponential_histogram_data_point::Buckets, metric, number_data_point,
    summary_data_point::ValueAtQuantile,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

use super::kind::{Blob, Bool, Double, Fixed32, Fixed64, Id, Int32, Int64, Many, Maybe, Packed, SFixed64, SInt32, Sub, Text, UInt32, UInt64};
use super::message::message;

message! { ExportTraceServiceRequest {
    1 "resourceSpans" resource_spans: Many<Sub<ResourceSpans>>,
} }

message! { ResourceSpans {
    1 "resource" resource: Maybe<Sub<Resource>>,
    2 "scopeSpans" scope_spans: Many<Sub<ScopeSpans>>,
    3 "schemaUrl" schema_url: Text,
} }

message! { ScopeSpans {
    1 "scope" scope: Maybe<Sub<InstrumentationScope>>,
    2 "spans" spans: Many<Sub<Span>>,
    3 "schemaUrl" schema_url: Text,
} }

message! { #[cost = size_of::<Span>() + 2 * size_of::<schema::Span>()] Span {
    1 "traceId" trace_id: Id,
    2 "spanId" span_id: Id,
    3 "traceState" trace_state: Text,
    4 "parentSpanId" parent_span_id: Id,
    5 "name" name: Text,
    6 "kind" kind: Int32,
    7 "startTimeUnixNano" start_time_unix_nano: Fixed64,
    8 "endTimeUnixNano" end_time_unix_nano: Fixed64,
    9 "attributes" attributes: Many<Sub<KeyValue>>,
    10 "droppedAttributesCount" dropped_attributes_count: UInt32,
    11 "events" events: Many<Sub<Event>>,
    12 "droppedEventsCount" dropped_events_count: UInt32,
    13 "links" links: Many<Sub<Link>>,
    14 "droppedLinksCount" dropped_links_count: UInt32,
    15 "status" status: Maybe<Sub<Status>>,
    16 "flags" flags: Fixed32,
} }

message! { Event {
    1 "timeUnixNano" time_unix_nano: Fixed64,
    2 "name" name: Text,
    3 "attributes" attributes: Many<Sub<KeyValue>>,
    4 "droppedAttributesCount" dropped_attributes_count: UInt32,
} }

message! { Link {
    1 "traceId" trace_id: Id,
    2 "spanId" span_id: Id,
    3 "traceState" trace_state: Text,
    4 "attributes" attributes: Many<Sub<KeyValue>>,
    5 "droppedAttributesCount" dropped_attributes_count: UInt32,
    6 "flags" flags: Fixed32,
} }

message! { Status {
    2 "message" message: Text,
    3 "code" code: Int32,
} }

message! { ExportLogsServiceRequest {
    1 "resourceLogs" resource_logs: Many<Sub<ResourceLogs>>,
} }

message! { ResourceLogs {
    1 "resource" resource: Maybe<Sub<Resource>>,
    2 "scopeLogs" scope_logs: Many<Sub<ScopeLogs>>,
    3 "schemaUrl" schema_url: Text,
} }

message! { ScopeLogs {
    1 "scope" scope: Maybe<Sub<InstrumentationScope>>,
    2 "logRecords" log_records: Many<Sub<LogRecord>>,
    3 "schemaUrl" schema_url: Text,
} }

message! { #[cost = size_of::<LogRecord>() + 2 * size_of::<schema::LogRecord>()] LogRecord {
    1 "timeUnixNano" time_unix_nano: Fixed64,
    2 "severityNumber" severity_number: Int32,
    3 "severityText" severity_text: Text,
    5 "body" body: Maybe<Sub<AnyValue>>,
    6 "attributes" attributes: Many<Sub<KeyValue>>,
    7 "droppedAttributesCount" dropped_attributes_count: UInt32,
    8 "flags" flags: Fixed32,
    9 "traceId" trace_id: Id,
    10 "spanId" span_id: Id,
    11 "observedTimeUnixNano" observed_time_unix_nano: Fixed64,
    12 "eventName" event_name: Text,
} }

message! { ExportMetricsServiceRequest {
    1 "resourceMetrics" resource_metrics: Many<Sub<ResourceMetrics>>,
} }

message! { ResourceMetrics {
    1 "resource" resource: Maybe<Sub<Resource>>,
    2 "scopeMetrics" scope_metrics: Many<Sub<ScopeMetrics>>,
    3 "schemaUrl" schema_url: Text,
} }

message! { ScopeMetrics {
    1 "scope" scope: Maybe<Sub<InstrumentationScope>>,
    2 "metrics" metrics: Many<Sub<Metric>>,
    3 "schemaUrl" schema_url: Text,
} }

message! { Metric {
    1 "name" name: Text,
    2 "description" description: Text,
    3 "unit" unit: Text,
    5 "gauge" data = metric::Data::Gauge: Sub<Gauge>,
    7 "sum" data = metric::Data::Sum: Sub<Sum>,
    9 "histogram" data = metric::Data::Histogram: Sub<Histogram>,
    10 "exponentialHistogram" data = metric::Data::ExponentialHistogram: Sub<ExponentialHistogram>,
    11 "summary" data = metric::Data::Summary: Sub<Summary>,
    12 "metadata" metadata: Many<Sub<KeyValue>>,
} }

message! { Gauge {
    1 "dataPoints" data_points: Many<Sub<NumberDataPoint>>,
} }

message! { Sum {
    1 "dataPoints" data_points: Many<Sub<NumberDataPoint>>,
    2 "aggregationTemporality" aggregation_temporality: Int32,
    3 "isMonotonic" is_monotonic: Bool,
} }

message! { Histogram {
    1 "dataPoints" data_points: Many<Sub<HistogramDataPoint>>,
    2 "aggregationTemporality" aggregation_temporality: Int32,
} }

message! { ExponentialHistogram {
    1 "dataPoints" data_points: Many<Sub<ExponentialHistogramDataPoint>>,
    2 "aggregationTemporality" aggregation_temporality: Int32,
} }

message! { Summary {
    1 "dataPoints" data_points: Many<Sub<SummaryDataPoint>>,
} }

/// A point and its row in `metrics`, twice: as a struct and in the record batch.
const fn point_cost<P>() -> usize {
    size_of::<P>() + 2 * size_of::<schema::MetricPoint>()
}

message! { #[cost = point_cost::<NumberDataPoint>()] NumberDataPoint {
    2 "startTimeUnixNano" start_time_unix_nano: Fixed64,
    3 "timeUnixNano" time_unix_nano: Fixed64,
    4 "asDouble" value = number_data_point::Value::AsDouble: Double,
    5 "exemplars" exemplars: Many<Sub<Exemplar>>,
    6 "asInt" value = number_data_point::Value::AsInt: SFixed64,
    7 "attributes" attributes: Many<Sub<KeyValue>>,
    8 "flags" flags: UInt32,
} }

message! { #[cost = point_cost::<HistogramDataPoint>()] HistogramDataPoint {
    2 "startTimeUnixNano" start_time_unix_nano: Fixed64,
    3 "timeUnixNano" time_unix_nano: Fixed64,
    4 "count" count: Fixed64,
    5 "sum" sum: Maybe<Double>,
    6 "bucketCounts" bucket_counts: Packed<Fixed64>,
    7 "explicitBounds" explicit_bounds: Packed<Double>,
    8 "exemplars" exemplars: Many<Sub<Exemplar>>,
    9 "attributes" attributes: Many<Sub<KeyValue>>,
    10 "flags" flags: UInt32,
    11 "min" min: Maybe<Double>,
    12 "max" max: Maybe<Double>,
} }

message! { #[cost = point_cost::<ExponentialHistogramDataPoint>()] ExponentialHistogramDataPoint {
    1 "attributes" attributes: Many<Sub<KeyValue>>,
    2 "startTimeUnixNano" start_time_unix_nano: Fixed64,
    3 "timeUnixNano" time_unix_nano: Fixed64,
    4 "count" count: Fixed64,
    5 "sum" sum: Maybe<Double>,
    6 "scale" scale: SInt32,
    7 "zeroCount" zero_count: Fixed64,
    8 "positive" positive: Maybe<Sub<Buckets>>,
    9 "negative" negative: Maybe<Sub<Buckets>>,
    10 "flags" flags: UInt32,
    11 "exemplars" exemplars: Many<Sub<Exemplar>>,
    12 "min" min: Maybe<Double>,
    13 "max" max: Maybe<Double>,
    14 "zeroThreshold" zero_threshold: Double,
} }

message! { Buckets {
    1 "offset" offset: SInt32,
    2 "bucketCounts" bucket_counts: Packed<UInt64>,
} }

message! { #[cost = point_cost::<SummaryDataPoint>()] SummaryDataPoint {
    2 "startTimeUnixNano" start_time_unix_nano: Fixed64,
    3 "timeUnixNano" time_unix_nano: Fixed64,
    4 "count" count: Fixed64,
    5 "sum" sum: Double,
    6 "quantileValues" quantile_values: Many<Sub<ValueAtQuantile>>,
    7 "attributes" attributes: Many<Sub<KeyValue>>,
    8 "flags" flags: UInt32,
} }

message! { ValueAtQuantile {
    1 "quantile" quantile: Double,
    2 "value" value: Double,
} }

message! { Exemplar {
    2 "timeUnixNano" time_unix_nano: Fixed64,
    3 "asDouble" value = exemplar::Value::AsDouble: Double,
    4 "spanId" span_id: Id,
    5 "traceId" trace_id: Id,
    6 "asInt" value = exemplar::Value::AsInt: SFixed64,
    7 "filteredAttributes" filtered_attributes: Many<Sub<KeyValue>>,
} }

message! { Resource {
    1 "attributes" attributes: Many<Sub<KeyValue>>,
    2 "droppedAttributesCount" dropped_attributes_count: UInt32,
    3 "entityRefs" entity_refs: Many<Sub<EntityRef>>,
} }

message! { EntityRef {
    1 "schemaUrl" schema_url: Text,
    2 "type" r#type: Text,
    3 "idKeys" id_keys: Many<Text>,
    4 "descriptionKeys" description_keys: Many<Text>,
} }

message! { InstrumentationScope {
    1 "name" name: Text,
    2 "version" version: Text,
    3 "attributes" attributes: Many<Sub<KeyValue>>,
    4 "droppedAttributesCount" dropped_attributes_count: UInt32,
} }

message! { KeyValue {
    1 "key" key: Text,
    2 "value" value: Maybe<Sub<AnyValue>>,
    3 "keyStrindex" key_strindex: Int32,
} }

message! { #[nests = true] AnyValue {
    1 "stringValue" value = any_value::Value::StringValue: Text,
    2 "boolValue" value = any_value::Value::BoolValue: Bool,
    3 "intValue" value = any_value::Value::IntValue: Int64,
    4 "doubleValue" value = any_value::Value::DoubleValue: Double,
    5 "arrayValue" value = any_value::Value::ArrayValue: Sub<ArrayValue>,
    6 "kvlistValue" value = any_value::Value::KvlistValue: Sub<KeyValueList>,
    7 "bytesValue" value = any_value::Value::BytesValue: Blob,
    8 "stringValueStrindex" value = any_value::Value::StringValueStrindex: Int32,
} }

message! { ArrayValue {
    1 "values" values: Many<Sub<AnyValue>>,
} }

message! { KeyValueList {
    1 "values" values: Many<Sub<KeyValue>>,
} }
