//! The Kullback-Leibler divergence.

use crate::drift::bins::{Counts, bin_numbers};
use crate::error::Error;
use crate::sorted::Sample;

/// Kullback-Leibler divergence of the reference from the current side, of a numeric column.
///
/// `KL(e‖a) = Σ eᵢ · ln(eᵢ / aᵢ)` over the bins of [`bin_numbers`], e of the reference, a of the current side, with shares
/// `(count + ½) / (n + B/2)`. Returns nats, `0.0..`, not symmetric. NaN is null. Errors if a side is empty.
/// Source: Kullback and Leibler, "On information and sufficiency" (1951).
pub fn kl<A: Sample + ?Sized, B: Sample + ?Sized>(reference: &A, current: &B) -> Result<f64, Error> {
    Ok(kl_counts(&bin_numbers(reference, current)?))
}

/// Kullback-Leibler divergence of counts over the same bins.
pub fn kl_counts(counts: &Counts) -> f64 {
    counts.shares().map(|(e, a)| e * (e / a).ln()).sum::<f64>().max(0.0)
}

/// The mean of the divergence when nothing changed: `(B − 1)(1/n + 1/m) / 2` for B bins, n reference and m current values.
pub fn kl_null_mean(n_bins: usize, n: usize, m: usize) -> f64 {
    (n_bins as f64 - 1.0) * (1.0 / n as f64 + 1.0 / m as f64) / 2.0
}
