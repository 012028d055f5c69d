//! How far raters agree, beyond what chance gives.

pub mod cohen_kappa;
pub mod krippendorff;

pub use cohen_kappa::cohen_kappa;
pub use krippendorff::{Scale, krippendorff_alpha};
