//! Data points to rows of `metrics`.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, DataPointFlags, ExponentialHistogramDataPoint, HistogramDataPoint, Metric, NumberDataPoint, SummaryDataPoint, metric,
    number_data_point,
};
use schema::{MetricPoint, Micros, RowsError};
use store::Rows;

use super::batches::Batches;
use super::calendar::Calendar;
use super::resource::{Service, filled, scope_of};
use super::{fault, json};

/// Makes the rows of every data point of a request that is not rejected.
pub fn rows(request: &ExportMetricsServiceRequest, calendar: &Calendar) -> Result<Rows, RowsError> {
    let mut points = Points::new(0, |_| {});
    for resource in &request.resource_metrics {
        let service = Service::of(resource.resource.as_ref());
        for scope in &resource.scope_metrics {
            let (scope_name, _) = scope_of(scope.scope.as_ref());
            for metric in &scope.metrics {
                let common = MetricPoint {
                    ingested_at: calendar.received_at,
                    service_name: service.name.clone(),
                    environment: service.environment.clone(),
                    scope_name: scope_name.clone(),
                    name: metric.name.clone(),
                    unit: filled(&metric.unit),
                    resource: service.json.clone(),
                    ..MetricPoint::default()
                };
                points_of(metric, &Common { row: common, calendar }, &mut points)?;
            }
        }
    }
    points.finish()
}

type Points = Batches<MetricPoint, fn(&mut [MetricPoint])>;

/// What the points of one metric share.
struct Common<'a> {
    row: MetricPoint,
    calendar: &'a Calendar,
}

impl Common<'_> {
    fn of_kind(&self, kind: &str, temporality: Option<i32>) -> Self {
        let temporality = temporality.and_then(|code| match AggregationTemporality::try_from(code) {
            Ok(AggregationTemporality::Delta) => Some("delta".to_owned()),
            Ok(AggregationTemporality::Cumulative) => Some("cumulative".to_owned()),
            _ => None,
        });
        Self { row: MetricPoint { kind: kind.to_owned(), temporality, ..self.row.clone() }, calendar: self.calendar }
    }

    /// Begins the row of one point; nothing where the point is rejected.
    fn point(&self, start: u64, time: u64, attributes: &[KeyValue]) -> Option<MetricPoint> {
        let nanos = fault::time("timeUnixNano", time).ok()?;
        let time = Micros::from_nanos(nanos);
        Some(MetricPoint {
            time,
            time_unix_nano: nanos,
            start_unix_nano: i64::try_from(start).ok().filter(|start| *start > 0),
            date: self.calendar.date_of(time),
            attributes: json::object_of(attributes),
            ..self.row.clone()
        })
    }
}

fn points_of(metric: &Metric, common: &Common<'_>, points: &mut Points) -> Result<(), RowsError> {
    match &metric.data {
        Some(metric::Data::Gauge(gauge)) => {
            let common = common.of_kind("gauge", None);
            points.extend(gauge.data_points.iter().filter_map(|point| number(point, &common)))
        }
        Some(metric::Data::Sum(sum)) => {
            let mut common = common.of_kind("sum", Some(sum.aggregation_temporality));
            common.row.monotonic = Some(sum.is_monotonic);
            points.extend(sum.data_points.iter().filter_map(|point| number(point, &common)))
        }
        Some(metric::Data::Histogram(histogram)) => {
            let common = common.of_kind("histogram", Some(histogram.aggregation_temporality));
            points.extend(histogram.data_points.iter().filter_map(|point| explicit(point, &common)))
        }
        Some(metric::Data::ExponentialHistogram(histogram)) => {
            let common = common.of_kind("exponential_histogram", Some(histogram.aggregation_temporality));
            points.extend(histogram.data_points.iter().filter_map(|point| exponential(point, &common)))
        }
        Some(metric::Data::Summary(summary)) => {
            let common = common.of_kind("summary", None);
            points.extend(summary.data_points.iter().filter_map(|point| quantiles(point, &common)))
        }
        None => Ok(()),
    }
}

fn number(point: &NumberDataPoint, common: &Common<'_>) -> Option<MetricPoint> {
    let mut row = common.point(point.start_time_unix_nano, point.time_unix_nano, &point.attributes)?;
    row.value = recorded(point.flags).then_some(point.value).flatten().and_then(|value| match value {
        number_data_point::Value::AsDouble(value) => finite(value),
        #[allow(clippy::cast_precision_loss, reason = "the column is a double; counts beyond 2^53 lose their last digits")]
        number_data_point::Value::AsInt(value) => Some(value as f64),
    });
    Some(row)
}

fn explicit(point: &HistogramDataPoint, common: &Common<'_>) -> Option<MetricPoint> {
    let mut row = common.point(point.start_time_unix_nano, point.time_unix_nano, &point.attributes)?;
    if !recorded(point.flags) {
        return Some(row);
    }
    row.count = count(point.count);
    row.sum = point.sum.and_then(finite);
    row.min = point.min.and_then(finite);
    row.max = point.max.and_then(finite);
    let mut out = String::from("{\"bounds\":");
    json::list(&mut out, &point.explicit_bounds, |out, bound| json::float(out, *bound));
    out.push_str(",\"counts\":");
    json::list(&mut out, &point.bucket_counts, |out, count| json::integer(out, *count));
    out.push('}');
    row.buckets = Some(out);
    Some(row)
}

fn exponential(point: &ExponentialHistogramDataPoint, common: &Common<'_>) -> Option<MetricPoint> {
    let mut row = common.point(point.start_time_unix_nano, point.time_unix_nano, &point.attributes)?;
    if !recorded(point.flags) {
        return Some(row);
    }
    row.count = count(point.count);
    row.sum = point.sum.and_then(finite);
    row.min = point.min.and_then(finite);
    row.max = point.max.and_then(finite);
    let mut out = String::from("{\"scale\":");
    json::integer(&mut out, point.scale);
    out.push_str(",\"zero_count\":");
    json::integer(&mut out, point.zero_count);
    out.push_str(",\"zero_threshold\":");
    json::float(&mut out, point.zero_threshold);
    for (name, buckets) in [(",\"positive\":", &point.positive), (",\"negative\":", &point.negative)] {
        if let Some(buckets) = buckets {
            out.push_str(name);
            side(&mut out, buckets);
        }
    }
    out.push('}');
    row.buckets = Some(out);
    Some(row)
}

fn side(out: &mut String, buckets: &Buckets) {
    out.push_str("{\"offset\":");
    json::integer(out, buckets.offset);
    out.push_str(",\"counts\":");
    json::list(out, &buckets.bucket_counts, |out, count| json::integer(out, *count));
    out.push('}');
}

fn quantiles(point: &SummaryDataPoint, common: &Common<'_>) -> Option<MetricPoint> {
    let mut row = common.point(point.start_time_unix_nano, point.time_unix_nano, &point.attributes)?;
    if !recorded(point.flags) {
        return Some(row);
    }
    row.count = count(point.count);
    row.sum = finite(point.sum);
    let mut out = String::new();
    json::list(&mut out, &point.quantile_values, |out, at| {
        out.push_str("{\"quantile\":");
        json::float(out, at.quantile);
        out.push_str(",\"value\":");
        json::float(out, at.value);
        out.push('}');
    });
    row.buckets = Some(out);
    Some(row)
}

/// False where the sender says that this point stands for no measurement.
fn recorded(flags: u32) -> bool {
    flags & DataPointFlags::NoRecordedValueMask as u32 == 0
}

/// NaN and the infinities are no measurements either, and no statistics of a file can hold them.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn count(count: u64) -> Option<i64> {
    i64::try_from(count).ok()
}
