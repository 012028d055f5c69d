//! The numbers of karat: drift, shift, intervals, tests, and measures of text.
//!
//! Pure: no I/O, no clock, no runtime. Randomness is a [`Seed`], so the same data always gives the same number. A file
//! owns one measure and states its formula, its range, its errors and where it comes from; SQL functions, the gate of
//! `karat eval`, the online checks and the monitors all call the same line.
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests have clocks, tasks and environments of their own"))]

pub mod agents;
pub mod agreement;
pub mod drift;
pub mod error;
pub mod fairness;
pub mod homogeneity;
pub mod interval;
pub mod judge;
pub mod moments;
pub mod permute;
pub mod radix;
pub mod retrieval;
pub mod safety;
pub mod seed;
pub mod shift;
pub mod sorted;
pub mod test;
pub mod text;
pub mod window;

mod special;

pub use error::Error;
pub use interval::Interval;
pub use moments::Moments;
pub use seed::Seed;
pub use sorted::{Sample, Sorted};
