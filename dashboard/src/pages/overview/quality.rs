//! Scores by evaluator, with the coverage beside each: a mean over a tenth of the calls is not the quality of them all.

use std::collections::BTreeMap;

use schema::Micros;
use serde::Deserialize;

use crate::app::{Params, Reader};
use crate::chart::{Axis, Chart, Series};
use crate::error::Error;
use crate::format;
use crate::range::{Grid, Range};

const QUALITY: &str = include_str!("../../../queries/quality.sql");
const TARGETS: &str = include_str!("../../../queries/quality_targets.sql");
const DAY_US: i64 = 86_400_000_000;
const COLOURS: [&str; 4] = ["gold", "teal", "plum", "slate"];

#[derive(Debug, Deserialize)]
struct QualityRow {
    evaluator: String,
    bucket: Option<i64>,
    n_scored: i64,
    n_not_applicable: i64,
    n_failed: i64,
    n_not_passed: i64,
    n_decided: i64,
    n_on_traces: i64,
    mean: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
struct Targets {
    n_calls: i64,
    n_traces: i64,
}

/// What the evaluators say about a range.
#[derive(Debug, Default)]
pub(crate) struct Quality {
    /// A line an evaluator.
    pub evaluators: Vec<Evaluator>,
    /// The means over time.
    pub chart: Option<Chart>,
}

/// One evaluator.
#[derive(Debug)]
pub(crate) struct Evaluator {
    /// Name.
    pub name: String,
    /// Mean score.
    pub mean: String,
    /// Share that passed, for evaluators that decide.
    pub passed: Option<String>,
    /// Whether fewer than nine in ten passed.
    pub is_low: bool,
    /// How many were scored, of how many.
    pub coverage: String,
    /// Share that was scored, in per cent.
    pub coverage_share: f64,
    /// Share that had nothing to judge, in per cent.
    pub not_applicable_share: f64,
    /// What the coverage is made of.
    pub coverage_title: String,
    /// Verdicts that the evaluator could not give.
    pub n_failed: Option<String>,
    /// The mean over time, as an SVG path in a box of 120 by 28.
    pub spark: String,
}

/// Reads the scores of a range.
pub(crate) async fn read(reader: &Reader, range: &Range, grid: &Grid, windows: &[(Micros, Micros)]) -> Result<Quality, Error> {
    let params = Params::new().time("from", range.from).time("to", range.to);
    let scored = grid.params(params.clone()).time("scored_from", Micros(range.from.0.saturating_sub(DAY_US)));
    let (rows, targets): (Vec<QualityRow>, Option<Targets>) = tokio::try_join!(reader.rows(QUALITY, scored, 20_000), reader.first(TARGETS, params))?;
    Ok(lay_out(rows, &targets.unwrap_or_default(), grid, windows))
}

fn lay_out(rows: Vec<QualityRow>, targets: &Targets, grid: &Grid, windows: &[(Micros, Micros)]) -> Quality {
    let mut wholes = Vec::new();
    let mut means: BTreeMap<String, Vec<Option<f64>>> = BTreeMap::new();
    for row in rows {
        match row.bucket {
            None => wholes.push(row),
            Some(bucket) => {
                let values = means.entry(row.evaluator).or_insert_with(|| vec![None; grid.n]);
                if let Some(slot) = usize::try_from(bucket).ok().and_then(|bucket| values.get_mut(bucket)) {
                    *slot = row.mean;
                }
            }
        }
    }
    // the one that is worst off first
    let standing = |row: &QualityRow| passed_share(row).or(row.mean).unwrap_or(f64::INFINITY);
    wholes.sort_by(|a, b| standing(a).total_cmp(&standing(b)).then_with(|| a.evaluator.cmp(&b.evaluator)));

    let unit = |values: &Vec<Option<f64>>| values.iter().flatten().all(|mean| (0.0..=1.0).contains(mean));
    let charted = wholes.iter().filter_map(|whole| Some((&whole.evaluator, means.get(&whole.evaluator).filter(|values| unit(values))?)));
    let series: Vec<Series> = charted.zip(COLOURS).map(|((name, values), class)| Series::new(name.as_str(), class, values.clone())).collect();
    let chart = (!series.is_empty()).then(|| {
        let figure = wholes.iter().find(|whole| whole.evaluator == series[0].name).and_then(|whole| whole.mean);
        let figure = figure.map(|mean| format!("{} {}", series[0].name, format::score(mean))).unwrap_or_default();
        Chart::lines("Quality", grid, &series, Axis::of(format::score)).with_figure(figure).with_shades(grid, windows)
    });
    let evaluators = wholes.iter().map(|whole| Evaluator::new(whole, targets, means.get(&whole.evaluator).map_or(&[], Vec::as_slice))).collect();
    Quality { evaluators, chart }
}

impl Evaluator {
    fn new(row: &QualityRow, targets: &Targets, means: &[Option<f64>]) -> Self {
        let judged = row.n_scored + row.n_not_applicable + row.n_failed;
        let (all, what) = if row.n_on_traces * 2 > judged { (targets.n_traces, "traces") } else { (targets.n_calls, "model calls") };
        let all = all.max(judged);
        let share = |n: i64| if all > 0 { format::real(n) / format::real(all) * 100.0 } else { 0.0 };
        let passed = passed_share(row);
        let coverage_title = format!(
            "{} scored, {} not applicable, {} failed, {} not judged, of {} {what}",
            format::count(row.n_scored),
            format::count(row.n_not_applicable),
            format::count(row.n_failed),
            format::count(all - judged),
            format::count(all)
        );
        Self {
            name: row.evaluator.clone(),
            mean: row.mean.map_or_else(|| "–".to_owned(), format::score),
            is_low: passed.is_some_and(|passed| passed < 0.9),
            passed: passed.map(format::percent),
            coverage: format!("scored {} of {}", format::count(row.n_scored), format::count(all)),
            coverage_share: share(row.n_scored),
            not_applicable_share: share(row.n_not_applicable),
            coverage_title,
            n_failed: (row.n_failed > 0).then(|| format::count(row.n_failed)),
            spark: spark(means),
        }
    }
}

fn passed_share(row: &QualityRow) -> Option<f64> {
    (row.n_decided > 0).then(|| 1.0 - format::real(row.n_not_passed) / format::real(row.n_decided))
}

/// Draws a mean over time without axes; gaps are bridged, so that the line says only which way it went.
fn spark(means: &[Option<f64>]) -> String {
    let known = || means.iter().copied().flatten().filter(|mean| mean.is_finite());
    let (Some(low), Some(high)) = (known().reduce(f64::min), known().reduce(f64::max)) else { return String::new() };
    let (low, high) = if high - low < 0.05 { (low - 0.05, high + 0.05) } else { (low, high) };
    let last = f64::from(u32::try_from(means.len().saturating_sub(1)).unwrap_or(1).max(1));
    let points = means.iter().zip(0u32..).filter_map(|(mean, i)| Some((f64::from(i) / last * 116.0 + 2.0, mean.filter(|mean| mean.is_finite())?)));
    points
        .enumerate()
        .map(|(nth, (x, mean))| format!("{}{x:.1} {:.1}", if nth == 0 { "M" } else { "L" }, 25.0 - (mean - low) / (high - low) * 22.0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(evaluator: &str, bucket: Option<i64>, n_scored: i64, mean: f64) -> QualityRow {
        QualityRow {
            evaluator: evaluator.to_owned(),
            bucket,
            n_scored,
            n_not_applicable: 10,
            n_failed: 2,
            n_not_passed: n_scored / 4,
            n_decided: n_scored,
            n_on_traces: 0,
            mean: Some(mean),
        }
    }

    #[test]
    fn coverage_stands_beside_the_mean() {
        let grid = Grid { start: Micros(0), width_us: DAY_US, n: 3 };
        let rows = vec![row("grounded", None, 100, 0.9), row("grounded", Some(0), 50, 0.95), row("grounded", Some(2), 50, 0.85)];
        let quality = lay_out(rows, &Targets { n_calls: 200, n_traces: 40 }, &grid, &[]);
        let one = &quality.evaluators[0];
        assert_eq!((one.coverage.as_str(), one.mean.as_str(), one.passed.as_deref(), one.is_low), ("scored 100 of 200", "0.9", Some("75 %"), true));
        assert_eq!(one.coverage_title, "100 scored, 10 not applicable, 2 failed, 88 not judged, of 200 model calls");
        assert_eq!(quality.chart.unwrap().dots.len(), 2);
    }
}
