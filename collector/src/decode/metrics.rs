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

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
    use opentelemetry_proto::tonic::metrics::v1::{ExponentialHistogram, Gauge, Histogram, ResourceMetrics, ScopeMetrics, Sum, Summary};
    use schema::Row;

    use super::*;

    const TIME: u64 = 1_790_000_000_000_000_000;

    fn rows_of(data: metric::Data) -> Vec<MetricPoint> {
        let metrics = vec![Metric { name: "m".to_owned(), unit: "s".to_owned(), data: Some(data), ..Metric::default() }];
        let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
        let request = ExportMetricsServiceRequest { resource_metrics: vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }] };
        let batches = rows(&request, &Calendar::new(Micros(1_790_000_000_000_000), 90)).unwrap();
        batches.iter().flat_map(|(_, batch)| MetricPoint::decode(batch).unwrap()).collect()
    }

    fn number_of(value: number_data_point::Value) -> NumberDataPoint {
        NumberDataPoint { time_unix_nano: TIME, start_time_unix_nano: TIME - 7, value: Some(value), ..NumberDataPoint::default() }
    }

    #[test]
    fn numbers_have_a_value_unless_none_was_measured() {
        use number_data_point::Value::{AsDouble, AsInt};
        let unmeasured = NumberDataPoint { flags: 1, ..number_of(AsDouble(1.0)) };
        let data_points = vec![number_of(AsDouble(1.5)), number_of(AsInt(-2)), number_of(AsDouble(f64::NAN)), unmeasured];
        let points = rows_of(metric::Data::Gauge(Gauge { data_points }));
        assert_eq!(points.iter().map(|point| point.value).collect::<Vec<_>>(), [Some(1.5), Some(-2.0), None, None]);
        assert_eq!((points[0].kind.as_str(), points[0].unit.as_deref(), points[0].temporality.as_deref()), ("gauge", Some("s"), None));
        assert_eq!((points[0].time_unix_nano, points[0].start_unix_nano), (1_790_000_000_000_000_000, Some(1_789_999_999_999_999_993)));

        let data_points = vec![number_of(AsInt(3)), NumberDataPoint { time_unix_nano: u64::MAX, ..number_of(AsInt(4)) }];
        let points = rows_of(metric::Data::Sum(Sum { data_points, aggregation_temporality: 1, is_monotonic: true }));
        assert_eq!(points.len(), 1, "a time after 2262 rejects the point");
        assert_eq!((points[0].kind.as_str(), points[0].temporality.as_deref(), points[0].monotonic), ("sum", Some("delta"), Some(true)));
    }

    #[test]
    fn histograms_keep_their_buckets_as_json() {
        let point = HistogramDataPoint {
            time_unix_nano: TIME,
            count: 3,
            sum: Some(4.5),
            min: Some(0.5),
            max: Some(f64::INFINITY),
            explicit_bounds: vec![1.0, 2.5],
            bucket_counts: vec![1, 2, 0],
            ..HistogramDataPoint::default()
        };
        let points = rows_of(metric::Data::Histogram(Histogram { data_points: vec![point], aggregation_temporality: 2 }));
        let point = &points[0];
        assert_eq!((point.kind.as_str(), point.temporality.as_deref()), ("histogram", Some("cumulative")));
        assert_eq!((point.count, point.sum, point.min, point.max), (Some(3), Some(4.5), Some(0.5), None));
        assert_eq!(point.buckets.as_deref(), Some(r#"{"bounds":[1.0,2.5],"counts":[1,2,0]}"#));
    }

    #[test]
    fn exponential_histograms_keep_both_sides() {
        let point = ExponentialHistogramDataPoint {
            time_unix_nano: TIME,
            count: 6,
            scale: -1,
            zero_count: 2,
            positive: Some(Buckets { offset: -3, bucket_counts: vec![4] }),
            ..ExponentialHistogramDataPoint::default()
        };
        let points = rows_of(metric::Data::ExponentialHistogram(ExponentialHistogram { data_points: vec![point], aggregation_temporality: 1 }));
        assert_eq!((points[0].kind.as_str(), points[0].count, points[0].sum), ("exponential_histogram", Some(6), None));
        let expect = r#"{"scale":-1,"zero_count":2,"zero_threshold":0.0,"positive":{"offset":-3,"counts":[4]}}"#;
        assert_eq!(points[0].buckets.as_deref(), Some(expect));
    }

    #[test]
    fn summaries_keep_their_quantiles() {
        let quantile_values = vec![ValueAtQuantile { quantile: 0.5, value: 1.25 }, ValueAtQuantile { quantile: 1.0, value: f64::NAN }];
        let point = SummaryDataPoint { time_unix_nano: TIME, count: u64::MAX, sum: 9.0, quantile_values, ..SummaryDataPoint::default() };
        let points = rows_of(metric::Data::Summary(Summary { data_points: vec![point] }));
        assert_eq!((points[0].kind.as_str(), points[0].count, points[0].sum), ("summary", None, Some(9.0)));
        assert_eq!(points[0].buckets.as_deref(), Some(r#"[{"quantile":0.5,"value":1.25},{"quantile":1.0,"value":"NaN"}]"#));
    }
}
