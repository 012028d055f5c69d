//! The row of `metrics`.

use crate::rows::table_row;
use crate::unit::{Day, Micros};

table_row! {
    /// A data point of a metric.
    MetricPoint in Metrics {
        /// When the point was taken, in UTC.
        time: Micros,
        /// The same moment in nanoseconds since 1970.
        time_unix_nano: i64,
        /// Start of the interval that the point covers, in nanoseconds since 1970.
        start_unix_nano: Option<i64>,
        /// When karat received the point, in UTC.
        ingested_at: Micros,
        /// Partition: the UTC day of `time`, or of `ingested_at` where the point's clock cannot be right.
        date: Day,
        /// Name of the service, from the resource.
        service_name: Option<String>,
        /// Deployment environment, from the resource.
        environment: Option<String>,
        /// Name of the instrumentation scope.
        scope_name: Option<String>,
        /// Name of the metric, such as `gen_ai.client.token.usage`.
        name: String,
        /// Unit of the metric, such as `s` or `{token}`.
        unit: Option<String>,
        /// `gauge`, `sum`, `histogram`, `exponential_histogram` or `summary`.
        kind: String,
        /// `delta` or `cumulative`, for sums and histograms.
        temporality: Option<String>,
        /// True where a sum only grows.
        monotonic: Option<bool>,
        /// Value of a gauge or a sum.
        value: Option<f64>,
        /// Number of observations in a histogram or summary.
        count: Option<i64>,
        /// Sum of the observations.
        sum: Option<f64>,
        /// Smallest observation.
        min: Option<f64>,
        /// Largest observation.
        max: Option<f64>,
        /// Buckets of a histogram or quantiles of a summary, JSON.
        buckets: Option<String>,
        /// Attributes of the point, a JSON object with sorted keys.
        attributes: Option<String>,
        /// Attributes of the resource, a JSON object with sorted keys.
        resource: Option<String>,
    }
}
