//! karat: the wiring of the parts into one binary.

pub mod demo;
