//! Divergences between two histograms over the same bins.

pub mod bins;
pub mod js_distance;
pub mod psi;

pub use bins::{Counts, bin_categories, bin_numbers};
pub use js_distance::{js_distance, js_distance_categories, js_distance_counts, js_distance_null_mean};
pub use psi::{psi, psi_categories, psi_counts, psi_null_mean};
