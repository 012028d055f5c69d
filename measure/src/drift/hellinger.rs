//! The Hellinger distance.

use crate::drift::bins::{Counts, bin_numbers};
use crate::drift::js_distance::js_distance_null_mean;
use crate::error::Error;
use crate::sorted::Sample;

/// Hellinger distance of a numeric column.
///
/// `√(½ Σ (√eᵢ − √aᵢ)²)` over the bins of [`bin_numbers`], with shares `(count + ½) / (n + B/2)`. Returns `0.0..1.0`, symmetric in its
/// shares. NaN is null. Errors if a side is empty. Source: Hellinger (1909).
pub fn hellinger<A: Sample + ?Sized, B: Sample + ?Sized>(reference: &A, current: &B) -> Result<f64, Error> {
    Ok(hellinger_counts(&bin_numbers(reference, current)?))
}

/// Hellinger distance of counts over the same bins.
pub fn hellinger_counts(counts: &Counts) -> f64 {
    (counts.shares().map(|(e, a)| (e.sqrt() - a.sqrt()).powi(2)).sum::<f64>() / 2.0).sqrt()
}

/// The mean of the distance when nothing changed, which is that of the Jensen-Shannon distance: both squares are, for small changes, an
/// eighth of χ².
pub fn hellinger_null_mean(n_bins: usize, n: usize, m: usize) -> f64 {
    js_distance_null_mean(n_bins, n, m)
}
