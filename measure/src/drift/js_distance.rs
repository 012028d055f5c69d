//! The Jensen-Shannon distance.

use statrs::function::gamma::ln_gamma;

use crate::drift::bins::{Counts, bin_categories, bin_numbers};
use crate::error::Error;
use crate::sorted::Sample;

/// Jensen-Shannon distance of a numeric column.
///
/// `√(½ KL(e‖h) + ½ KL(a‖h))` with `h = (e + a)/2`, natural logarithm, over the bins of [`bin_numbers`] with shares
/// `(count + ½) / (n + B/2)`. Returns `0.0..=√ln 2` (0.8326), symmetric in its shares. NaN is null. Errors if a side is empty.
/// Source: Lin, "Divergence measures based on the Shannon entropy" (1991); its root is a metric.
pub fn js_distance<A: Sample + ?Sized, B: Sample + ?Sized>(reference: &A, current: &B) -> Result<f64, Error> {
    Ok(js_distance_counts(&bin_numbers(reference, current)?))
}

/// Jensen-Shannon distance of a column of categories; `None` is null. Errors if a side is empty.
pub fn js_distance_categories<T: Ord>(
    reference: impl IntoIterator<Item = Option<T>>,
    current: impl IntoIterator<Item = Option<T>>,
) -> Result<f64, Error> {
    Ok(js_distance_counts(&bin_categories(reference, current)?))
}

/// Jensen-Shannon distance of counts over the same bins.
pub fn js_distance_counts(counts: &Counts) -> f64 {
    let divergence: f64 = counts
        .shares()
        .map(|(e, a)| {
            let middle = (e + a) / 2.0;
            (e * (e / middle).ln() + a * (a / middle).ln()) / 2.0
        })
        .sum();
    divergence.max(0.0).sqrt()
}

/// The mean of the distance when nothing changed: `√((1/n + 1/m)/8) · √2 Γ(B/2) / Γ((B−1)/2)`.
pub fn js_distance_null_mean(n_bins: usize, n: usize, m: usize) -> f64 {
    if n_bins < 2 {
        return 0.0;
    }
    let half = n_bins as f64 / 2.0;
    let scale = (1.0 / n as f64 + 1.0 / m as f64) / 8.0;
    (2.0 * scale).sqrt() * (ln_gamma(half) - ln_gamma(half - 0.5)).exp()
}
