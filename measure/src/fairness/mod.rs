//! Differences between groups of people, beyond what chance gives.

pub mod disparity;

pub use disparity::{Disparity, Group, disparity};
