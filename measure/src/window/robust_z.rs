//! The robust z-score.

use super::history::History;
use crate::error::{Error, at_least};

/// Makes a median absolute deviation a standard deviation, for normal data.
const MAD_TO_SD: f64 = 1.4826;

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
    let mut numbers = History::default();
    history.iter().filter(|x| !x.is_nan()).for_each(|x| numbers.push(*x, usize::MAX));
    at_least("robust_z", "values of history", 1, numbers.len())?;
    if value.is_nan() {
        return Err(Error::Range { measure: "robust_z", parameter: "value", wants: "a number", value });
    }
    score(&numbers, value).ok_or(Error::TooFew { measure: "robust_z", what: "values of history", needed: 1, found: 0 })
}

/// The robust z-score of each value against the numbers before it, the last `history` of them.
///
/// NaN where a value is NaN, has no number before it, or where the history's median is infinite. Each step costs time in proportion to the
/// history. See [`robust_z`].
pub fn robust_z_series(values: &[f64], history: usize) -> Vec<f64> {
    let mut before = History::default();
    let step = |value: &f64| {
        if value.is_nan() {
            return f64::NAN;
        }
        let z = score(&before, *value).map_or(f64::NAN, |found| found.z);
        before.push(*value, history);
        z
    };
    values.iter().map(step).collect()
}

/// The score of a number against a history; `None` without one.
pub(super) fn score(history: &History, value: f64) -> Option<RobustZ> {
    let (median, mad) = history.median_and_mad()?;
    let mad = mad.max(1e-9).max(0.01 * median.abs());
    Some(RobustZ { z: (value - median) / (MAD_TO_SD * mad), median, mad, n: history.len() })
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

    #[test]
    fn a_series_looks_back_only() {
        let values = [1.0, 2.0, f64::NAN, 3.0, 10.0, f64::INFINITY, 4.0];
        let found = robust_z_series(&values, usize::MAX);
        assert!(found[0].is_nan() && found[2].is_nan());
        assert_eq!(found[4], robust_z(&values[..4], 10.0).unwrap().z);
        assert_eq!(found[5], f64::INFINITY);
        assert_eq!(robust_z_series(&values, 2)[4], robust_z(&[2.0, 3.0], 10.0).unwrap().z);
    }
}
