//! The energy distance.

use crate::error::Error;
use crate::shift::{gaps, two_sides};
use crate::sorted::Sample;

/// Energy distance between two samples.
///
/// `√(2 ∫ (F(x) − G(x))² dx)` over the two empirical distribution functions: scipy's, the square root of Székely's. In the root of the
/// unit of the values, `0.0..`, symmetric; infinite where the sides hold infinite values in unequal shares. NaN is null and left out.
/// Errors if a side has no value. Source: Székely, "E-statistics: the energy of statistical samples" (2002); equal to
/// `scipy.stats.energy_distance`.
pub fn energy_distance<A: Sample + ?Sized, B: Sample + ?Sized>(a: &A, b: &B) -> Result<f64, Error> {
    let (a, b) = two_sides("energy_distance", a, b)?;
    let mut area = 0.0;
    gaps(a.values(), b.values(), |gap, width| area += gap * gap * width);
    Ok((2.0 * area).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_between_two_points() {
        assert_eq!(energy_distance(&[0.0], &[3.0]).unwrap(), 6.0_f64.sqrt());
        assert_eq!(energy_distance(&[1.0, f64::INFINITY], &[f64::INFINITY, 1.0]).unwrap(), 0.0);
        assert_eq!(energy_distance(&[1.0], &[f64::INFINITY]).unwrap(), f64::INFINITY);
        assert!(energy_distance(&[f64::NAN], &[1.0]).is_err());
    }
}
