//! karat's collector.

pub mod price;
