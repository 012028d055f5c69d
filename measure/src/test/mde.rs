//! The smallest fall that a comparison would have caught.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

use crate::error::Error;
use crate::seed::Seed;
use crate::special::t_quantile;
use crate::test::cluster_sign_flip::ClusterSignFlip;
use crate::test::paired_t::paired_t;

/// Runs that are planted to find out whether a fall is caught.
const PLANTED_RUNS: usize = 300;

/// The share of falls of that size that are to be caught.
const POWER: f64 = 0.8;

/// What a comparison looks like, as far as its power goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Paired cases.
    pub n: usize,
    /// Variance of the paired differences, floored by [`variance_floor`].
    pub variance: f64,
    /// Whether the metric is a pass or a fail, whose variance grows with the fall.
    pub binary: bool,
    /// Clustered over naive variance of the mean, at least 1.
    pub design_effect: f64,
    /// Degrees of freedom of the test: cases or clusters, less one.
    pub df: f64,
    /// Level that the gate keeps, such as 0.05.
    pub q: f64,
    /// Tests that are corrected together.
    pub n_tests: usize,
}

impl Plan {
    /// The variance of a difference when the metric falls by `x`.
    fn variance_at(&self, x: f64) -> f64 {
        if self.binary { self.variance + x.min(1.0) * (1.0 - x.min(1.0)) } else { self.variance }
    }

    /// The level of the correction's first step, which one fallen metric among many has to meet.
    fn level(&self) -> f64 {
        self.q / self.n_tests.max(1) as f64
    }
}

/// The least variance to reckon with: `2 r²/n`, where `r` is 1 for passes and fails, a tenth of the range for scores, a twentieth of
/// the baseline's mean for metrics without a range. Without it an unchanged metric would claim that no fall escapes it.
pub fn variance_floor(n: usize, r: f64) -> f64 {
    2.0 * r * r / n.max(1) as f64
}

/// The smallest fall that is caught with a power of 0.8, in the unit of the metric.
///
/// The fixed point of `x = (t₍1−q/m₎ + t₍0.8₎) √((w + x − x² [binary only]) · deff / n)`, with m tests (the first step of
/// Benjamini and Hochberg) and t on n − 1 or G − 1 degrees of freedom. Infinite where there is nothing to compare.
pub fn mde(plan: &Plan) -> f64 {
    if plan.n < 2 || plan.df < 1.0 {
        return f64::INFINITY;
    }
    let factor = (t_quantile(1.0 - plan.level(), plan.df) + t_quantile(POWER, plan.df)) * (plan.design_effect / plan.n as f64).sqrt();
    fixed_point(plan, factor)
}

/// The smallest fall that is caught with a power of 0.8, for few clusters: falls are planted and the test itself is run.
///
/// Each planted run draws cluster sums `−x nᵍ + N(0, v (nᵍ + ρ nᵍ (nᵍ − 1)))`, with the variance `v` of [`Plan`] at that fall and ρ from the design
/// effect, and asks whether the sign-flip test (nine clusters and more) or the t-test on the sums (fewer) gives a p at or below `q/m`. Infinite where
/// no fall can be seen: one cluster, or a test whose smallest p is above `q/m`. Errors without a cluster.
pub fn mde_planted(plan: &Plan, sizes: &[f64], seed: Seed) -> Result<f64, Error> {
    let test = ClusterSignFlip::new(sizes.len(), seed)?;
    let flips = sizes.len() >= 9;
    if sizes.len() < 2 || (flips && test.resolution() > plan.level() * (1.0 + 1e-12)) {
        return Ok(f64::INFINITY);
    }
    let n: f64 = sizes.iter().sum();
    let spare = sizes.iter().map(|size| size * size).sum::<f64>() / n - 1.0;
    let rho = if spare > 0.0 { ((plan.design_effect - 1.0) / spare).clamp(0.0, 1.0) } else { 0.0 };
    let spreads: Vec<f64> = sizes.iter().map(|size| (size + rho * size * (size - 1.0)).sqrt()).collect();
    let shares = test.flipped_shares(sizes)?;
    let mut rng = seed.rng();
    let mut needed = Vec::with_capacity(PLANTED_RUNS);
    for _ in 0..PLANTED_RUNS {
        let noise: Vec<f64> = spreads.iter().map(|spread| spread * normal(&mut rng)).collect();
        // A fall of x is caught when x over the standard deviation is above what this noise hides.
        needed.push(if flips { test.upper_bound_over(&noise, &shares, 1.0 - plan.level())? } else { hidden_from_t(&noise, sizes, plan.level())? });
    }
    let (_, hidden, _) = needed.select_nth_unstable_by(PLANTED_RUNS * 4 / 5, f64::total_cmp);
    Ok(if hidden.is_finite() { fixed_point(plan, hidden.max(0.0)) } else { f64::INFINITY })
}

/// The largest fall, over its standard deviation, that the t-test on the sums does not see through this noise.
fn hidden_from_t(noise: &[f64], sizes: &[f64], level: f64) -> Result<f64, Error> {
    let caught = |fall: f64| -> Result<bool, Error> {
        let sums: Vec<f64> = noise.iter().zip(sizes).map(|(noise, size)| noise - fall * size).collect();
        Ok(paired_t(&sums)?.p_fall <= level)
    };
    let (mut low, mut high) = (0.0, 0.01);
    while !caught(high)? {
        low = high;
        high *= 2.0;
        // With sizes that differ a t-test may never be sure, however large the fall.
        if high > 1e6 {
            return Ok(f64::INFINITY);
        }
    }
    for _ in 0..20 {
        let middle = (low + high) / 2.0;
        if caught(middle)? { high = middle } else { low = middle }
    }
    Ok(high)
}

/// Solves `x = factor · √variance(x)`.
fn fixed_point(plan: &Plan, factor: f64) -> f64 {
    let mut x = factor * plan.variance.sqrt();
    for _ in 0..500 {
        let next = factor * plan.variance_at(x).sqrt();
        if (next - x).abs() <= 1e-15 * next.abs() {
            break;
        }
        x = next;
    }
    x
}

/// A standard normal number, by Box and Muller.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let mut unit = || ((rng.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    (-2.0 * unit().ln()).sqrt() * (std::f64::consts::TAU * unit()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(n: usize, df: f64) -> Plan {
        Plan { n, variance: 0.24, binary: true, design_effect: 1.0, df, q: 0.05, n_tests: 10 }
    }

    #[test]
    fn more_cases_see_smaller_falls() {
        assert!(mde(&plan(400, 399.0)) < mde(&plan(200, 199.0)));
        assert_eq!(mde(&plan(1, 0.0)), f64::INFINITY);
    }

    /// Fifty unchanged cases with ten metrics just reach the default `max_mde` of a quarter.
    #[test]
    fn fifty_unchanged_cases_are_just_enough() {
        let unchanged = Plan { n: 50, variance: variance_floor(50, 1.0), binary: true, design_effect: 1.0, df: 49.0, q: 0.05, n_tests: 10 };
        let found = mde(&unchanged);
        assert!((0.23..=0.26).contains(&found), "{found}");
    }

    /// Nine clusters and thirty tests: the smallest p, 1/512, is above .05/30, so nothing is ever seen.
    #[test]
    fn a_test_that_cannot_reject_sees_nothing() {
        let sizes = [10.0; 9];
        let blind = Plan { n_tests: 30, ..plan(90, 8.0) };
        assert_eq!(mde_planted(&blind, &sizes, Seed::of(["x"])).unwrap(), f64::INFINITY);
        assert!(mde_planted(&plan(90, 8.0), &sizes, Seed::of(["x"])).unwrap() < 1.0);
        assert_eq!(mde_planted(&plan(10, 0.0), &[10.0], Seed::of(["x"])).unwrap(), f64::INFINITY);
    }
}
