//! A confidence sequence of a mean: an interval that may be looked at as often as one likes.

use crate::error::{Error, at_least, open_unit};
use crate::interval::Interval;
use crate::moments::Moments;
use crate::special::{normal_quantile, normal_survival};

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

/// How many standard errors the one-sided confidence sequence of a mean stands away from it after `n` numbers: the mean is shown to be below 0 at
/// level `alpha` when it lies more than that below, whenever one looks.
///
/// `√(2(x + 1)/x · ln(1 + √(x + 1)/(2α)))`, x = nρ², ρ² as in [`mean_cs_of`] for 2α. Errors unless `0 < alpha < 0.5`, `n > 0` and `n_opt > 0`.
/// Source: Waudby-Smith and others (2024), the one-sided sequence.
pub fn one_sided_reach(n: f64, alpha: f64, n_opt: f64) -> Result<f64, Error> {
    let x = time(n, alpha, n_opt)?;
    Ok((2.0 * (x + 1.0) / x * (1.0 + (x + 1.0).sqrt() / (2.0 * alpha)).ln()).sqrt())
}

/// The level of a single look whose threshold is that of the sequence: what a p-value has to reach where it may be looked at again.
///
/// `1 − Φ(reach)` with [`one_sided_reach`]; less than `alpha`. Errors as there.
pub fn level_of_a_look(n: f64, alpha: f64, n_opt: f64) -> Result<f64, Error> {
    Ok(normal_survival(one_sided_reach(n, alpha, n_opt)?))
}

/// The p-value that holds at every look, out of the p-value that would hold if there were this one alone: the smallest level at which the one-sided
/// sequence is on the other side of 0.
///
/// `√(x + 1) / (2(exp(z²x/(2(x + 1))) − 1))` with z = Φ⁻¹(1 − p), at most 1; x is laid out for `alpha`, the level that is to be kept. Exact tests of
/// few clusters enter by their own p, so that the sequence is no bolder than they are. Errors as [`one_sided_reach`].
pub fn p_of_any_look(p: f64, n: f64, alpha: f64, n_opt: f64) -> Result<f64, Error> {
    let x = time(n, alpha, n_opt)?;
    if p >= 0.5 {
        return Ok(1.0);
    }
    let z = -normal_quantile(p);
    Ok(((x + 1.0).sqrt() / (2.0 * (z * z * x / (2.0 * (x + 1.0))).exp_m1())).min(1.0))
}

/// `nρ²`, the time of the one-sided sequence.
fn time(n: f64, alpha: f64, n_opt: f64) -> Result<f64, Error> {
    open_unit("one_sided_cs", "2 alpha", 2.0 * alpha)?;
    for (parameter, value) in [("n", n), ("n_opt", n_opt)] {
        if value.is_nan() || value <= 0.0 {
            return Err(Error::Range { measure: "one_sided_cs", parameter, wants: "above 0", value });
        }
    }
    let log = -2.0 * (2.0 * alpha).ln();
    Ok(n * (log + (log + 1.0).ln()) / n_opt)
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

    /// A p-value at the threshold of a look is worth exactly alpha; x = 6.3287 and a reach of 2.7791 by hand for alpha .05 at n = n_opt.
    #[test]
    fn the_one_sided_sequence_is_its_own_inverse() {
        assert!((one_sided_reach(100.0, 0.05, 100.0).unwrap() - 2.779_094).abs() < 1e-6);
        for alpha in [0.05, 0.005] {
            for n in [50.0, 200.0, 1_000.0] {
                let level = level_of_a_look(n, alpha, 200.0).unwrap();
                assert!(level < alpha && (p_of_any_look(level, n, alpha, 200.0).unwrap() - alpha).abs() < 1e-9 * alpha.recip());
            }
        }
        assert_eq!(p_of_any_look(0.6, 100.0, 0.05, 100.0).unwrap(), 1.0);
        assert!(one_sided_reach(100.0, 0.5, 100.0).is_err());
    }

    #[test]
    fn without_spread_nothing_is_known() {
        assert_eq!(mean_cs(&[1.0, 1.0, f64::NAN], 0.05, N_OPT).unwrap(), [None, None, None]);
        assert!(mean_cs(&[1.0], 0.0, N_OPT).is_err() && mean_cs(&[1.0], 0.05, 0.0).is_err());
        assert!(mean_cs(&[1.0, f64::INFINITY], 0.05, N_OPT).unwrap()[1].unwrap().low.is_nan());
    }
}
