//! The Wasserstein distance of order 1.

use crate::error::{Error, at_least};
use crate::shift::sorted;

/// Wasserstein-1 (earth mover's) distance between two samples.
///
/// `∫ |F(x) − G(x)| dx` over the two empirical distribution functions, in the unit of the values; `0.0..`, symmetric.
/// NaN is null and left out. Errors if a side has no value. Equal to `scipy.stats.wasserstein_distance`.
pub fn wasserstein(a: &[f64], b: &[f64]) -> Result<f64, Error> {
    let (a, b) = (sorted(a), sorted(b));
    at_least("wasserstein", "values a side", 1, a.len().min(b.len()))?;
    let (mut i, mut j, mut area) = (0, 0, 0.0);
    let mut x = a[0].min(b[0]);
    while i < a.len() || j < b.len() {
        let next = match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) => x.min(*y),
            (Some(x), None) => *x,
            (None, y) => y.copied().unwrap_or(x),
        };
        let gap = (i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs();
        if gap > 0.0 {
            area += gap * (next - x);
        }
        x = next;
        i += a[i..].iter().take_while(|value| **value == x).count();
        j += b[j..].iter().take_while(|value| **value == x).count();
    }
    Ok(area)
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
