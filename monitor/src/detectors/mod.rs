//! What a monitor can watch, one file a detector.

mod drift;
mod error_rate;
mod level;
mod silence;
mod spread;
mod tail;
mod threshold;

use serde::Deserialize;

use crate::baseline::Sample;
use crate::rule::Rule;
use crate::series::Series;
use crate::state::State;

/// What a monitor watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detector {
    /// The distribution of `value` against the baseline's.
    Drift,
    /// The level of `value` against the levels of the baseline's windows.
    Anomaly,
    /// The level of `value` against a fixed number.
    Threshold,
    /// The number of rows, which must not fall away.
    Silence,
    /// The sum of `value` against a limit.
    Budget,
    /// The share of rows whose `value` is true, against the baseline's share.
    ErrorRate,
}

/// What a detector measured in one slice.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    /// The watched number in the window.
    pub value: f64,
    /// The same number in the baseline.
    pub baseline: Option<f64>,
    /// The change, above zero for a rise and below for a fall.
    pub effect: f64,
    /// How surprising the change is, in the direction that the rule watches.
    pub evidence: Evidence,
}

/// On what a reading is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Evidence {
    /// A p-value, still to be adjusted over the slices.
    P(f64),
    /// No chance involved: a fixed limit says what the state is.
    Fixed(State),
}

/// Why a detector could not measure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Blind {
    /// Too many observations have no value: what is missing may not be like the rest.
    Uncovered {
        /// Share of those that have one.
        share: f64,
        /// Whether enough of them had one before.
        is_news: bool,
    },
    /// The window holds too little, though the baseline's windows held enough.
    TooFew {
        /// Observations in the window.
        n: u64,
        /// Observations that it needs.
        min_n: u64,
    },
    /// The window holds too little, as its like did before: a quiet hour.
    Quiet {
        /// Observations in the window.
        n: u64,
        /// Observations that it needs.
        min_n: u64,
    },
    /// There is not enough history yet to compare with.
    Learning {
        /// Observations in the baseline.
        n_past: u64,
        /// Windows with observations in the baseline.
        n_windows: usize,
    },
}

impl Detector {
    /// Measures the whole and then each slice, which are given in this order.
    pub(crate) fn read(self, rule: &Rule, series: &Series, samples: &[&Sample]) -> Vec<Result<Reading, Blind>> {
        let each = |read: &dyn Fn(&Sample) -> Result<Reading, Blind>| samples.iter().map(|sample| read(sample)).collect();
        match self {
            Detector::Drift => each(&|sample| drift::read(rule, series, sample)),
            Detector::Anomaly => {
                let residuals = level::Residuals::of(series, samples);
                each(&|sample| level::read(rule, series, &residuals, sample))
            }
            Detector::Threshold => each(&|sample| threshold::read(rule, series, sample)),
            Detector::Budget => each(&|sample| threshold::read_budget(rule, series, sample)),
            Detector::Silence => each(&|sample| silence::read(rule, series, sample)),
            Detector::ErrorRate => each(&|sample| error_rate::read(rule, series, sample)),
        }
    }
}

/// Refuses a window or a baseline that is too small to be compared.
fn enough(rule: &Rule, sample: &Sample) -> Result<(), Blind> {
    let (n, min_n, n_past, n_windows) = (sample.n(), rule.min_n, sample.n_past(), sample.past.len());
    if n_past < rule.baseline.min_n || n_windows < rule.baseline.min_windows {
        return Err(Blind::Learning { n_past, n_windows });
    }
    if n >= min_n {
        return Ok(());
    }
    if is_unusual(n, sample) { Err(Blind::TooFew { n, min_n }) } else { Err(Blind::Quiet { n, min_n }) }
}

/// Whether a window with so few observations is no quiet night: nothing at all where nine of ten windows had something, or
/// less than a quarter of what nine of ten had.
fn is_unusual(n: u64, sample: &Sample) -> bool {
    if n == 0 {
        return 10 * sample.n_empty < sample.n_empty + sample.past.len();
    }
    let mut counts: Vec<u64> = sample.past.iter().map(|window| window.len() as u64).collect();
    counts.sort_unstable();
    counts.get(counts.len() / 10).is_some_and(|usual| 4 * n < *usual)
}

/// Cuts a count that is known to be small to a whole number.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of rows, at least zero and far below 2^53")]
fn whole(count: f64) -> usize {
    count as usize
}
