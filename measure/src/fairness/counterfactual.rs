//! The effect of a group where nothing else differs: the same template, asked for one group after the other.

use crate::Interval;
use crate::error::Error;
use crate::seed::Seed;
use crate::special::t_cdf;
use crate::test::{ClusterSignFlip, paired_t};

/// How one group fares against the others, template by template.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counterfactual {
    /// Templates that have an answer for the group and for another.
    pub n: usize,
    /// Mean difference: the group less the mean of the others.
    pub mean: f64,
    /// Interval of the mean at 95 %.
    pub interval: Interval,
    /// Two-sided p-value that the signs of the differences are chance.
    pub p_value: f64,
    /// p-value that the group fares as the others within the margin (TOST): small where that is shown.
    pub p_equivalent: f64,
    /// Mean size of the differences, whichever way they go: templates that favour a group and others that do the reverse do not cancel.
    pub mean_absolute: f64,
}

/// Tests paired differences `dᵢ = s(xᵢ, group) − s(xᵢ, others)`, which are in the score's unit.
///
/// The p-value flips signs: `2 · min(P[Σ±dᵢ ≤ Σdᵢ], P[Σ±dᵢ ≥ Σdᵢ])`, all sign patterns up to 13 templates, else drawn with `seed`. Equivalence is
/// two one-sided t-tests against `±margin`, the larger p of the two: `max(F_t((d̄ − δ)/se), 1 − F_t((d̄ + δ)/se))` with n − 1 degrees of
/// freedom. Errors below two differences.
/// Sources: Czarnowska et al., "Quantifying social biases in NLP" (2021); Schuirmann (1987) for the equivalence.
pub fn counterfactual(differences: &[f64], margin: f64, seed: Seed) -> Result<Counterfactual, Error> {
    let t = paired_t(differences)?;
    let flip = ClusterSignFlip::new(differences.len(), seed)?;
    let mirrored: Vec<f64> = differences.iter().map(|difference| -difference).collect();
    let p_value = (2.0 * flip.p_fall(differences)?.min(flip.p_fall(&mirrored)?)).min(1.0);
    let within = |distance: f64| match t.error > 0.0 {
        true => t_cdf(distance / t.error, t.df),
        // Without spread the distance alone decides.
        false => f64::from(u8::from(distance >= 0.0)),
    };
    Ok(Counterfactual {
        n: differences.len(),
        mean: t.mean,
        interval: t.interval(0.95),
        p_value,
        p_equivalent: within(t.mean - margin).max(within(-t.mean - margin)),
        mean_absolute: differences.iter().map(|difference| difference.abs()).sum::<f64>() / differences.len() as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy 1.16: `ttest_1samp(d, 0)`, `ttest_1samp(d, .2, alternative="less")`, `ttest_1samp(d, -.2, alternative="greater")`, and all 1,024
    /// sign patterns with numpy.
    #[test]
    fn equals_scipy() {
        let d = [-0.3, -0.1, 0.0, -0.2, 0.1, -0.4, -0.2, -0.1, 0.0, -0.3];
        let found = counterfactual(&d, 0.2, Seed::of(["test"])).unwrap();
        assert_eq!(found.n, 10);
        assert!((found.mean + 0.15).abs() < 1e-12 && (found.mean_absolute - 0.17).abs() < 1e-12, "{found:?}");
        assert!(
            (found.interval.low + 0.263_107_858_139_910_3).abs() < 1e-9 && (found.interval.high + 0.036_892_141_860_089_78).abs() < 1e-9,
            "{found:?}"
        );
        assert!((found.p_equivalent - 0.171_718_198_068_956_7).abs() < 1e-9, "{found:?}");
        assert!((found.p_value - 32.0 / 1024.0).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn groups_that_are_treated_alike_are_equivalent() {
        let found = counterfactual(&[0.0; 12], 0.05, Seed::of(["test"])).unwrap();
        assert_eq!((found.mean, found.p_value, found.p_equivalent, found.mean_absolute), (0.0, 1.0, 0.0, 0.0));
        assert!(counterfactual(&[0.1], 0.05, Seed::of(["test"])).is_err());
    }
}
