//! `watch: silence`: did rows stop coming that always came?
//!
//! The rate is what nine of ten past windows reach, widened by their dispersion (variance over mean): `p = P(X ≤ n/φ)` for X Poisson with
//! mean `q₁₀/φ`. A window in which nothing came counts as one, so that what rests at night or on weekends is not silent then; and what was
//! not seen over a week may rest on any day.

use super::spread::{mad_sd, median};
use super::{Blind, Evidence, Reading, tail, whole};
use crate::baseline::Sample;
use crate::rule::{Duration, Rule};
use crate::series::Series;

/// Time from the first to the last row of the baseline, at least, where the rule reaches back that far: seven days, of the same hours.
const HISTORY_MIN: i64 = 6 * Duration::DAY.0;

pub(super) fn read(rule: &Rule, series: &Series, sample: &Sample) -> Result<Reading, Blind> {
    let (n, n_past, n_windows) = (sample.n(), sample.n_past(), sample.past.len());
    let rows = || sample.past.iter().flatten().map(|row| series.times[*row]);
    let history = rows().max().unwrap_or(0) - rows().min().unwrap_or(0) + rule.window.0;
    if n_past < rule.baseline.min_n || n_windows < rule.baseline.min_windows || history < HISTORY_MIN.min(rule.reach() / 2) {
        return Err(Blind::Learning { n_past, n_windows });
    }
    let mut counts: Vec<f64> = sample.past.iter().map(|window| window.len() as f64).collect();
    counts.resize(counts.len() + sample.n_empty, 0.0);
    let usual = median(&mut counts.clone());
    if usual < rule.min_n as f64 {
        return Err(Blind::Quiet { n, min_n: rule.min_n });
    }
    counts.sort_unstable_by(f64::total_cmp);
    let usual_least = counts[counts.len() / 10];
    let dispersion = (mad_sd(&counts, usual).powi(2) / usual).max(1.0);
    let p_of = |n: u64| tail::poisson_below(whole((n as f64 / dispersion).ceil()) as u64, usual_least / dispersion);
    // At an hour at which even nothing at all would be no surprise, the monitor cannot tell.
    if n < rule.min_n && p_of(0) > rule.q {
        return Err(Blind::Quiet { n, min_n: rule.min_n });
    }
    Ok(Reading { value: n as f64, baseline: Some(usual), effect: n as f64 / usual - 1.0, evidence: Evidence::P(p_of(n)) })
}
