//! Confidence intervals.

pub mod bonett_price;
pub mod wilson;

pub use bonett_price::{bonett_price, bonett_price_lower};
pub use wilson::wilson;

/// The two ends of an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}
