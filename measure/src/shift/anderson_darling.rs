//! The Anderson-Darling test for two samples.

use crate::error::Error;
use crate::shift::{merged, two_sides};
use crate::sorted::Sample;

/// Levels for which the paper gives critical values, and where those lie for two samples (table 2: b₀ + b₁ + b₂).
const LEVELS: [f64; 7] = [0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001];
const CRITICAL: [f64; 7] = [
    0.675 - 0.245 - 0.105,
    1.281 + 0.25 - 0.305,
    1.645 + 0.678 - 0.362,
    1.96 + 1.149 - 0.391,
    2.326 + 1.822 - 0.396,
    2.573 + 2.364 - 0.345,
    3.085 + 3.615 - 0.154,
];

/// The outcome of the Anderson-Darling test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AndersonDarling {
    /// The standardised statistic: 0 on average where nothing changed, 1 its standard deviation.
    pub statistic: f64,
    /// The p-value by interpolation, cut to .001 to .25, which is as far as the paper's table goes.
    pub p_value: f64,
}

/// The p-value of [`anderson_darling`]. Errors if a side has no value, or there are fewer than four values.
pub fn anderson_darling_p_value<A: Sample + ?Sized, B: Sample + ?Sized>(a: &A, b: &B) -> Result<f64, Error> {
    anderson_darling(a, b).map(|test| test.p_value)
}

/// Anderson-Darling test that two samples share one distribution: Kolmogorov-Smirnov's with more weight on the tails.
///
/// Scholz and Stephens' `A²ₐₖₙ` with mid-ranks for two samples, less its mean and over its standard deviation; ln p is a parabola through their
/// critical values, cut to `0.001..=0.25`. All values alike give statistic 0 and p .25. NaN is null and left out, infinite values are the outermost.
/// Errors if a side has no value, or there are fewer than four values in all.
/// Source: Scholz and Stephens, "K-sample Anderson-Darling tests" (1987); equal to `scipy.stats.anderson_ksamp`.
pub fn anderson_darling<A: Sample + ?Sized, B: Sample + ?Sized>(a: &A, b: &B) -> Result<AndersonDarling, Error> {
    let (a, b) = two_sides("anderson_darling", a, b)?;
    let (n, m) = (a.values().len() as f64, b.values().len() as f64);
    let all = n + m;
    crate::error::at_least("anderson_darling", "values", 4, a.values().len() + b.values().len())?;
    let (mut of_a, mut of_b, mut seen_a, mut seen_b, mut n_distinct) = (0.0, 0.0, 0.0, 0.0, 0);
    merged(a.values(), b.values(), |_, n_a, n_b| {
        let (n_a, n_b) = (n_a as f64, n_b as f64);
        let (count, below) = (n_a + n_b, seen_a + seen_b + (n_a + n_b) / 2.0);
        let weight = count / all / (below * (all - below) - all * count / 4.0);
        of_a += weight * (all * (seen_a + n_a / 2.0) - below * n).powi(2);
        of_b += weight * (all * (seen_b + n_b / 2.0) - below * m).powi(2);
        (seen_a, seen_b, n_distinct) = (seen_a + n_a, seen_b + n_b, n_distinct + 1);
    });
    if n_distinct < 2 {
        return Ok(AndersonDarling { statistic: 0.0, p_value: LEVELS[0] });
    }
    let raw = (of_a / n + of_b / m) * (all - 1.0) / all;
    let statistic = (raw - 1.0) / variance(n, m).sqrt();
    Ok(AndersonDarling { statistic, p_value: interpolated(statistic) })
}

/// The variance of the statistic for two samples (Scholz and Stephens, equation 4).
fn variance(n: f64, m: f64) -> f64 {
    let all = n + m;
    let (mut h, mut g, mut k) = (0.0, 0.0, 2.0);
    // The harmonic sums from the far end: 1/(N−1) + ... + 1/(N−k+1), each over its place.
    while k < all {
        h += 1.0 / (all - k + 1.0);
        g += h / k;
        k += 1.0;
    }
    let (h, inverse) = (h + 1.0, 1.0 / n + 1.0 / m);
    let a = (4.0 * g - 6.0) + (10.0 - 6.0 * g) * inverse;
    let b = (2.0 * g - 4.0) * 4.0 + 16.0 * h + (2.0 * g - 14.0 * h - 4.0) * inverse - 8.0 * h + 4.0 * g - 6.0;
    let c = (6.0 * h + 2.0 * g - 2.0) * 4.0 + (4.0 * h - 4.0 * g + 6.0) * 2.0 + (2.0 * h - 6.0) * inverse + 4.0 * h;
    let d = (2.0 * h + 6.0) * 4.0 - 8.0 * h;
    (((a * all + b) * all + c) * all + d) / ((all - 1.0) * (all - 2.0) * (all - 3.0))
}

/// e to the parabola that fits the logarithms of the levels best.
fn interpolated(statistic: f64) -> f64 {
    if statistic <= CRITICAL[0] {
        return LEVELS[0];
    }
    if statistic >= CRITICAL[6] {
        return LEVELS[6];
    }
    // Normal equations of least squares, by polynomials that are orthogonal over the seven points, so that nothing cancels.
    let points = CRITICAL.len() as f64;
    let mean = CRITICAL.iter().sum::<f64>() / points;
    let square = |x: f64| (x - mean).powi(2);
    let spread = CRITICAL.iter().map(|x| square(*x)).sum::<f64>();
    let skew = CRITICAL.iter().map(|x| (x - mean).powi(3)).sum::<f64>() / spread;
    let curve = |x: f64| square(x) - skew * (x - mean) - spread / points;
    let fit = |basis: &dyn Fn(f64) -> f64| {
        let norm: f64 = CRITICAL.iter().map(|x| basis(*x).powi(2)).sum();
        CRITICAL.iter().zip(LEVELS).map(|(x, level)| basis(*x) * level.ln()).sum::<f64>() / norm * basis(statistic)
    };
    (fit(&|_| 1.0) + fit(&|x| x - mean) + fit(&curve)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.anderson_ksamp(variant="midrank")` 1.17: the table's middle, both of its ends, and ties.
    #[test]
    fn equals_scipy() {
        let x: Vec<f64> = (1..=200).map(|i| (f64::from(i) * 0.618_033_988_749_894_9).fract()).collect();
        let y = |scale: f64| -> Vec<f64> { (1..=150).map(|i| (f64::from(i) * 0.754_877_666_246_692_7).fract().powf(1.2) * scale).collect() };
        let check = |a: &[f64], b: &[f64], statistic: f64, p_value: f64| {
            let found = anderson_darling(a, b).unwrap();
            assert!((found.statistic - statistic).abs() < 1e-9 * statistic.max(1.0) && (found.p_value - p_value).abs() < 1e-9, "{found:?}");
        };
        check(&x, &y(1.0), 0.3851039660034875, 0.23146109891174727);
        check(&x, &y(0.8), 13.913157802870835, 0.001);
        check(&[1.0, 1.0, 2.0, 3.0, 5.0, 8.0], &[1.0, 2.0, 2.0, 4.0, 4.0, 4.0, 9.0, 9.0, 9.0], 0.12396632524062126, 0.25);
    }

    #[test]
    fn all_alike_is_no_shift() {
        assert_eq!(anderson_darling(&[2.0; 9], &[2.0; 12]).unwrap().p_value, 0.25);
        assert!(anderson_darling(&[2.0], &[1.0, 3.0]).is_err() && anderson_darling(&[f64::NAN], &[1.0; 9]).is_err());
    }
}
