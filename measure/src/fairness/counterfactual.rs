//! The effect of a group where nothing else differs: the same template, asked for one group after the other.

use crate::Interval;
use crate::error::{Error, at_least};
use crate::interval::sample::Sample;
use crate::seed::Seed;
use crate::special::{t_cdf, t_quantile};
use crate::test::{ClusterSignFlip, non_inferiority_p};

/// Discordant pairs of passes and fails below which the exact test has a say, too.
const EXACT_BELOW: f64 = 10.0;

/// What the differences are made of, which says how little they may vary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Passes and fails, also averaged.
    Rate,
    /// Numbers from 0 to 1.
    Score,
    /// Numbers without a range, and their mean.
    Amount(f64),
}

/// How one group fares against the others, template by template.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counterfactual {
    /// Templates that have an answer for the group and for another.
    pub n: usize,
    /// Mean difference: the group less the mean of the others.
    pub mean: f64,
    /// Interval of the mean at 95 %: Student's, clustered.
    pub interval: Interval,
    /// Two-sided p-value that the signs of the differences are chance.
    pub p_value: f64,
    /// p-value that the group fares as the others within the margin (TOST): small where that is shown.
    pub p_equivalent: f64,
    /// Mean size of the differences, whichever way they go: templates that favour a group and others that do the reverse do not cancel.
    pub mean_absolute: f64,
}

/// Tests paired differences `dᵢ = s(xᵢ, group) − s(xᵢ, others)`, which are in the score's unit; `clusters[i]` names the cluster of difference `i`, where
/// they come in any.
///
/// The p-value flips the signs of cluster sums: `2 · min(P[Σ±S_g ≤ Σ S_g], P[Σ±S_g ≥ Σ S_g])`, all sign patterns up to 13 clusters, else drawn with `seed`.
/// Equivalence is two one-sided t-tests against `±margin`, the larger p of the two: `max(F_t((d̄ − δ)/se), 1 − F_t((d̄ + δ)/se))` with n − 1
/// degrees of freedom, of clusters `n²/Σ n_g² − 1`. `se` is the (clustered) standard error, no less than that of a variance of `2 r²/n` over n units
/// ([`variance_floor`](crate::test::variance_floor)): a few equal pairs prove nothing. Where fewer than ten pairs of passes and fails differ, the larger of that and
/// the exact unconditional p holds ([`non_inferiority_p`], pairs over the design effect, rounded against the proof). It is never below
/// `2^−G` or `1/(B + 1)`, the least that G signs can tell, and so never 0.
/// Errors below two differences or two clusters.
/// Sources: Czarnowska et al., "Quantifying social biases in NLP" (2021); Schuirmann (1987) for the equivalence.
pub fn counterfactual(differences: &[f64], clusters: Option<&[usize]>, kind: Kind, margin: f64, seed: Seed) -> Result<Counterfactual, Error> {
    at_least("counterfactual", "differences", 2, differences.len())?;
    let sample = Sample::of("counterfactual", differences, clusters, kind.unit())?;
    let sums = clusters.map_or_else(|| differences.to_vec(), |clusters| sums(differences, clusters));
    let flip = ClusterSignFlip::new(sums.len(), seed)?;
    let mirrored: Vec<f64> = sums.iter().map(|sum| -sum).collect();
    let p_value = (2.0 * flip.p_fall(&sums)?.min(flip.p_fall(&mirrored)?)).min(1.0);
    let error = sample.floored_error(kind.r());
    let within = |distance: f64| match error > 0.0 {
        true => t_cdf(distance / error, sample.df),
        // Amounts that are all 0 have no scale: the distance alone decides.
        false => f64::from(u8::from(distance >= 0.0)),
    };
    let by_t = within(sample.mean - margin).max(within(-sample.mean - margin));
    let half = t_quantile(0.975, sample.df) * error;
    Ok(Counterfactual {
        n: differences.len(),
        mean: sample.mean,
        interval: Interval { low: sample.mean - half, high: sample.mean + half },
        p_value,
        p_equivalent: by_t.max(exact(differences, &sample, kind, margin)?).max(flip.resolution()),
        mean_absolute: differences.iter().map(|difference| difference.abs()).sum::<f64>() / differences.len() as f64,
    })
}

impl Kind {
    fn r(self) -> f64 {
        match self {
            Kind::Rate => 1.0,
            Kind::Score => 0.1,
            Kind::Amount(mean) => 0.05 * mean.abs(),
        }
    }

    fn unit(self) -> f64 {
        if let Kind::Amount(mean) = self { mean.abs() } else { 1.0 }
    }
}

/// The sum of the differences of every cluster that has one.
fn sums(differences: &[f64], clusters: &[usize]) -> Vec<f64> {
    let mut sums = std::collections::BTreeMap::new();
    differences.iter().zip(clusters).for_each(|(difference, cluster)| *sums.entry(*cluster).or_insert(0.0) += difference);
    sums.into_values().collect()
}

/// The exact p-value that passes and fails differ by less than the margin either way; 0 where it has no say.
fn exact(differences: &[f64], sample: &Sample, kind: Kind, margin: f64) -> Result<f64, Error> {
    let total = |sign: f64| differences.iter().map(|difference| (sign * difference).max(0.0)).sum::<f64>();
    let (gained, lost) = (total(1.0), total(-1.0));
    if kind != Kind::Rate || gained + lost >= EXACT_BELOW || !(margin > 0.0 && margin < 1.0) {
        return Ok(0.0);
    }
    let n = whole((sample.n / sample.design_effect + 1e-9).floor()).max(1);
    let p = |gained: f64, lost: f64| {
        let lost = whole((lost / sample.design_effect - 1e-9).ceil()).min(n);
        non_inferiority_p(n, whole((gained / sample.design_effect + 1e-9).floor()).min(n - lost), lost, margin)
    };
    Ok(p(gained, lost)?.max(p(lost, gained)?))
}

/// A count that has no fraction any more.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of pairs is not negative and far below 2^53")]
fn whole(count: f64) -> u64 {
    count.max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy 1.16: `ttest_1samp(d, 0)`, `ttest_1samp(d, .2, alternative="less")`, `ttest_1samp(d, -.2, alternative="greater")`, and all 1,024
    /// sign patterns with numpy.
    #[test]
    fn equals_scipy() {
        let d = [-0.3, -0.1, 0.0, -0.2, 0.1, -0.4, -0.2, -0.1, 0.0, -0.3];
        let found = counterfactual(&d, None, Kind::Score, 0.2, Seed::of(["test"])).unwrap();
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
    fn enough_pairs_that_are_treated_alike_are_equivalent() {
        let found = counterfactual(&[0.0; 120], None, Kind::Rate, 0.05, Seed::of(["test"])).unwrap();
        assert_eq!((found.mean, found.p_value, found.mean_absolute), (0.0, 1.0, 0.0));
        // No loss among 120 at a true fall of .05: .95^120 = .0021, and two sides alike.
        assert!(found.p_equivalent >= 0.95_f64.powi(120) && found.p_equivalent < 0.01, "{found:?}");
        let scores = counterfactual(&[0.0; 12], None, Kind::Score, 0.05, Seed::of(["test"])).unwrap();
        // scipy 1.16: t.cdf(-.05 / (.1 * 2 ** .5 / 12), 11) = .000688
        assert!((scores.p_equivalent - 0.000_688).abs() < 1e-5, "{scores:?}");
        assert!(counterfactual(&[0.1], None, Kind::Score, 0.05, Seed::of(["test"])).is_err());
    }

    /// Two equal pairs, or twenty of two templates, prove nothing and have an interval.
    #[test]
    fn a_few_equal_pairs_prove_nothing() {
        for kind in [Kind::Rate, Kind::Score, Kind::Amount(20.0)] {
            for n in [2, 3, 4] {
                let found = counterfactual(&vec![0.0; n], None, kind, 0.3, Seed::of(["test"])).unwrap();
                assert!(found.p_equivalent > 0.05 && found.interval.low < 0.0 && found.interval.high > 0.0, "{kind:?} {n}: {found:?}");
            }
            let clusters: Vec<usize> = (0..20).map(|i| i % 2).collect();
            let found = counterfactual(&[0.0; 20], Some(&clusters), kind, 0.3, Seed::of(["test"])).unwrap();
            assert!(found.p_equivalent > 0.05 && found.interval.high > 0.0, "{kind:?}: {found:?}");
        }
    }

    /// The signs of whole clusters flip: five templates that all go one way give 2/2^5, whatever the number of pairs in each.
    #[test]
    fn clusters_flip_whole() {
        let clusters: Vec<usize> = (0..50).map(|i| i / 10).collect();
        let found = counterfactual(&[0.2; 50], Some(&clusters), Kind::Score, 0.05, Seed::of(["test"])).unwrap();
        assert_eq!(found.p_value, 2.0 / 32.0);
        assert!(counterfactual(&[0.2; 9], Some(&[0; 9]), Kind::Score, 0.05, Seed::of(["test"])).is_err());
    }

    /// Ten templates of ten pairs that favour a group or the other by chance: pairs as the unit alarm in four of ten runs.
    #[test]
    fn false_alarms_are_as_rare_as_promised() {
        use rand_chacha::rand_core::RngCore;
        let mut rng = Seed::of(["false alarms"]).rng();
        let mut unit = || (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let clusters: Vec<usize> = (0..100).map(|i| i / 10).collect();
        let (mut alarms, mut missed) = (0, 0);
        for _ in 0..400 {
            let templates: Vec<f64> = (0..10).map(|_| unit() - 0.5).collect();
            let differences: Vec<f64> = clusters.iter().map(|cluster| 0.5 * templates[*cluster] + 0.5 * (unit() - 0.5)).collect();
            let found = counterfactual(&differences, Some(&clusters), Kind::Score, 0.1, Seed::of(["test"])).unwrap();
            alarms += usize::from(found.p_value <= 0.05);
            missed += usize::from(found.interval.low > 0.0 || found.interval.high < 0.0);
        }
        assert!((8..=32).contains(&alarms) && missed <= 32, "{alarms} alarms, {missed} intervals without 0, of 400");
    }
}
