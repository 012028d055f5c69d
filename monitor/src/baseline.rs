//! What a window is compared with: the windows of the past that it should resemble.

use std::ops::Range;

use crate::rule::{Duration, Rule};
use crate::series::Series;

/// The rows of a window and of each window of its baseline, as indices into the series.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    pub current: Vec<usize>,
    pub past: Vec<Vec<usize>>,
    /// Windows of the baseline since the first row of all that hold no row.
    pub n_empty: usize,
}

impl Sample {
    /// Takes the window that ends at `now`, and the first kind of baseline that has enough history.
    ///
    /// Rows inside `excluded` (times of alerts that are over) are not taken into a baseline: a bad day must not become what is usual.
    pub fn take(rule: &Rule, series: &Series, excluded: &[Range<i64>], now: i64) -> Self {
        let current: Vec<usize> = series.range(now - rule.window.0, now).collect();
        let mut best = Sample { current, past: Vec::new(), n_empty: 0 };
        let first = series.times.first().copied().unwrap_or(i64::MAX);
        for shifts in shifts(rule) {
            let ends = shifts.map(|shift| now - shift).filter(|end| end - rule.window.0 >= first);
            let mut past: Vec<Vec<usize>> = ends.map(|end| rows_before(rule, series, excluded, end)).collect();
            let n_windows = past.len();
            past.retain(|rows| !rows.is_empty());
            let candidate = Sample { current: Vec::new(), n_empty: n_windows - past.len(), past };
            let enough = candidate.past.len() >= rule.baseline.min_windows && candidate.n_past() >= rule.baseline.min_n;
            if enough || candidate.n_past() > best.n_past() {
                (best.past, best.n_empty) = (candidate.past, candidate.n_empty);
            }
            if enough {
                break;
            }
        }
        best
    }

    /// Observations in the baseline.
    pub fn n_past(&self) -> u64 {
        self.past.iter().map(|window| window.len() as u64).sum()
    }

    /// Observations in the window.
    pub fn n(&self) -> u64 {
        self.current.len() as u64
    }
}

/// How far back each window of a baseline lies, for each kind of baseline that the rule allows, best first.
fn shifts(rule: &Rule) -> impl Iterator<Item = Box<dyn Iterator<Item = i64>>> {
    let every = |count: Option<u32>, period: Duration| {
        let step = rule.step(period);
        count.map(|count| Box::new((1..=i64::from(count)).map(move |i| i * step)) as Box<dyn Iterator<Item = i64>>)
    };
    let trailing = rule.baseline.trailing.map(|trailing| {
        let window = rule.window.0;
        Box::new((1..=trailing.0 / window).map(move |i| i * window)) as Box<dyn Iterator<Item = i64>>
    });
    [every(rule.baseline.same_hours_of_weeks, Duration::WEEK), every(rule.baseline.same_hours_of_days, Duration::DAY), trailing].into_iter().flatten()
}

fn rows_before(rule: &Rule, series: &Series, excluded: &[Range<i64>], end: i64) -> Vec<usize> {
    let rows = series.range(end - rule.window.0, end);
    rows.filter(|row| !excluded.iter().any(|range| range.contains(&series.times[*row]))).collect()
}
