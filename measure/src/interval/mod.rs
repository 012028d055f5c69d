//! Confidence intervals.

pub mod bonett_price;
pub mod clopper_pearson;
pub mod jeffreys;
pub mod mean_ci;
pub mod wilson;

pub use bonett_price::{bonett_price, bonett_price_lower};
pub use clopper_pearson::clopper_pearson;
pub use jeffreys::jeffreys;
pub use mean_ci::{clustered_mean_ci, mean_ci};
pub use wilson::wilson;

/// The two ends of an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}
