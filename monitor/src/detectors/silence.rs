//! `watch: silence`: did rows stop coming that always came?
//!
//! The rate is the lower quartile of the past windows' counts, widened by their dispersion (variance over mean), so that
//! weekends and quiet nights are no silence: `p = P(X ≤ n/φ)` for X Poisson with mean `q₂₅/φ`.

use super::spread::{mad_sd, median};
use super::{Blind, Evidence, Reading, tail, whole};
use crate::baseline::Sample;
use crate::rule::Rule;

pub(super) fn read(rule: &Rule, sample: &Sample) -> Result<Reading, Blind> {
    let (n, n_past, n_windows) = (sample.n(), sample.n_past(), sample.past.len());
    if n_past < rule.baseline.min_n || n_windows < rule.baseline.min_windows {
        return Err(Blind::Learning { n_past, n_windows });
    }
    let mut counts: Vec<f64> = sample.past.iter().map(|window| window.len() as f64).collect();
    let usual = median(&mut counts.clone());
    if usual < rule.min_n as f64 {
        return Err(Blind::Quiet { n, min_n: rule.min_n });
    }
    counts.sort_unstable_by(f64::total_cmp);
    let quartile = counts[counts.len() / 4];
    let dispersion = (mad_sd(&counts, usual).powi(2) / usual).max(1.0);
    let p_of = |n: u64| tail::poisson_below(whole((n as f64 / dispersion).ceil()) as u64, quartile / dispersion);
    // At an hour at which even nothing at all would be no surprise, the monitor cannot tell.
    if n < rule.min_n && p_of(0) > rule.q {
        return Err(Blind::Quiet { n, min_n: rule.min_n });
    }
    Ok(Reading { value: n as f64, baseline: Some(usual), effect: n as f64 / usual - 1.0, evidence: Evidence::P(p_of(n)) })
}
