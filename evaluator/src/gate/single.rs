//! The interval of one run's mean.

use measure::Interval;
use measure::interval::{clustered_wilson, floored_t, logit_t, wilson};

use crate::checks::Scale;
use crate::gate::compare::{LEVEL, floor_unit};

/// The interval of a mean at 95 %: Wilson's for plain passes and fails, on the effective number of cases where they come in clusters; t on the
/// log-odds for other values from 0 to 1; Student's for what has no range. Nothing where too little is known for any: no value, a
/// single one without a range, or a single cluster.
pub(crate) fn mean_interval(values: &[f64], clusters: Option<&[usize]>, scale: Scale) -> Option<Interval> {
    let whole = scale == Scale::Rate && values.iter().all(|value| *value == 0.0 || *value == 1.0);
    let r = floor_unit(scale, (values.iter().sum::<f64>() / values.len().max(1) as f64).abs());
    // A script may leave the range that it was thought to have.
    let ranged = scale != Scale::Unbounded && values.iter().all(|value| (0.0..=1.0).contains(value));
    let found = match (scale, clusters) {
        _ if !ranged => floored_t(values, clusters, r, LEVEL),
        (_, Some(clusters)) if whole => clustered_wilson(values, clusters, LEVEL),
        (_, None) if whole => {
            let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
            let passed = values.iter().filter(|value| **value == 1.0).count();
            wilson(count(passed), count(values.len()), LEVEL)
        }
        _ => logit_t(values, clusters, r, LEVEL),
    };
    found.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[f64], clusters: Option<&[usize]>, scale: Scale, expected: [f64; 2]) {
        let found = mean_interval(values, clusters, scale).unwrap();
        assert!((found.low - expected[0]).abs() < 1e-3 && (found.high - expected[1]).abs() < 1e-3, "{found:?}");
    }

    /// A few cases that are all right prove no `min_lower_bound`, whatever scores them and however they are clustered.
    #[test]
    fn a_few_right_cases_prove_nothing() {
        check(&[1.0; 4], None, Scale::Rate, [0.510, 1.0]);
        check(&[1.0; 4], Some(&[0, 0, 1, 1]), Scale::Rate, [0.012, 1.0]);
        check(&[1.0; 2], None, Scale::Score, [0.342, 1.0]);
        check(&[1.0; 4], Some(&[0, 0, 1, 1]), Scale::Score, [0.012, 1.0]);
        // t(.975, 1) · .05 · 20 · √2 / 2
        check(&[20.0; 2], None, Scale::Unbounded, [11.015, 28.985]);
    }

    #[test]
    fn one_cluster_has_no_interval() {
        for scale in [Scale::Rate, Scale::Score, Scale::Unbounded] {
            assert_eq!(mean_interval(&[1.0; 9], Some(&[0; 9]), scale), None);
            assert_eq!(mean_interval(&[], None, scale), None);
        }
    }
}
