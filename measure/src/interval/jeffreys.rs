//! Jeffreys' interval for one rate.

use crate::error::Error;
use crate::interval::{Interval, check_rate};
use crate::special::beta_quantile;

/// The two-sided interval for `successes` of `n` at `level` under Jeffreys' prior, Beta(½, ½): covers as much as it says on average over rates.
///
/// `Beta⁻¹(α/2; k + ½, n − k + ½)` and `Beta⁻¹(1 − α/2; ...)`, 0 where there is no success and 1 where there is no failure. Errors if `n` is 0,
/// there are more successes than trials, or the level is not between 0 and 1.
/// Source: Brown, Cai and DasGupta, "Interval estimation for a binomial proportion" (2001); equal to statsmodels' `method="jeffreys"` inside.
pub fn jeffreys(successes: u64, n: u64, level: f64) -> Result<Interval, Error> {
    check_rate("jeffreys", successes, n, level)?;
    let tail = (1.0 - level) / 2.0;
    let (a, b) = (successes as f64 + 0.5, (n - successes) as f64 + 0.5);
    let low = if successes == 0 { 0.0 } else { beta_quantile(a, b, tail) };
    let high = if successes == n { 1.0 } else { beta_quantile(a, b, 1.0 - tail) };
    Ok(Interval { low, high })
}
