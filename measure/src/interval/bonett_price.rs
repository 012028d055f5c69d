//! Bonett and Price's interval for the difference of two paired rates.

use crate::error::{Error, at_least, open_unit};
use crate::interval::Interval;
use crate::special::normal_quantile;

/// Bonett and Price's interval for `(gained − lost)/n`, two-sided at `level`, over `n` pairs of passes and fails.
///
/// `gained` pairs fail in the baseline and pass now, `lost` ones the other way. With `p = (gained + 1)/(n + 2)` and
/// `q = (lost + 1)/(n + 2)`: `p − q ± z √((p + q − (p − q)²)/(n + 2))`, cut to `-1.0..=1.0`; its width is never zero, not even
/// without a discordant pair. `n` may be an effective number (pairs over the design effect). Errors if `n` is not positive, the
/// counts exceed it, or the level is not between 0 and 1.
/// Source: Bonett and Price, "Adjusted Wald confidence interval for a difference of binomial proportions based on paired data" (2012).
pub fn bonett_price(n: f64, gained: f64, lost: f64, level: f64) -> Result<Interval, Error> {
    open_unit("bonett_price", "level", level)?;
    let (difference, error) = centre(n, gained, lost)?;
    let half = normal_quantile(0.5 + level / 2.0) * error;
    Ok(Interval { low: (difference - half).max(-1.0), high: (difference + half).min(1.0) })
}

/// The one-sided lower bound of the same interval at `level`.
pub fn bonett_price_lower(n: f64, gained: f64, lost: f64, level: f64) -> Result<f64, Error> {
    open_unit("bonett_price", "level", level)?;
    let (difference, error) = centre(n, gained, lost)?;
    Ok((difference - normal_quantile(level) * error).max(-1.0))
}

/// The adjusted difference and its standard error.
fn centre(n: f64, gained: f64, lost: f64) -> Result<(f64, f64), Error> {
    at_least("bonett_price", "pairs", 1, usize::from(n > 0.0))?;
    // A rounding error of an effective n is not an error of the caller.
    if gained < 0.0 || lost < 0.0 || gained + lost > n * (1.0 + 1e-9) {
        return Err(Error::Range { measure: "bonett_price", parameter: "discordant pairs", wants: "from 0 to the pairs", value: gained + lost });
    }
    let (p, q) = ((gained + 1.0) / (n + 2.0), (lost + 1.0) / (n + 2.0));
    let difference = p - q;
    Ok((difference, ((p + q - difference * difference) / (n + 2.0)).sqrt()))
}
