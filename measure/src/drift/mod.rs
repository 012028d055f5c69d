//! Divergences between two histograms over the same bins, and `drift`, which picks what fits the values.

pub mod bins;
pub mod evidently;
pub mod hellinger;
pub mod js_distance;
pub mod kl;
pub mod pick;
pub mod psi;
pub mod total_variation;

pub use bins::{Binning, Counts, bin_categories, bin_numbers};
pub use hellinger::{hellinger, hellinger_counts, hellinger_null_mean};
pub use js_distance::{js_distance, js_distance_categories, js_distance_counts, js_distance_null_mean};
pub use kl::{kl, kl_counts, kl_null_mean};
pub use pick::{Drift, drift, drift_categories, drift_categories_clustered, drift_clustered, drift_vectors};
pub use psi::{psi, psi_categories, psi_counts, psi_null_mean, psi_null_quantile};
pub use total_variation::{total_variation, total_variation_counts};
