//! Clopper and Pearson's interval for one rate.

use crate::error::Error;
use crate::interval::{Interval, check_rate};
use crate::special::beta_quantile;

/// The exact two-sided interval for `successes` of `n` at `level`: never covers less than it says.
///
/// `Beta⁻¹(α/2; k, n − k + 1)` and `Beta⁻¹(1 − α/2; k + 1, n − k)`, 0 and 1 at the ends. Errors if `n` is 0, there are more successes than
/// trials, or the level is not between 0 and 1. Source: Clopper and Pearson (1934).
pub fn clopper_pearson(successes: u64, n: u64, level: f64) -> Result<Interval, Error> {
    check_rate("clopper_pearson", successes, n, level)?;
    let tail = (1.0 - level) / 2.0;
    let (k, n) = (successes as f64, n as f64);
    let low = if successes == 0 { 0.0 } else { beta_quantile(k, n - k + 1.0, tail) };
    let high = if k == n { 1.0 } else { beta_quantile(k + 1.0, n - k, 1.0 - tail) };
    Ok(Interval { low, high })
}
