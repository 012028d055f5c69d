//! The empirical-Bernstein confidence sequence of a bounded mean.

use crate::error::{Error, open_unit};
use crate::interval::Interval;

/// The largest bet; the paper's ½.
const BET_MAX: f64 = 0.5;

/// The predictable-mixture empirical-Bernstein confidence sequence of the mean of values from 0 to 1, after each value.
///
/// `Σ λᵢxᵢ/Σ λᵢ ± (ln(2/α) + Σ 4(xᵢ − μ̂ᵢ₋₁)² ψ(λᵢ))/Σ λᵢ` with `ψ(λ) = (−ln(1 − λ) − λ)/4`, `λᵢ = min(½, √(2 ln(2/α)/(σ̂²ᵢ₋₁ i ln(1 + i))))`,
/// `μ̂ᵢ = (½ + Σ x)/(i + 1)`, `σ̂²ᵢ = (¼ + Σ (x − μ̂)²)/(i + 1)`; cut to `0.0..=1.0` and to all intervals before. Holds for every n at once and
/// exactly, not only in the limit, and under any dependence that leaves the conditional mean where it is. NaN is null and leaves the
/// interval where it was. Errors where a value is outside of 0 to 1, or unless `0 < alpha < 1`.
/// Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting" (2024), theorem 2.
pub fn empirical_bernstein_cs(values: &[f64], alpha: f64) -> Result<Vec<Interval>, Error> {
    open_unit("empirical_bernstein_cs", "alpha", alpha)?;
    if let Some(value) = values.iter().copied().find(|x| !x.is_nan() && !(0.0..=1.0).contains(x)) {
        return Err(Error::Range { measure: "empirical_bernstein_cs", parameter: "value", wants: "from 0 to 1", value });
    }
    let log = (2.0 / alpha).ln();
    let (mut n, mut sum, mut squares) = (0.0_f64, 0.0, 0.0);
    let (mut bets, mut weighted, mut penalty) = (0.0, 0.0, 0.0);
    let mut interval = Interval { low: 0.0, high: 1.0 };
    let step = |x: &f64| {
        if x.is_nan() {
            return interval;
        }
        let (mean, variance) = ((0.5 + sum) / (n + 1.0), (0.25 + squares) / (n + 1.0));
        n += 1.0;
        let bet = (2.0 * log / (variance * n * (1.0 + n).ln())).sqrt().min(BET_MAX);
        bets += bet;
        weighted += bet * x;
        penalty += 4.0 * (x - mean).powi(2) * (-(-bet).ln_1p() - bet) / 4.0;
        sum += x;
        squares += (x - (0.5 + sum) / (n + 1.0)).powi(2);
        let (centre, half) = (weighted / bets, (log + penalty) / bets);
        interval = Interval { low: interval.low.max(centre - half), high: interval.high.min(centre + half) };
        interval
    };
    Ok(values.iter().map(step).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closes_in_on_the_mean() {
        let values: Vec<f64> = (0..4_000).map(|i| f64::from(u8::from(i % 10 != 0))).collect();
        let found = empirical_bernstein_cs(&values, 0.05).unwrap();
        assert_eq!(found[0].low, 0.0);
        assert!(found[3_999].low < 0.9 && 0.9 < found[3_999].high && found[3_999].high - found[3_999].low < 0.06, "{:?}", found[3_999]);
        assert!(empirical_bernstein_cs(&[1.5], 0.05).is_err() && empirical_bernstein_cs(&[1.0], 1.0).is_err());
    }
}
