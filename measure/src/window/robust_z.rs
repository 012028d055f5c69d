//! The robust z-score.

use crate::error::{Error, at_least};

/// A value measured against its history by median and median absolute deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RobustZ {
    /// `(x − median) / (1.4826 · MAD)`.
    pub z: f64,
    /// Median of the history.
    pub median: f64,
    /// Median absolute deviation of the history, floored.
    pub mad: f64,
    /// Values in the history that are numbers.
    pub n: usize,
}

/// Robust z-score of `value` against the values before it.
///
/// `z = (x − median) / (1.4826 · MAD)`, with a floor of `max(1e-9, 1 % of |median|)` on the MAD, so that a flat history does not turn a
/// whisper into an alarm. 1.4826 makes it a standard deviation for normal data. NaN in the history is left out. Errors without
/// history, or where the value is NaN. Source: Iglewicz and Hoaglin, "How to detect and handle outliers" (1993).
pub fn robust_z(history: &[f64], value: f64) -> Result<RobustZ, Error> {
    let mut numbers: Vec<f64> = history.iter().copied().filter(|x| !x.is_nan()).collect();
    at_least("robust_z", "values of history", 1, numbers.len())?;
    if value.is_nan() {
        return Err(Error::Range { measure: "robust_z", parameter: "value", wants: "a number", value });
    }
    let n = numbers.len();
    let median = median(&mut numbers);
    numbers.iter_mut().for_each(|x| *x = (*x - median).abs());
    let mad = self::median(&mut numbers).max(1e-9).max(0.01 * median.abs());
    Ok(RobustZ { z: (value - median) / (1.4826 * mad), median, mad, n })
}

/// The middle value, or the mean of the two middle ones. The list is not empty.
fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_in_deviations_from_the_median() {
        let found = robust_z(&[1.0, 2.0, 3.0, 4.0, 100.0, f64::NAN], 6.0).unwrap();
        assert_eq!((found.median, found.mad, found.n), (3.0, 1.0, 5));
        assert!((found.z - 3.0 / 1.4826).abs() < 1e-12);
    }

    #[test]
    fn a_flat_history_has_a_floor() {
        assert_eq!(robust_z(&[200.0; 9], 203.0).unwrap().mad, 2.0);
        assert_eq!(robust_z(&[0.0; 9], 0.0).unwrap().z, 0.0);
        assert!(robust_z(&[f64::NAN], 1.0).is_err());
    }
}
