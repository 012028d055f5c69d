//! The Wasserstein distance of order 1.

use crate::error::Error;
use crate::shift::{gaps, merged, two_sides};
use crate::sorted::Sample;

/// Wasserstein-1 (earth mover's) distance between two samples.
///
/// `∫ |F(x) − G(x)| dx` over the two empirical distribution functions, in the unit of the values; `0.0..`, symmetric.
/// NaN is null and left out. Errors if a side has no value. Equal to `scipy.stats.wasserstein_distance`.
pub fn wasserstein<A: Sample + ?Sized, B: Sample + ?Sized>(a: &A, b: &B) -> Result<f64, Error> {
    let (a, b) = two_sides("wasserstein", a, b)?;
    let mut area = 0.0;
    gaps(a.values(), b.values(), |gap, width| area += gap.abs() * width);
    Ok(area)
}

/// Mean of [`wasserstein`] when both sides come from one distribution.
///
/// `E[W₁] = √(2/π) √(1/n + 1/m) ∫ √(F(1 − F)) dx`, with F of both sides together; what a measured distance has to exceed. Errors if a
/// side has no value. Source: the limit of the empirical process (del Barrio, Giné and Matrán, 1999).
pub fn wasserstein_null_mean<A: Sample + ?Sized, B: Sample + ?Sized>(a: &A, b: &B) -> Result<f64, Error> {
    let (a, b) = two_sides("wasserstein", a, b)?;
    Ok(distance_and_null_mean(a.values(), b.values()).1)
}

/// [`wasserstein`] and [`wasserstein_null_mean`] of ascending numbers, none of them infinite, in one walk over both.
pub(crate) fn distance_and_null_mean(a: &[f64], b: &[f64]) -> (f64, f64) {
    let (n, m) = (a.len() as f64, b.len() as f64);
    let (mut area, mut chance, mut before) = (0.0, 0.0, f64::NAN);
    let (mut i, mut j) = (0, 0);
    merged(a, b, |x, n_a, n_b| {
        if i + j > 0 {
            let (width, share) = (x - before, (i + j) as f64 / (n + m));
            area += (i as f64 / n - j as f64 / m).abs() * width;
            chance += (share * (1.0 - share)).sqrt() * width;
        }
        (i, j, before) = (i + n_a, j + n_b, x);
    });
    (area, std::f64::consts::FRAC_2_PI.sqrt() * (1.0 / n + 1.0 / m).sqrt() * chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_everything_by_two_costs_two() {
        assert_eq!(wasserstein(&[1.0, 2.0, 2.0], &[3.0, 4.0, 4.0]).unwrap(), 2.0);
        assert_eq!(wasserstein(&[0.0, f64::NAN], &[0.0, 1.0]).unwrap(), 0.5);
        assert!(wasserstein(&[f64::NAN], &[1.0]).is_err());
    }
}
