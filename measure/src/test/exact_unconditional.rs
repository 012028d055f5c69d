//! An exact test that two paired rates differ by less than a margin.

use crate::error::{Error, at_least, open_unit};
use crate::special::{binomial_cdf, binomial_pmf};

/// Shares of discordant pairs at which the p-value is looked at.
const GRID: u32 = 200;

/// P-value that the rate fell by the margin or more, exact and unconditional: small means shown not to have fallen by the margin.
///
/// Over all tables of `n` pairs that speak at least as much against a fall of `margin` as the observed one (ordered by Tango's score
/// statistic), the probability when the true fall is exactly `margin`, maximised over the share of discordant pairs. Few
/// discordant pairs make interval formulas too sure; this does not assume that there are many. Errors if `n` is 0, the counts exceed it, or
/// the margin is not between 0 and 1. Source of the order: Tango, "Equivalence test and confidence interval for the difference in
/// proportions for the paired-sample design" (1998).
pub fn non_inferiority_p(n: u64, gained: u64, lost: u64, margin: f64) -> Result<f64, Error> {
    at_least("non_inferiority_p", "pairs", 1, usize::from(n > 0))?;
    open_unit("non_inferiority_p", "margin", margin)?;
    if gained + lost > n {
        let value = (gained + lost) as f64;
        return Err(Error::Range { measure: "non_inferiority_p", parameter: "discordant pairs", wants: "at most the pairs", value });
    }
    let observed = statistic(n, gained, lost, margin);
    let limits: Vec<i64> = (0..=n).map(|discordant| most_losses(n, discordant, margin, observed)).collect();
    let at = |step: u32| probability(n, margin, margin + (1.0 - margin) * f64::from(step) / f64::from(GRID), &limits);
    Ok((0..=GRID).map(at).fold(0.0, f64::max).min(1.0))
}

/// Tango's score statistic of a difference of `-margin`: how far the table speaks against such a fall.
fn statistic(n: u64, gained: u64, lost: u64, margin: f64) -> f64 {
    let (n, gained, lost, delta) = (n as f64, gained as f64, lost as f64, -margin);
    // The share of losses that is likeliest when the difference is exactly delta.
    let b = -gained - lost + (2.0 * n - gained + lost) * delta;
    let c = -lost * delta * (1.0 - delta);
    let losses = ((b * b - 8.0 * n * c).max(0.0).sqrt() - b) / (4.0 * n);
    (gained - lost - n * delta) / (n * (2.0 * losses + delta * (1.0 - delta))).sqrt()
}

/// Among tables with this many discordant pairs, the most losses that still speak as much against a fall; -1 for none.
fn most_losses(n: u64, discordant: u64, margin: f64, observed: f64) -> i64 {
    let speaks = |lost: u64| statistic(n, discordant - lost, lost, margin) >= observed - 1e-9;
    if !speaks(0) {
        return -1;
    }
    let (mut low, mut high) = (0, discordant);
    while low < high {
        let middle = (low + high).div_ceil(2);
        if speaks(middle) { low = middle } else { high = middle - 1 }
    }
    i64::try_from(low).unwrap_or(i64::MAX)
}

/// The probability of these tables when `share` of the pairs are discordant and the fall is exactly the margin.
fn probability(n: u64, margin: f64, share: f64, limits: &[i64]) -> f64 {
    let loses = (share + margin) / (2.0 * share);
    let spread = 9.0 * (n as f64 * share * (1.0 - share)).sqrt() + 9.0;
    let centre = n as f64 * share;
    let discordant = |k: &u64| (*k as f64 - centre).abs() <= spread;
    let of = |k: u64, limit: i64| binomial_pmf(k, n, share) * if limit < 0 { 0.0 } else { binomial_cdf(limit, k, loses) };
    (0..=n).zip(limits).filter(|(k, _)| discordant(k)).map(|(k, limit)| of(k, *limit)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With no discordant pair the p-value is at least `(1 − margin)^n`, the probability of seeing no loss at all.
    #[test]
    fn nothing_discordant_proves_only_with_enough_pairs() {
        let p = |n| non_inferiority_p(n, 0, 0, 0.05).unwrap();
        assert!(p(20) >= 0.95_f64.powi(20) && p(20) > 0.3);
        assert!(p(200) < 0.05, "{}", p(200));
        assert!(p(50) > p(100) && p(100) > p(300));
    }

    #[test]
    fn losses_speak_for_a_fall() {
        let p = |gained, lost| non_inferiority_p(200, gained, lost, 0.05).unwrap();
        assert!(p(0, 0) < p(0, 2) && p(0, 2) < p(0, 6));
        assert!(p(4, 0) < p(0, 0));
    }

    #[test]
    fn impossible_tables_are_errors() {
        assert!(non_inferiority_p(0, 0, 0, 0.05).is_err());
        assert!(non_inferiority_p(10, 6, 6, 0.05).is_err());
        assert!(non_inferiority_p(10, 0, 0, 0.0).is_err());
    }
}
