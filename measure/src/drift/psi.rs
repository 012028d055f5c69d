//! The population stability index.

use crate::drift::bins::{Counts, bin_categories, bin_numbers};
use crate::error::Error;
use crate::sorted::Sample;
use crate::special::chi_square_quantile;

/// Population stability index of a numeric column.
///
/// `PSI = Σ (aᵢ − eᵢ) · ln(aᵢ / eᵢ)` over the bins of [`bin_numbers`], with shares `(count + ½) / (n + B/2)`.
/// Returns nats, `0.0..`; 0.1 is usually read as "watch", 0.25 as "shifted" (Siddiqi, Credit Risk Scorecards, 2006). It is an
/// effect, not a test: its mean without any change is [`psi_null_mean`]. NaN is null. Errors if a side is empty.
pub fn psi<A: Sample + ?Sized, B: Sample + ?Sized>(reference: &A, current: &B) -> Result<f64, Error> {
    Ok(psi_counts(&bin_numbers(reference, current)?))
}

/// Population stability index of a column of categories; `None` is null. Errors if a side is empty.
pub fn psi_categories<T: Ord>(reference: impl IntoIterator<Item = Option<T>>, current: impl IntoIterator<Item = Option<T>>) -> Result<f64, Error> {
    Ok(psi_counts(&bin_categories(reference, current)?))
}

/// Population stability index of counts over the same bins.
pub fn psi_counts(counts: &Counts) -> f64 {
    counts.shares().map(|(e, a)| (a - e) * (a / e).ln()).sum()
}

/// The mean of PSI when nothing changed: `(B − 1)(1/n + 1/m)` for B bins, n reference and m current values.
///
/// Source: Yurdakul and Naranjo, "Statistical properties of the population stability index" (2020).
pub fn psi_null_mean(n_bins: usize, n: usize, m: usize) -> f64 {
    (n_bins as f64 - 1.0) * (1.0 / n as f64 + 1.0 / m as f64)
}

/// The value that PSI exceeds with probability `1 − level` when nothing changed: `χ²⁻¹(level; B − 1) · (1/n + 1/m)`.
///
/// NaN below two bins or with a level outside of 0 to 1. Source: Yurdakul and Naranjo (2020).
pub fn psi_null_quantile(n_bins: usize, n: usize, m: usize, level: f64) -> f64 {
    if n_bins < 2 || !(0.0..=1.0).contains(&level) {
        return f64::NAN;
    }
    chi_square_quantile(level, n_bins as f64 - 1.0) * (1.0 / n as f64 + 1.0 / m as f64)
}
