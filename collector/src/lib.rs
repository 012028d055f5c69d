//! karat's collector.

pub mod conventions;
