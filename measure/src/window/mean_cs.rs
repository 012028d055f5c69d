//! A confidence sequence of a mean: an interval that may be looked at as often as one likes.

use crate::error::{Error, at_least, open_unit};
use crate::interval::Interval;
use crate::moments::Moments;

/// Rows at which the sequence is narrowest, unless said otherwise.
pub const N_OPT: f64 = 500.0;

/// The asymptotic confidence sequence of a mean after the numbers that were counted.
///
/// `x̄ ± s √(2(nρ² + 1)/(n²ρ²) · ln(√(nρ² + 1)/α))`, s with n − 1, `ρ² = (−2 ln α + ln(−2 ln α + 1))/n_opt`. Over all n together it misses the
/// mean with probability `alpha`, so that looking after every row is legal. Errors below two numbers, where all are alike (there is no
/// spread to judge by), unless `0 < alpha < 1` and `n_opt > 0`. Infinite numbers give NaN.
/// Source: Waudby-Smith and others, "Time-uniform central limit theory and asymptotic confidence sequences" (2024).
pub fn mean_cs_of(moments: &Moments, alpha: f64, n_opt: f64) -> Result<Interval, Error> {
    open_unit("mean_cs", "alpha", alpha)?;
    if n_opt.is_nan() || n_opt <= 0.0 {
        return Err(Error::Range { measure: "mean_cs", parameter: "n_opt", wants: "above 0", value: n_opt });
    }
    at_least("mean_cs", "different numbers", 2, if moments.variance() == 0.0 { 1 } else { 2 })?;
    let n = moments.n as f64;
    let log = -2.0 * alpha.ln();
    let rho2 = (log + (log + 1.0).ln()) / n_opt;
    let scale = n * rho2 + 1.0;
    let half = moments.sd() * (2.0 * scale / (n * n * rho2) * (scale.sqrt() / alpha).ln()).sqrt();
    Ok(Interval { low: moments.mean - half, high: moments.mean + half })
}

/// The confidence sequence of [`mean_cs_of`] after each value; `None` where it has none yet. NaN is null and left out.
///
/// Errors unless `0 < alpha < 1` and `n_opt > 0`.
pub fn mean_cs(values: &[f64], alpha: f64, n_opt: f64) -> Result<Vec<Option<Interval>>, Error> {
    let mut moments = Moments::default();
    let step = |x: &f64| {
        moments.add(*x);
        match mean_cs_of(&moments, alpha, n_opt) {
            Ok(interval) => Ok(Some(interval)),
            Err(Error::TooFew { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    };
    values.iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_formula() {
        let values: Vec<f64> = (1..=200).map(|i| (f64::from(i) * 0.618_033_988_749_894_9).fract()).collect();
        let found = mean_cs(&values, 0.05, N_OPT).unwrap();
        let last = found[199].unwrap();
        assert_eq!(found[0], None);
        assert!((last.low - 0.4386420530676064).abs() < 1e-9 && (last.high - 0.566189685661269).abs() < 1e-9, "{last:?}");
    }

    #[test]
    fn without_spread_nothing_is_known() {
        assert_eq!(mean_cs(&[1.0, 1.0, f64::NAN], 0.05, N_OPT).unwrap(), [None, None, None]);
        assert!(mean_cs(&[1.0], 0.0, N_OPT).is_err() && mean_cs(&[1.0], 0.05, 0.0).is_err());
        assert!(mean_cs(&[1.0, f64::INFINITY], 0.05, N_OPT).unwrap()[1].unwrap().low.is_nan());
    }
}
