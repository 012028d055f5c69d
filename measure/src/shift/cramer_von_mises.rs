//! The two-sample Cramér-von Mises test.

use std::collections::BTreeMap;

use statrs::function::gamma::ln_gamma;

use crate::error::Error;
use crate::shift::{merged, two_sides};
use crate::sorted::Sample;
use crate::special::scaled_bessel_k_quarter;

/// Values a side up to which the p-value is exact (scipy's limit for `method = "auto"`).
pub const EXACT_MAX: usize = 20;

/// The outcome of the two-sample Cramér-von Mises test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CramerVonMises {
    /// Anderson's T.
    pub statistic: f64,
    /// The p-value.
    pub p_value: f64,
    /// Whether the p-value is exact; else it is asymptotic.
    pub exact: bool,
}

/// The p-value of [`cramer_von_mises`]. Errors if a side has no value.
pub fn cramer_von_mises_p_value<A: Sample + ?Sized, B: Sample + ?Sized>(a: &A, b: &B) -> Result<f64, Error> {
    cramer_von_mises(a, b).map(|test| test.p_value)
}

/// Two-sample Cramér-von Mises test.
///
/// `T = U/(nm(n+m)) − (4nm − 1)/(6(n+m))` with `U = n Σ (rᵢ − i)² + m Σ (sⱼ − j)²` over the mid-ranks r and s of both sides in the
/// pooled sample. Exact where both sides have at most 20 values, else by the limit of T, brought to its mean and variance. NaN is
/// null and left out, infinite values have ranks as others. Errors if a side has no value. Source: Anderson, "On the distribution of
/// the two-sample Cramér-von Mises criterion" (1962); equal to `scipy.stats.cramervonmises_2samp`.
pub fn cramer_von_mises<A: Sample + ?Sized, B: Sample + ?Sized>(a: &A, b: &B) -> Result<CramerVonMises, Error> {
    let (a, b) = two_sides("cramer_von_mises", a, b)?;
    let (n, m) = (a.values().len(), b.values().len());
    let (mut squares_a, mut squares_b, mut seen_a, mut seen_b) = (0.0, 0.0, 0, 0);
    merged(a.values(), b.values(), |_, n_a, n_b| {
        let rank = (seen_a + seen_b) as f64 + (n_a + n_b + 1) as f64 / 2.0;
        squares_a += squares_around(rank, seen_a, n_a);
        squares_b += squares_around(rank, seen_b, n_b);
        (seen_a, seen_b) = (seen_a + n_a, seen_b + n_b);
    });
    let (nf, mf) = (n as f64, m as f64);
    let (product, total) = (nf * mf, nf + mf);
    let u = nf * squares_a + mf * squares_b;
    let statistic = u / (product * total) - (4.0 * product - 1.0) / (6.0 * total);
    let exact = n.max(m) <= EXACT_MAX;
    let p_value = if exact { exact_p(u, n, m) } else { asymptotic_p(statistic, nf, mf) };
    Ok(CramerVonMises { statistic, p_value: p_value.clamp(0.0, 1.0), exact })
}

/// `Σ (rank − i)²` over the places i of a run of equal values.
fn squares_around(rank: f64, before: usize, count: usize) -> f64 {
    let count = count as f64;
    let first = rank - before as f64 - 1.0;
    // Σ (first − k)² for k in 0..count, in closed form: runs can be long.
    count * first * first - first * count * (count - 1.0) + (count - 1.0) * count * (2.0 * count - 1.0) / 6.0
}

fn asymptotic_p(statistic: f64, n: f64, m: f64) -> f64 {
    let (product, total) = (n * m, n + m);
    let mean = (1.0 + 1.0 / total) / 6.0;
    let variance = (total + 1.0) * (4.0 * product * total - 3.0 * (n * n + m * m) - 2.0 * product) / (45.0 * total * total * 4.0 * product);
    let normalised = 1.0 / 6.0 + (statistic - mean) / (45.0 * variance).sqrt();
    if normalised < 0.003 { 1.0 } else { 1.0 - limit_cdf(normalised) }
}

/// The limiting distribution function of the statistic (Csörgő and Faraway, "The exact and asymptotic distributions of Cramér-von
/// Mises statistics", 1996, equation 1.2).
fn limit_cdf(x: f64) -> f64 {
    let mut sum = 0.0;
    for k in 0..200_u32 {
        let k = f64::from(k);
        let y = 4.0 * k + 1.0;
        let q = y * y / (16.0 * x);
        let weight = (ln_gamma(k + 0.5) - ln_gamma(k + 1.0)).exp() / (std::f64::consts::PI.powf(1.5) * x.sqrt());
        let term = weight * y.sqrt() * (-2.0 * q).exp() * scaled_bessel_k_quarter(q);
        sum += term;
        if term < 1e-17 {
            break;
        }
    }
    sum
}

/// The exact p-value by counting lattice paths by their statistic (Xiao, Gordon and Yakovlev, "A C++ program for the Cramér-von Mises
/// two-sample test", 2006).
fn exact_p(u: f64, n: usize, m: usize) -> f64 {
    let (n, m) = (n as u64, m as u64);
    let lcm = n / gcd(n, m) * m;
    let (step_n, step_m) = (lcm / n, lcm / m);
    let product = (n * m) as f64;
    // The path statistic that `u` stands for, rounded down as scipy does.
    let limit = ((lcm * lcm * (n + m)) as f64 * (6.0 * u - product * (4.0 * product - 1.0)) / (6.0 * product * product) + 1e-8).floor();
    // by_statistic[i]: of all paths to (i, j), how many have which statistic so far.
    let mut by_statistic: Vec<BTreeMap<u64, f64>> = vec![BTreeMap::new(); usize::try_from(n).unwrap_or(0) + 1];
    for j in 0..=m {
        let mut before: BTreeMap<u64, f64> = BTreeMap::new();
        for (i, paths) in (0_u64..).zip(by_statistic.iter_mut()) {
            if i == 0 && j == 0 {
                paths.insert(0, 1.0);
            }
            for (statistic, count) in before {
                *paths.entry(statistic).or_default() += count;
            }
            let height = (i * step_n).abs_diff(j * step_m);
            *paths = paths.iter().map(|(statistic, count)| (statistic + height * height, *count)).collect();
            before = paths.clone();
        }
    }
    let Some(all) = by_statistic.last() else { return 1.0 };
    let reached: f64 = all.iter().filter(|(statistic, _)| **statistic as f64 >= limit).map(|(_, count)| count).sum();
    reached / all.values().sum::<f64>()
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(n: u32, scale: f64, shift: f64) -> Vec<f64> {
        (1..=n).map(|i| (f64::from(i) * 0.618_033_988_749_894_9).fract() * scale + shift).collect()
    }

    #[track_caller]
    fn check(a: &[f64], b: &[f64], expect: (f64, f64, bool)) {
        let found = cramer_von_mises(a, b).unwrap();
        assert!((found.statistic - expect.0).abs() < 1e-10, "{found:?}");
        assert!((found.p_value - expect.1).abs() < 1e-9, "{found:?}");
        assert_eq!(found.exact, expect.2);
    }

    /// `scipy.stats.cramervonmises_2samp` on the same inputs.
    #[test]
    fn equals_scipy() {
        check(&ramp(200, 1.0, 0.0), &ramp(151, 1.1, 0.031), (0.5028324622805869, 0.03917122878941637, false));
        check(&ramp(12, 1.0, 0.0), &ramp(9, 1.0, 0.2101), (0.24603174603174605, 0.20914503453203143, true));
        check(&ramp(20, 1.0, 0.0), &ramp(20, 1.0, 0.9), (3.290000000000001, 2.9017778207699375e-11, true));
        check(&ramp(5, 1.0, 0.0), &ramp(21, 1.0, 0.503), (0.8573260073260074, 0.0043765612566532, false));
        check(&ramp(1000, 1.0, 0.0), &ramp(900, 1.0, 0.0402), (0.7448638011695721, 0.009918738016555073, false));
        check(&[1.0, 1.0, 2.0, 3.0, 5.0, 8.0], &[1.0, 2.0, 2.0, 4.0, 4.0, 4.0, 9.0], (0.08608058608058622, 0.7435897435897436, true));
    }
}
