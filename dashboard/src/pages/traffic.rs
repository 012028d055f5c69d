//! Traffic, latency and errors of the traces that fit a filter: the strip over the trace list, and the first charts of the overview.

use schema::Micros;
use serde::Deserialize;

use crate::app::{Params, Reader};
use crate::chart::{Axis, Chart, Series, usual};
use crate::error::Error;
use crate::format;
use crate::range::Grid;

const STRIP: &str = concat!(include_str!("../../queries/matched.sql"), include_str!("../../queries/traces_strip.sql"));

/// Traces in a bucket from which its error rate says something.
const ENOUGH: i64 = 10;

#[derive(Debug, Deserialize)]
struct StripRow {
    bucket: Option<i64>,
    n: i64,
    n_failed: Option<i64>,
    p50_ns: Option<f64>,
    p95_ns: Option<f64>,
}

/// Traces over time.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// Traces in all.
    pub n: i64,
    /// Those with an error.
    pub n_failed: i64,
    /// Median duration, in nanoseconds.
    pub p50_ns: Option<f64>,
    /// 95th percentile of the duration, in nanoseconds.
    pub p95_ns: Option<f64>,
    /// Volume, latency and error rate over time.
    pub charts: Vec<Chart>,
}

impl Traffic {
    /// Writes the number of traces.
    pub(crate) fn count(&self) -> String {
        format::count(self.n)
    }

    /// Returns the share of traces with an error.
    pub(crate) fn error_rate(&self) -> Option<f64> {
        (self.n > 0).then(|| format::real(self.n_failed) / format::real(self.n))
    }
}

/// Reads the traffic of the traces that fit `matched.sql`'s parameters.
pub(crate) async fn read(reader: &Reader, params: Params, grid: &Grid) -> Result<Traffic, Error> {
    let rows: Vec<StripRow> = reader.rows(STRIP, grid.params(params), 1_000).await?;
    Ok(lay_out(&rows, grid, &[]))
}

/// Reads the traffic, and shades the windows of alerts in its charts.
pub(crate) async fn read_shaded(reader: &Reader, params: Params, grid: &Grid, windows: &[(Micros, Micros)]) -> Result<Traffic, Error> {
    let rows: Vec<StripRow> = reader.rows(STRIP, grid.params(params), 1_000).await?;
    Ok(lay_out(&rows, grid, windows))
}

fn lay_out(rows: &[StripRow], grid: &Grid, windows: &[(Micros, Micros)]) -> Traffic {
    let whole = rows.iter().find(|row| row.bucket.is_none());
    let (n, n_failed) = whole.map_or((0, 0), |row| (row.n, row.n_failed.unwrap_or(0)));
    let (p50_ns, p95_ns) = whole.map_or((None, None), |row| (row.p50_ns, row.p95_ns));

    let volume = [
        Series::new("ok", "ink", spread(rows, grid, |row| Some(format::real(row.n - row.n_failed.unwrap_or(0))))),
        Series::new("error", "bad", spread(rows, grid, |row| row.n_failed.map(format::real))),
    ];
    let latency = [Series::new("p95", "gold", spread(rows, grid, |row| row.p95_ns)), Series::new("p50", "ink", spread(rows, grid, |row| row.p50_ns))];
    let errors = [Series::new("error rate", "bad", spread(rows, grid, |row| Some(format::real(row.n_failed?) / format::real(row.n.max(1)))))];

    let rate = if n > 0 { format::percent(format::real(n_failed) / format::real(n)) } else { "–".to_owned() };
    let p50_p95 =
        format!("{} / {}", p50_ns.map_or_else(|| "–".to_owned(), format::duration), p95_ns.map_or_else(|| "–".to_owned(), format::duration));
    // a single slow trace, or one error among three traces at night, must not press the rest of the chart flat
    let latency_axis = Axis::durations().with_ceiling(usual(&latency[0].values, 6.0));
    let busy = spread(rows, grid, |row| (row.n >= ENOUGH).then(|| format::real(row.n_failed.unwrap_or(0)) / format::real(row.n)));
    let worst = busy.iter().copied().flatten().fold(0.0, f64::max);
    let error_axis =
        Axis { tick: format::percent_tick, ..Axis::of(format::percent) }.with_floor(0.04).with_ceiling(if worst > 0.0 { worst * 1.5 } else { 1.0 });
    let charts = vec![
        Chart::stacked("Traces", grid, &volume, Axis::of(format::short)).with_figure(format::count(n)),
        Chart::lines("Latency p50 / p95", grid, &latency, latency_axis).with_figure(p50_p95),
        Chart::stacked("Error rate", grid, &errors, error_axis).with_figure(rate),
    ];
    let charts = charts.into_iter().map(|chart| chart.with_shades(grid, windows)).collect();
    Traffic { n, n_failed, p50_ns, p95_ns, charts }
}

/// Lays the rows of buckets out over the grid; a bucket without a row has no value.
fn spread(rows: &[StripRow], grid: &Grid, value: impl Fn(&StripRow) -> Option<f64>) -> Vec<Option<f64>> {
    let mut values = vec![None; grid.n];
    for row in rows {
        let slot = row.bucket.and_then(|bucket| usize::try_from(bucket).ok()).and_then(|bucket| values.get_mut(bucket));
        if let Some(slot) = slot {
            *slot = value(row);
        }
    }
    values
}
