//! The two-sample Kolmogorov-Smirnov test.

use crate::error::Error;
use crate::shift::{kolmogorov, two_sides};
use crate::sorted::Sample;

/// Values a side up to which the p-value is exact (scipy's limit for `method = "auto"`).
pub const EXACT_MAX: usize = 10_000;

/// The outcome of the two-sample Kolmogorov-Smirnov test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KsTest {
    /// The largest distance of the two distribution functions, `0.0..=1.0`.
    pub statistic: f64,
    /// The two-sided p-value.
    pub p_value: f64,
    /// Whether the p-value is exact; else it is asymptotic.
    pub exact: bool,
}

/// The Kolmogorov-Smirnov statistic `max |F(x) − G(x)|` of two samples, `0.0..=1.0`. NaN is null and left out. Errors if a side has no value.
pub fn ks_statistic<A: Sample + ?Sized, B: Sample + ?Sized>(a: &A, b: &B) -> Result<f64, Error> {
    let (a, b) = two_sides("ks_statistic", a, b)?;
    Ok(largest_gap(a.values(), b.values()).0)
}

/// The two-sided p-value of [`ks_test`]. Errors if a side has no value.
pub fn ks_p_value<A: Sample + ?Sized, B: Sample + ?Sized>(a: &A, b: &B) -> Result<f64, Error> {
    ks_test(a, b).map(|test| test.p_value)
}

/// Two-sample Kolmogorov-Smirnov test, two-sided.
///
/// Exact when both sides have at most 10,000 values and no two values are equal (lattice paths: Hodges, "The significance
/// probability of the Smirnov two-sample test", 1958), else asymptotic: the one-sample distribution at `nm/(n+m)` values, as
/// scipy does. NaN is null and left out. Errors if a side has no value. The clustering of values (turns of one session)
/// makes it too ready to reject; permute whole clusters then.
pub fn ks_test<A: Sample + ?Sized, B: Sample + ?Sized>(a: &A, b: &B) -> Result<KsTest, Error> {
    let (a, b) = two_sides("ks_test", a, b)?;
    let (a, b) = (a.values(), b.values());
    let (statistic, ties) = largest_gap(a, b);
    let exact = !ties && a.len().max(b.len()) <= EXACT_MAX;
    let p_value = if exact { exact_p(a.len(), b.len(), statistic) } else { asymptotic_p_value(a.len(), b.len(), statistic) };
    Ok(KsTest { statistic, p_value: p_value.clamp(0.0, 1.0), exact })
}

/// The statistic, and whether any two values are equal.
fn largest_gap(a: &[f64], b: &[f64]) -> (f64, bool) {
    let (mut i, mut j, mut gap, mut ties) = (0, 0, 0.0_f64, false);
    while i < a.len() && j < b.len() {
        let x = a[i].min(b[j]);
        let same_a = a[i..].iter().take_while(|value| **value == x).count();
        let same_b = b[j..].iter().take_while(|value| **value == x).count();
        ties |= same_a + same_b > 1;
        i += same_a;
        j += same_b;
        gap = gap.max((i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs());
    }
    let rest_ties = |rest: &[f64]| rest.windows(2).any(|pair| pair[0] == pair[1]);
    (gap, ties || rest_ties(&a[i..]) || rest_ties(&b[j..]))
}

/// The asymptotic p-value of a statistic between `n` and `m` values: the one-sample distribution at `nm/(n+m)` values, rounded.
pub fn asymptotic_p_value(n: usize, m: usize, statistic: f64) -> f64 {
    let effective = (n as f64 * m as f64 / (n as f64 + m as f64)).round_ties_even().max(1.0);
    kolmogorov::survival(effective, statistic)
}

/// `P(D ≥ d)`: the share of the lattice paths from (0, 0) to (n, m) that leave the band of half-width d.
fn exact_p(n: usize, m: usize, statistic: f64) -> f64 {
    let (long, short) = (n.max(m), n.min(m));
    let lcm = (long / gcd(long, short)) as f64 * short as f64;
    // The statistic is a whole number of 1/lcm; half a step below it decides without rounding.
    let limit = (statistic * lcm).round() - 0.5;
    if limit <= 0.0 {
        return 1.0;
    }
    let (per_long, per_short) = (lcm / long as f64, lcm / short as f64);
    // left[j]: the share of paths to (i, j) that were outside at least once.
    let mut left: Vec<f64> = (0..=short).map(|j| if j as f64 * per_short > limit { 1.0 } else { 0.0 }).collect();
    for i in 1..=long {
        let at = i as f64 * per_long;
        let inside = band(at, limit, per_short, short);
        left[..inside.0].fill(1.0);
        for j in inside.0..inside.1 {
            let below = if j == 0 { 0.0 } else { left[j - 1] };
            left[j] = (left[j] * i as f64 + below * j as f64) / (i + j) as f64;
        }
        if let Some(above) = left.get_mut(inside.1) {
            *above = 1.0;
        }
    }
    left[short]
}

/// The `j` with `|at − j · step| <= limit`, as a half-open range within `0..=short`.
fn band(at: f64, limit: f64, step: f64, short: usize) -> (usize, usize) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=short + 1 first")]
    let clamp = |x: f64| x.clamp(0.0, short as f64 + 1.0) as usize;
    (clamp(((at - limit) / step).ceil()), clamp(((at + limit) / step).floor() + 1.0))
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(a: &[f64], b: &[f64], expect: (f64, f64, bool)) {
        let found = ks_test(a, b).unwrap();
        assert!((found.statistic - expect.0).abs() < 1e-12, "{found:?}");
        assert!((found.p_value - expect.1).abs() < 1e-9 * expect.1.max(1e-6), "{found:?} {}", expect.1);
        assert_eq!(found.exact, expect.2);
    }

    fn ramp(n: u32, scale: f64, shift: f64) -> Vec<f64> {
        (1..=n).map(|i| (f64::from(i) * 0.618_033_988_749_894_9).fract() * scale + shift).collect()
    }

    /// `scipy.stats.ks_2samp` 1.17 on the same inputs.
    #[test]
    fn equals_scipy() {
        check(&ramp(200, 1.0, 0.0), &ramp(151, 1.1, 0.031), (0.11920529801324503, 0.15646086515311936, true));
        check(&ramp(40, 1.0, 0.0), &ramp(40, 1.0, 0.2101), (0.25, 0.16497269950224194, true));
        check(&ramp(7, 1.0, 0.0), &ramp(3, 1.0, 0.503), (0.8571428571428571, 0.06666666666666667, true));
        check(&ramp(1000, 1.0, 0.0), &ramp(900, 1.0, 0.0402), (0.043, 0.3338822866584679, true));
        check(&ramp(60, 1.0, 0.0), &ramp(45, 1.0, 3.0), (1.0, 1.840906125590564e-30, true));
        check(&[1.0, 1.0, 2.0, 3.0, 5.0, 8.0], &[1.0, 2.0, 2.0, 4.0, 4.0, 4.0, 9.0], (0.23809523809523808, 0.9825072886297377, false));
        check(&ramp(20_000, 1.0, 0.0), &ramp(5_000, 1.0, 0.0101), (0.010550000000000004, 0.7606534979820859, false));
    }

    #[test]
    fn an_empty_side_is_an_error() {
        assert!(ks_test(&[0.0; 0], &[1.0]).is_err());
    }
}
