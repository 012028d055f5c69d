//! Drift of a column: the measure and the test that fit its values.

use crate::drift::bins::{Binning, Counts, bin_numbers, finite, is_discrete};
use crate::drift::{js_distance_counts, js_distance_null_mean};
use crate::error::Error;
use crate::homogeneity::{chi2, homogeneity};
use crate::moments::Moments;
use crate::permute::{Pooled, Rows, Statistic};
use crate::shift::ks_test;
use crate::shift::mmd::{Unit, mmd};
use crate::shift::wasserstein::distance_and_null_mean;
use crate::sorted::{Sample, Sorted};

/// Whether and by how much a column drifted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// The test of the p-value: `ks`, `ks_exact`, `chi2`, `chi2_monte_carlo`, `fisher`, `ks_clusters`, `chi2_clusters` or `mmd`.
    pub test: &'static str,
    /// The test's statistic: the largest gap, Pearson's χ², or the discrepancy.
    pub statistic: f64,
    /// How large the drift is, less what chance alone gives, `0.0..`; 0.1 is a floor that suits most columns.
    pub effect: f64,
    /// How likely a statistic as large is where nothing changed.
    pub p_value: f64,
}

/// Drift of a numeric column.
///
/// More than ten distinct values in the reference: the effect is `max(0, W₁ − E₀[W₁])` in standard deviations of the reference, p that of
/// Kolmogorov and Smirnov. Else, as for categories: the effect is `max(0, D − E₀[D])` of the Jensen-Shannon distance, p that of
/// [`homogeneity`]. Nulls are a category, and left out of the comparison of numbers; infinite values count for p, not for the
/// effect. Errors if a side is empty.
pub fn drift<A: Sample + ?Sized, B: Sample + ?Sized>(reference: &A, current: &B) -> Result<Drift, Error> {
    let (reference, current) = (reference.sorted(), current.sorted());
    if is_discrete(&reference) {
        return Ok(drift_categories(&bin_numbers(&*reference, &*current)?));
    }
    let test = ks_test(&*reference, &*current)?;
    let (reference, current) = (finite(reference.values()), finite(current.values()));
    // A side without a finite value is as far away as can be.
    let is_far = reference.is_empty() || current.is_empty();
    let (distance, by_chance) = if is_far { (f64::INFINITY, 0.0) } else { distance_and_null_mean(reference, current) };
    let effect = (distance - by_chance) / Moments::of(reference).sd();
    let name = if test.exact { "ks_exact" } else { "ks" };
    Ok(Drift { test: name, statistic: test.statistic, effect: effect.max(0.0), p_value: test.p_value })
}

/// Drift of a column of categories: the Jensen-Shannon distance less its mean without a change, and the p-value of [`homogeneity`].
pub fn drift_categories(counts: &Counts) -> Drift {
    let (n, m) = counts.totals();
    let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let effect = (js_distance_counts(counts) - js_distance_null_mean(counts.n_bins(), size(n), size(m))).max(0.0);
    let found = homogeneity(counts);
    Drift { test: found.test, statistic: found.statistic, effect, p_value: found.p_value }
}

/// [`drift`] where rows come in clusters: the p-value, and what chance alone gives of the effect, by permuting whole clusters.
///
/// Errors if a side is empty.
pub fn drift_clustered(reference: Rows<'_>, current: Rows<'_>) -> Result<Drift, Error> {
    let sorted = [reference.values, current.values].map(|values| Sorted::new(values.to_vec()));
    let [a, b] = &sorted;
    if is_discrete(a) {
        let binning = Binning::of(a, b)?;
        return drift_categories_clustered(reference, current, &bin_numbers(a, b)?, |x| binning.bin(x));
    }
    let pooled = Pooled::of_numbers(reference, current)?;
    let found = pooled.permuted(Statistic::Ks, Some(Statistic::Wasserstein));
    let sd = Moments::of(finite(a.values())).sd();
    let effect = finite_distance(a, b).map_or(f64::INFINITY, |distance| (distance - found.effect_mean) / sd);
    Ok(Drift { test: "ks_clusters", statistic: ks_test(a, b)?.statistic, effect: effect.max(0.0), p_value: found.p_value })
}

/// [`drift_categories`] where rows come in clusters; `bin` is the place of a value in `counts`. The p-value tells all values apart, as
/// [`Counts::apart`] does. Errors if a side is empty.
pub fn drift_categories_clustered(reference: Rows<'_>, current: Rows<'_>, counts: &Counts, bin: impl Fn(f64) -> usize) -> Result<Drift, Error> {
    let found = Pooled::of_values(reference, current)?.permuted(Statistic::Chi2, None);
    let by_chance = Pooled::of_bins(reference, current, bin)?.mean_by_chance(Statistic::JsDistance);
    let effect = (js_distance_counts(counts) - by_chance).max(0.0);
    Ok(Drift { test: "chi2_clusters", statistic: chi2(counts).statistic, effect, p_value: found.p_value })
}

/// Drift of embeddings, by [`mmd`] over units: rows, sessions or buckets of them. Errors if a side is empty.
pub fn drift_vectors(reference: &[Unit], current: &[Unit]) -> Result<Drift, Error> {
    let found = mmd(reference, current)?;
    Ok(Drift { test: "mmd", statistic: found.statistic, effect: found.effect, p_value: found.p_value })
}

/// The Wasserstein distance of the finite values; none where a side has no such value.
fn finite_distance(a: &Sorted, b: &Sorted) -> Option<f64> {
    let (a, b) = (finite(a.values()), finite(b.values()));
    (!a.is_empty() && !b.is_empty()).then(|| distance_and_null_mean(a, b).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(n: u32, shift: f64) -> Vec<f64> {
        (1..=n).map(|i| (f64::from(i) * 0.618_033_988_749_894_9).fract() + shift).collect()
    }

    /// A measured shift of half a range of a uniform column is √3 standard deviations, less what chance gives.
    #[test]
    fn numbers_move_in_standard_deviations() {
        let found = drift(&ramp(1000, 0.0), &ramp(1000, 0.5)).unwrap();
        assert_eq!(found.test, "ks_exact");
        assert!((found.effect - 3.0_f64.sqrt()).abs() < 0.1 && found.p_value < 1e-9, "{found:?}");
        let found = drift(&ramp(1000, 0.0), &ramp(900, 1e-4)).unwrap();
        assert!(found.effect == 0.0 && found.p_value > 0.9, "{found:?}");
    }

    #[test]
    fn few_values_are_categories() {
        let found = drift(&[0.0, 1.0, 1.0, 0.0], &[1.0, 1.0, 1.0, 0.0]).unwrap();
        assert_eq!((found.test, found.p_value, found.effect), ("fisher", 1.0, 0.0));
        let found = drift(&[2.0; 50], &[2.0; 40]).unwrap();
        assert_eq!((found.p_value, found.effect), (1.0, 0.0));
        let found = drift(&[2.0; 50], &[3.0; 40]).unwrap();
        assert!(found.p_value < 1e-9 && found.effect > 0.5, "{found:?}");
    }

    #[test]
    fn odd_values_have_a_drift() {
        let mut strange = ramp(100, 0.0);
        strange.extend([f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
        let found = drift(&strange, &ramp(90, 0.0)).unwrap();
        assert!(found.effect.is_finite() && found.p_value > 0.5, "{found:?}");
        let found = drift(&ramp(100, 0.0), &[f64::INFINITY; 30]).unwrap();
        assert!(found.effect == f64::INFINITY && found.p_value < 1e-9, "{found:?}");
        assert!(drift(&[0.0; 0], &[1.0]).is_err() && drift(&ramp(100, 0.0), &[0.0; 0]).is_err());
    }

    /// Sessions that resemble themselves: by rows it is a drift, by sessions it is not.
    #[test]
    fn clusters_keep_sessions_together() {
        let side = |from: u64| {
            let clusters: Vec<u64> = (0..200).map(|i| from + i / 20).collect();
            let level = |cluster: u64| (cluster as f64 * 0.754_877_666_246_692_7).fract();
            let values: Vec<f64> = clusters.iter().zip(ramp(200, 0.0)).map(|(cluster, noise)| level(*cluster) * 2.0 + 0.1 * noise).collect();
            (values, clusters)
        };
        let ((a, a_clusters), (b, b_clusters)) = (side(0), side(100));
        let by_rows = drift(&a, &b).unwrap();
        let by_clusters = drift_clustered(Rows { values: &a, clusters: &a_clusters }, Rows { values: &b, clusters: &b_clusters }).unwrap();
        assert!(by_rows.p_value < 0.01 && by_clusters.p_value > 0.1, "{by_rows:?} {by_clusters:?}");
        assert!(by_clusters.effect < by_rows.effect);
    }
}
