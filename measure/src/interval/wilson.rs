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
    let (n, rate) = (n as f64, successes as f64 / n as f64);
    let z2 = normal_quantile(0.5 + level / 2.0).powi(2);
    let centre = rate + z2 / (2.0 * n);
    let half = (z2 * (rate * (1.0 - rate) / n + z2 / (4.0 * n * n))).sqrt();
    let scale = 1.0 + z2 / n;
    Ok(Interval { low: ((centre - half) / scale).max(0.0), high: ((centre + half) / scale).min(1.0) })
}
