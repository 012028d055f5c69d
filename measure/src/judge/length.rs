//! How much of a preference is a preference for length.

use crate::error::{Error, at_least};
use crate::judge::agreement::correlation;

/// A preference with its length taken out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LengthControl {
    /// Mean preference at equal lengths, `0.0..=1.0`.
    pub preference: f64,
    /// Slope of the log-odds over `tanh(Δ/sd)`; above 0 the longer answer is preferred.
    pub slope: f64,
}

/// Ridge on the slope: a handful of pairs must not explain everything by length.
const RIDGE: f64 = 0.2;
const STEPS_MAX: usize = 50;

/// Mean preference at equal lengths, by logistic regression of `w` on `tanh(Δlength / sd)` (as AlpacaEval-LC; one judge, no item difficulties).
///
/// `preferences` are `w` in `0.0..=1.0`, `longer_by` by how much the preferred side's answer is longer, in any unit. Cross-entropy with a ridge of .2
/// on the slope, Newton's method. Errors with fewer than ten pairs or lists of different lengths.
pub fn control_length(preferences: &[f64], longer_by: &[f64]) -> Result<LengthControl, Error> {
    at_least("control_length", "pairs", 10, preferences.len())?;
    if preferences.len() != longer_by.len() {
        return Err(Error::Lengths { measure: "control_length", left: preferences.len(), right: longer_by.len() });
    }
    let n = longer_by.len() as f64;
    let sd = (longer_by.iter().map(|delta| delta * delta).sum::<f64>() / n).sqrt();
    let scaled: Vec<f64> = longer_by.iter().map(|delta| if sd > 0.0 { (delta / sd).tanh() } else { 0.0 }).collect();
    // Half a preference each way: a side that always wins has a finite log-odds.
    let wins: Vec<f64> = preferences.iter().map(|w| (w * n + 0.5) / (n + 1.0)).collect();
    let (mut theta, mut phi) = (0.0_f64, 0.0_f64);
    for _ in 0..STEPS_MAX {
        let (mut g0, mut g1, mut h00, mut h01, mut h11) = (0.0, -RIDGE * phi, 0.0, 0.0, RIDGE);
        for (w, x) in wins.iter().zip(&scaled) {
            let p = sigmoid(theta + phi * x);
            let weight = p * (1.0 - p);
            g0 += w - p;
            g1 += (w - p) * x;
            h00 += weight;
            h01 += weight * x;
            h11 += weight * x * x;
        }
        let determinant = h00 * h11 - h01 * h01;
        if determinant <= f64::EPSILON {
            break;
        }
        let (step0, step1) = ((h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant);
        // A step is bounded, so that certain preferences do not throw it out of range.
        theta += step0.clamp(-2.0, 2.0);
        phi += step1.clamp(-2.0, 2.0);
        if step0.abs() + step1.abs() < 1e-12 {
            break;
        }
    }
    Ok(LengthControl { preference: sigmoid(theta), slope: phi })
}

/// Spearman's rank correlation, ties at their mean rank; nothing where one side is constant. Errors with fewer than two pairs or different lengths.
pub fn spearman(a: &[f64], b: &[f64]) -> Result<Option<f64>, Error> {
    at_least("spearman", "pairs", 2, a.len())?;
    if a.len() != b.len() {
        return Err(Error::Lengths { measure: "spearman", left: a.len(), right: b.len() });
    }
    Ok(correlation(&ranks(a), &ranks(b)))
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut begin = 0;
    for tied in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = begin as f64 + (tied.len() as f64 + 1.0) / 2.0;
        tied.iter().for_each(|place| ranks[*place] = rank);
        begin += tied.len();
    }
    ranks
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy 1.17 on two closed-form series.
    #[test]
    fn spearman_of_the_reference() {
        let series = |step: f64, power: f64| (1..=150).map(|i| (f64::from(i) * step).fract().powf(power)).collect::<Vec<f64>>();
        let found = spearman(&series(0.618_033_988_749_894_9, 1.0), &series(0.754_877_666_246_692_7, 1.2)).unwrap().unwrap();
        assert!((found - -0.053_234_365_971_820_97).abs() < 1e-9, "{found}");
        assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), Ok(None));
    }

    /// A judge who only counts characters prefers nothing at equal lengths, whichever side writes more.
    #[test]
    fn a_preference_for_length_is_none() {
        let longer_by: Vec<f64> = (0..200).map(|i| f64::from(i) - 40.0).collect();
        let preferences: Vec<f64> = longer_by.iter().map(|delta| sigmoid(3.0 * (delta / 77.0).tanh())).collect();
        let raw = preferences.iter().sum::<f64>() / 200.0;
        let found = control_length(&preferences, &longer_by).unwrap();
        assert!(raw > 0.7 && (found.preference - 0.5).abs() < 0.02 && found.slope > 2.0, "{raw} {found:?}");
    }

    #[test]
    fn a_preference_without_length_stays() {
        let longer_by: Vec<f64> = (0..100).map(|i| f64::from(i % 7) - 3.0).collect();
        let found = control_length(&[0.8; 100], &longer_by).unwrap();
        assert!((found.preference - 0.8).abs() < 0.01 && found.slope.abs() < 0.05, "{found:?}");
        assert!(control_length(&[0.8; 3], &[0.0; 3]).is_err());
        assert!(control_length(&[1.0; 20], &[0.0; 20]).unwrap().preference.is_finite());
    }
}
