//! Data points as OTLP, each as a metric of its own.

use schema::MetricPoint;
use serde_json::{Value, json};

use super::{Exported, listed, object_of};

/// The bit of a point's flags that says that nothing was measured.
const NO_RECORDED_VALUE: u32 = 1;

impl Exported for MetricPoint {
    const LISTS: [&'static str; 3] = ["resourceMetrics", "scopeMetrics", "metrics"];

    fn nanos(&self) -> i64 {
        self.time_unix_nano
    }

    fn resource(&self) -> Option<&str> {
        self.resource.as_deref()
    }

    fn scope(&self) -> [Option<&str>; 2] {
        [self.scope_name.as_deref(), None]
    }

    fn item(&self) -> Value {
        let temporality = ["", "delta", "cumulative"].iter().position(|name| Some(*name) == self.temporality.as_deref()).unwrap_or_default();
        let mut point = measured(self).unwrap_or_else(|| json!({"flags": NO_RECORDED_VALUE}));
        point["timeUnixNano"] = json!(self.time_unix_nano.to_string());
        point["startTimeUnixNano"] = json!(self.start_unix_nano.unwrap_or_default().to_string());
        point["attributes"] = json!(listed(&object_of(self.attributes.as_deref())));
        let (kind, data) = match self.kind.as_str() {
            "sum" => {
                ("sum", json!({"dataPoints": [point], "aggregationTemporality": temporality, "isMonotonic": self.monotonic.unwrap_or_default()}))
            }
            "histogram" => ("histogram", json!({"dataPoints": [point], "aggregationTemporality": temporality})),
            "exponential_histogram" => ("exponentialHistogram", json!({"dataPoints": [point], "aggregationTemporality": temporality})),
            "summary" => ("summary", json!({"dataPoints": [point]})),
            _ => ("gauge", json!({"dataPoints": [point]})),
        };
        json!({"name": self.name, "unit": self.unit.clone().unwrap_or_default(), kind: data})
    }
}

/// Returns the fields of a point that hold what was measured; nothing where nothing was.
fn measured(row: &MetricPoint) -> Option<Value> {
    if matches!(row.kind.as_str(), "gauge" | "sum") {
        return row.value.map(|value| json!({"asDouble": value}));
    }
    let buckets: Value = serde_json::from_str(row.buckets.as_deref()?).ok()?;
    let mut point = match row.kind.as_str() {
        "summary" => json!({"quantileValues": buckets}),
        "histogram" => json!({"explicitBounds": buckets["bounds"], "bucketCounts": counts_of(&buckets)}),
        _ => exponential(&buckets),
    };
    let figures = [("sum", row.sum), ("min", row.min), ("max", row.max)];
    for (name, figure) in figures.into_iter().filter_map(|(name, figure)| Some((name, figure?))) {
        point[name] = json!(figure);
    }
    if let Some(count) = row.count {
        point["count"] = json!(count.to_string());
    }
    Some(point)
}

fn exponential(buckets: &Value) -> Value {
    let mut point = json!({"scale": buckets["scale"], "zeroCount": buckets["zero_count"].to_string(), "zeroThreshold": buckets["zero_threshold"]});
    for side in ["positive", "negative"] {
        if let Some(counts) = buckets.get(side) {
            point[side] = json!({"offset": counts["offset"], "bucketCounts": counts_of(counts)});
        }
    }
    point
}

/// Counts may be beyond what a number of JSON holds for sure, so OTLP writes them as text.
fn counts_of(buckets: &Value) -> Vec<String> {
    buckets["counts"].as_array().map(|counts| counts.iter().map(Value::to_string).collect()).unwrap_or_default()
}
