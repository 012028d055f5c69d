//! Measures of a value against the ones before it.

pub mod ewma;
pub mod robust_z;

pub use ewma::ewma;
pub use robust_z::{RobustZ, robust_z};
