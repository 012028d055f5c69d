//! By how much a mean moved, with an interval.

use crate::error::{Error, at_least, open_unit};
use crate::moments::Moments;
use crate::special::t_quantile;

/// A difference of two means and its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanShift {
    /// Mean of the current side less that of the reference.
    pub shift: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// Welch's interval for the current side's mean less the reference's, two-sided at `level`.
///
/// `ȳ − x̄ ± t √(s²ₓ/n + s²ᵧ/m)` with Satterthwaite's degrees of freedom, in the unit of the values; the set of shifts that [`welch`]'s
/// test does not reject. Constant sides give an interval of no width, infinite values one of NaN. Errors below two values a side, or
/// where the level is not between 0 and 1.
///
/// [`welch`]: crate::shift::welch()
pub fn mean_shift_ci(reference: &Moments, current: &Moments, level: f64) -> Result<MeanShift, Error> {
    open_unit("mean_shift_ci", "level", level)?;
    at_least("mean_shift_ci", "values a side", 2, usize::try_from(reference.n.min(current.n)).unwrap_or(usize::MAX))?;
    let shift = current.mean - reference.mean;
    let test = crate::shift::welch(current, reference)?;
    let error = (reference.variance() / reference.n as f64 + current.variance() / current.n as f64).sqrt();
    let half = if error > 0.0 { t_quantile(0.5 + level / 2.0, test.df) * error } else { error };
    Ok(MeanShift { shift, low: shift - half, high: shift + half })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.ttest_ind(y, x, equal_var=False).confidence_interval(0.95)`.
    #[test]
    fn equals_scipy() {
        let found = mean_shift_ci(&Moments::of(&[1.0, 2.0, 4.0, 7.0, f64::NAN]), &Moments::of(&[3.0, 5.0, 6.0, 9.0, 11.0]), 0.95).unwrap();
        assert!((found.low - -1.3076280119908272).abs() < 1e-9 && (found.high - 7.907628011990827).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn constant_sides_have_no_width() {
        let found = mean_shift_ci(&Moments::of(&[1.0; 4]), &Moments::of(&[3.0; 5]), 0.95).unwrap();
        assert_eq!(found, MeanShift { shift: 2.0, low: 2.0, high: 2.0 });
    }
}
