//! What a window is compared with: the windows of the past that it should resemble.

use std::ops::Range;

use crate::detectors::Detector;
use crate::rule::{Duration, Rule};
use crate::series::Series;

/// Windows of a baseline below which the spread between windows is taken from those of another kind: of four windows it is hardly known.
const SPREAD_MIN: usize = 12;

/// The rows of a window and of each window of its baseline, as indices into the series.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    pub current: Vec<usize>,
    pub past: Vec<Vec<usize>>,
    /// Windows of other hours, where those of the same hours are too few to say how much one varies from the next.
    pub others: Vec<Vec<usize>>,
    /// Windows of the baseline since the first row of all that hold no row, those of past alerts left out.
    pub n_empty: usize,
    /// Rows of the window that have no value, as indices into the missing ones.
    pub missing: Vec<usize>,
    /// The same in the windows of the baseline.
    pub past_missing: Vec<usize>,
}

impl Sample {
    /// Takes the window that ends at `now`, and the first kind of baseline that has enough history.
    ///
    /// Rows inside `excluded` (times of alerts that are over) are not taken into a baseline: a bad day must not become what is usual.
    pub fn take(rule: &Rule, series: &Series, excluded: &[Range<i64>], now: i64) -> Self {
        let length = rule.window.0;
        let current: Vec<usize> = series.range(now - length, now).collect();
        let missing: Vec<usize> = series.missing.range(now - length, now).collect();
        let mut best = Sample { current, missing, ..Sample::default() };
        let first = series.times.first().copied().unwrap_or(i64::MAX);
        let mut kinds = shifts(rule).map(|shifts| shifts.map(|shift| now - shift).filter(|end| end - length >= first).collect::<Vec<i64>>());
        for ends in kinds.by_ref() {
            let candidate = Sample::before(series, excluded, &ends, length);
            let enough = candidate.past.len() >= rule.baseline.min_windows && candidate.n_past() >= rule.baseline.min_n;
            if enough || candidate.n_past() > best.n_past() {
                best = Sample { current: best.current, missing: best.missing, ..candidate };
            }
            if enough {
                break;
            }
        }
        if best.past.len() < SPREAD_MIN && matches!(rule.watch, Detector::Anomaly | Detector::ErrorRate) {
            best.others = kinds.last().map(|ends| Sample::before(series, excluded, &ends, length).past).unwrap_or_default();
        }
        best
    }

    /// The windows that say how much one varies from the next.
    pub fn spread(&self) -> &[Vec<usize>] {
        if self.others.len() > self.past.len() { &self.others } else { &self.past }
    }

    /// The windows that end at `ends`.
    fn before(series: &Series, excluded: &[Range<i64>], ends: &[i64], length: i64) -> Self {
        let usual = |time: i64| !excluded.iter().any(|range| range.contains(&time));
        let mut sample = Sample::default();
        for end in ends {
            let start = end - length;
            let rows: Vec<usize> = series.range(start, *end).filter(|row| usual(series.times[*row])).collect();
            sample.past_missing.extend(series.missing.range(start, *end).filter(|row| usual(series.missing.times[*row])));
            if !rows.is_empty() {
                sample.past.push(rows);
            } else if !excluded.iter().any(|range| range.start < *end && range.end > start) {
                sample.n_empty += 1;
            }
        }
        sample
    }

    /// Share of the window's rows that have a value; nothing where there are no rows.
    pub fn coverage(&self) -> Option<f64> {
        share(self.current.len(), self.missing.len())
    }

    /// The same of the baseline.
    pub fn past_coverage(&self) -> Option<f64> {
        share(self.past.iter().map(Vec::len).sum(), self.past_missing.len())
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

fn share(n: usize, n_missing: usize) -> Option<f64> {
    (n + n_missing > 0).then(|| n as f64 / (n + n_missing) as f64)
}
