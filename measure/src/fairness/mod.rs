//! Differences between groups of people, beyond what chance gives.

pub mod clustered_disparity;
pub mod counterfactual;
pub mod disparity;
pub mod four_fifths;
pub mod shrink;

pub use clustered_disparity::{Member, clustered_disparity};
pub use counterfactual::{Counterfactual, Kind, counterfactual};
pub use disparity::{Disparity, Group, disparity};
pub use four_fifths::{FourFifths, four_fifths};
pub use shrink::shrink;
