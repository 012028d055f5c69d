//! Welch's t-test.

use crate::error::{Error, at_least};
use crate::moments::Moments;
use crate::special::t_cdf;

/// The outcome of Welch's t-test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Welch {
    /// Mean of the first side less that of the second one, over its standard error.
    pub t: f64,
    /// Degrees of freedom by Satterthwaite's formula.
    pub df: f64,
    /// The two-sided p-value.
    pub p_value: f64,
}

/// The two-sided p-value of [`welch`]. Errors below two values a side.
pub fn welch_p_value(a: &Moments, b: &Moments) -> Result<f64, Error> {
    welch(a, b).map(|test| test.p_value)
}

/// Welch's t-test that two means are equal, without the assumption of equal variances.
///
/// `t = (x̄ − ȳ) / √(s²ₓ/n + s²ᵧ/m)`, df = `(s²ₓ/n + s²ᵧ/m)² / ((s²ₓ/n)²/(n−1) + (s²ᵧ/m)²/(m−1))`. Sides that are both constant have no
/// spread: equal ones give p 1, others that of the one split of all values into such sides, `2 / C(n+m, n)`, for a p-value is never
/// zero. Every number is NaN where a value is infinite. Errors below two values a side.
/// Source: Welch, "The generalization of Student's problem" (1947); equal to `scipy.stats.ttest_ind(equal_var=False)`.
pub fn welch(a: &Moments, b: &Moments) -> Result<Welch, Error> {
    at_least("welch", "values a side", 2, usize::try_from(a.n.min(b.n)).unwrap_or(usize::MAX))?;
    let (error_a, error_b) = (a.variance() / a.n as f64, b.variance() / b.n as f64);
    let (difference, square) = (a.mean - b.mean, error_a + error_b);
    if square == 0.0 {
        let (t, p_value) = if difference == 0.0 { (0.0, 1.0) } else { (f64::INFINITY.copysign(difference), all_alike_p(a.n, b.n)) };
        return Ok(Welch { t, df: (a.n + b.n - 2) as f64, p_value });
    }
    let t = difference / square.sqrt();
    let df = square * square / (error_a * error_a / (a.n as f64 - 1.0) + error_b * error_b / (b.n as f64 - 1.0));
    let p_value = if t.is_nan() { f64::NAN } else { (2.0 * t_cdf(-t.abs(), df)).min(1.0) };
    Ok(Welch { t, df, p_value })
}

fn all_alike_p(n: u64, m: u64) -> f64 {
    (1..=n.min(m)).try_fold(2.0_f64, |p, i| (p > f64::MIN_POSITIVE).then(|| p * i as f64 / (n.max(m) + i) as f64)).unwrap_or(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_sides_have_a_p_value() {
        let test = |a: &[f64], b: &[f64]| welch(&Moments::of(a), &Moments::of(b));
        assert_eq!(test(&[2.0; 3], &[2.0; 3]).unwrap().p_value, 1.0);
        assert!((test(&[2.0; 3], &[3.0; 3]).unwrap().p_value - 0.1).abs() < 1e-15);
        assert!(test(&[2.0; 3000], &[3.0; 3000]).unwrap().p_value > 0.0);
        assert!(test(&[1.0, f64::INFINITY], &[1.0, 2.0]).unwrap().p_value.is_nan());
        assert!(test(&[1.0], &[1.0, 2.0]).is_err());
    }
}
