//! How far raters agree, beyond what chance gives, or in the order into which they put things.

pub mod cohen_kappa;
pub mod kendall;
pub mod krippendorff;

pub use cohen_kappa::cohen_kappa;
pub use kendall::kendall_tau_b;
pub use krippendorff::{Scale, krippendorff_alpha};
