//! A judge's rate, corrected by how often it is right on labelled cases from elsewhere.

use crate::error::{Error, at_least, open_unit};
use crate::interval::Interval;
use crate::judge::ppi::Corrected;
use crate::special::normal_quantile;

/// How often a judge was right on labelled cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calibration {
    /// Good cases that it called good.
    pub true_good: u64,
    /// Good cases.
    pub n_good: u64,
    /// Bad cases that it called bad.
    pub true_bad: u64,
    /// Bad cases.
    pub n_bad: u64,
}

impl Calibration {
    /// Youden's `J = sensitivity + specificity − 1`; below .4 a judge can hardly be corrected.
    pub fn youden(&self) -> f64 {
        self.true_good as f64 / self.n_good as f64 + self.true_bad as f64 / self.n_bad as f64 - 1.0
    }
}

/// The true rate behind `good` of `n` verdicts (Rogan and Gladen 1978; interval of Lee et al., arXiv 2511.21140).
///
/// `θ = (p + q₀ − 1) / (q₀ + q₁ − 1)` with q₁ the sensitivity and q₀ the specificity of the calibration. The interval takes adjusted counts
/// throughout: `p̃ = (np + z²/2) / (n + z²)`, `q̃ = (mq + 1) / (m + 2)`. It stays right when the share of good cases differs from the calibration's.
/// Errors without verdicts, without good or bad cases, where J is not above 0, or with a level outside of 0 to 1.
pub fn rogan_gladen(good: u64, n: u64, calibration: &Calibration, level: f64) -> Result<Corrected, Error> {
    at_least("rogan_gladen", "verdicts", 1, usize::from(n > 0))?;
    at_least("rogan_gladen", "labelled cases of each kind", 1, usize::from(calibration.n_good > 0 && calibration.n_bad > 0))?;
    open_unit("rogan_gladen", "level", level)?;
    if calibration.youden() <= 0.0 {
        return Err(Error::Range { measure: "rogan_gladen", parameter: "Youden's J", wants: "above 0", value: calibration.youden() });
    }
    let z = normal_quantile(0.5 + level / 2.0);
    let (n, m0, m1) = (n as f64, calibration.n_bad as f64, calibration.n_good as f64);
    let (p, q0, q1) = (good as f64 / n, calibration.true_bad as f64 / m0, calibration.true_good as f64 / m1);
    let corrected = |p: f64, q0: f64, q1: f64| (p + q0 - 1.0) / (q0 + q1 - 1.0);
    let (n, p_adjusted) = (n + z * z, (n * p + z * z / 2.0) / (n + z * z));
    let (q0_adjusted, q1_adjusted) = ((m0 * q0 + 1.0) / (m0 + 2.0), (m1 * q1 + 1.0) / (m1 + 2.0));
    let (m0, m1) = (m0 + 2.0, m1 + 2.0);
    let theta = corrected(p_adjusted, q0_adjusted, q1_adjusted);
    let noise = |q: f64, m: f64| q * (1.0 - q) / m;
    let shift = 2.0 * z * z * (theta * noise(q1_adjusted, m1) - (1.0 - theta) * noise(q0_adjusted, m0));
    let variance = noise(p_adjusted, n) + (1.0 - theta).powi(2) * noise(q0_adjusted, m0) + theta * theta * noise(q1_adjusted, m1);
    let half = z * variance.sqrt() / (q0_adjusted + q1_adjusted - 1.0);
    let within = |value: f64| value.clamp(0.0, 1.0);
    let interval = Interval { low: within(theta + shift - half), high: within(theta + shift + half) };
    Ok(Corrected { mean: within(corrected(p, q0, q1)), interval, lambda: 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The authors' example: p = .4, specificity .7, sensitivity .9, 1,000 verdicts, 200 labels of each kind.
    #[test]
    fn the_reference_gives_the_same() {
        let calibration = Calibration { true_good: 180, n_good: 200, true_bad: 140, n_bad: 200 };
        let found = rogan_gladen(400, 1_000, &calibration, 0.95).unwrap();
        assert!((found.mean - 0.166_666_666_666_666_8).abs() < 1e-9);
        assert!((found.interval.low - 0.056_350_724_841_608_94).abs() < 1e-9, "{found:?}");
        assert!((found.interval.high - 0.262_733_025_785_958_8).abs() < 1e-9, "{found:?}");
        assert!((calibration.youden() - 0.6).abs() < 1e-12);
    }

    #[test]
    fn a_judge_who_guesses_corrects_nothing() {
        let guess = Calibration { true_good: 50, n_good: 100, true_bad: 50, n_bad: 100 };
        assert!(rogan_gladen(40, 100, &guess, 0.95).is_err());
        assert!(rogan_gladen(0, 0, &guess, 0.95).is_err());
    }
}
