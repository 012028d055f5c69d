//! The exponentially weighted moving average.

use crate::error::{Error, open_unit};

/// Exponentially weighted moving average: `y₀ = x₀`, `yₜ = (1 − α) yₜ₋₁ + α xₜ` (pandas' `adjust=False`).
///
/// A NaN leaves the average where it was; before the first number the average is NaN. Errors unless `0 < alpha <= 1`.
pub fn ewma(values: &[f64], alpha: f64) -> Result<Vec<f64>, Error> {
    if alpha != 1.0 {
        open_unit("ewma", "alpha", alpha)?;
    }
    let mut level = f64::NAN;
    let step = |x: &f64| {
        level = match (level.is_nan(), x.is_nan()) {
            (_, true) => level,
            (true, false) => *x,
            (false, false) => (1.0 - alpha) * level + alpha * x,
        };
        level
    };
    Ok(values.iter().map(step).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_at_the_first_value() {
        assert_eq!(ewma(&[1.0, 3.0, f64::NAN, 2.0], 0.5).unwrap()[..2], [1.0, 2.0]);
        assert_eq!(ewma(&[f64::NAN, 4.0], 0.5).unwrap()[1], 4.0);
        assert!(ewma(&[1.0], 0.0).is_err());
    }
}
