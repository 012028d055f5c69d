//! Wilson's interval for one rate.

use crate::error::Error;
use crate::interval::{Interval, check_rate};
use crate::special::normal_quantile;

/// Wilson's score interval for `successes` of `n`, two-sided at `level` (such as 0.95).
///
/// `(p̂ + z²/2n ± z √(p̂(1−p̂)/n + z²/4n²)) / (1 + z²/n)`, within `0.0..=1.0`. Errors if `n` is 0, there are more successes than trials, or
/// the level is not between 0 and 1. Source: Wilson, "Probable inference, the law of succession, and statistical inference" (1927).
pub fn wilson(successes: u64, n: u64, level: f64) -> Result<Interval, Error> {
    check_rate("wilson", successes, n, level)?;
    Ok(score_interval(successes as f64 / n as f64, n as f64, normal_quantile(0.5 + level / 2.0)))
}

/// Wilson's formula for a rate over an effective number of trials, `z` standard errors wide on either side.
pub(super) fn score_interval(rate: f64, n: f64, z: f64) -> Interval {
    let z2 = z * z;
    let centre = rate + z2 / (2.0 * n);
    let half = (z2 * (rate * (1.0 - rate) / n + z2 / (4.0 * n * n))).sqrt();
    let scale = 1.0 + z2 / n;
    Interval { low: ((centre - half) / scale).max(0.0), high: ((centre + half) / scale).min(1.0) }
}
