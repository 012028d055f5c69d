//! Tail probabilities of the tests.

use statrs::distribution::{ContinuousCDF, StudentsT};
use statrs::function::gamma::{gamma_ur, ln_gamma};

use crate::rule::Direction;

/// P-value of `t` with `df` degrees of freedom, one-sided where only one direction is watched.
pub(super) fn student(t: f64, df: f64, direction: Direction) -> f64 {
    let Ok(student) = StudentsT::new(0.0, 1.0, df.clamp(1.0, 1e6)) else { return 1.0 };
    if t.is_nan() {
        return 1.0;
    }
    match direction {
        Direction::Up => student.sf(t),
        Direction::Down => student.cdf(t),
        Direction::Both => (2.0 * student.sf(t.abs())).min(1.0),
    }
}

/// Fisher's exact p-value that `k` of `n` is no change from `k_past` of `n_past`; both ways it is twice the smaller tail.
pub(super) fn fisher(k: u64, n: u64, k_past: u64, n_past: u64, direction: Direction) -> f64 {
    let (total, hits) = (n + n_past, k + k_past);
    let least = (n + hits).saturating_sub(total);
    let most = n.min(hits);
    let sum = |range: std::ops::RangeInclusive<u64>| range.map(|x| hypergeometric(x, n, hits, total)).sum::<f64>().min(1.0);
    let (up, down) = (sum(k..=most), sum(least..=k));
    match direction {
        Direction::Up => up,
        Direction::Down => down,
        Direction::Both => (2.0 * up.min(down)).min(1.0),
    }
}

/// Probability of `x` hits among `n` drawn from `total` of which `hits` are hits.
fn hypergeometric(x: u64, n: u64, hits: u64, total: u64) -> f64 {
    let choose = |n: u64, k: u64| ln_gamma(n as f64 + 1.0) - ln_gamma(k as f64 + 1.0) - ln_gamma((n - k) as f64 + 1.0);
    (choose(hits, x) + choose(total - hits, n - x) - choose(total, n)).exp()
}

/// `P(X <= n)` of a Poisson distribution with the given mean.
pub(super) fn poisson_below(n: u64, mean: f64) -> f64 {
    if mean <= 0.0 { 1.0 } else { gamma_ur(n as f64 + 1.0, mean) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-9 * expected, "{found} is not {expected}");
    }

    /// Values of mpmath 1.3 with 30 digits, from the regularized beta function and from sums of exact binomials.
    #[test]
    fn known_tails() {
        near(student(6.0, 19.0, Direction::Up), 4.489_617_736_245_413_7e-6);
        near(student(-6.0, 19.0, Direction::Down), 4.489_617_736_245_413_7e-6);
        near(student(-6.0, 19.0, Direction::Both), 2.0 * 4.489_617_736_245_413_7e-6);
        near(fisher(6, 40, 8, 840, Direction::Up), 1.385_548_425_974_594_2e-5);
        near(fisher(0, 40, 84, 840, Direction::Down), 0.016_415_980_061_643_8);
        near(poisson_below(2, 12.5), 3.414_545_968_917_082_3e-4);
        assert_eq!(fisher(0, 10, 0, 10, Direction::Up), 1.0);
        assert_eq!(student(f64::NAN, 5.0, Direction::Up), 1.0);
    }
}
