//! The total variation distance.

use crate::drift::bins::{Counts, bin_numbers};
use crate::error::Error;
use crate::sorted::Sample;

/// Total variation distance of a numeric column: the share of rows that would have to move to another bin.
///
/// `½ Σ |eᵢ − aᵢ|` over the bins of [`bin_numbers`], with shares `(count + ½) / (n + B/2)` as in the other binned distances. Returns
/// `0.0..1.0`, symmetric in its shares. NaN is null. Errors if a side is empty.
pub fn total_variation<A: Sample + ?Sized, B: Sample + ?Sized>(reference: &A, current: &B) -> Result<f64, Error> {
    Ok(total_variation_counts(&bin_numbers(reference, current)?))
}

/// Total variation distance of counts over the same bins.
pub fn total_variation_counts(counts: &Counts) -> f64 {
    counts.shares().map(|(e, a)| (e - a).abs()).sum::<f64>() / 2.0
}
