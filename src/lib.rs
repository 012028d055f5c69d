//! karat: the wiring of the parts into one binary.
//!
//! Stages do not know each other; here they are opened, looped and stopped. This is the only crate that reads the
//! environment, the clock and signals, and the only one that prints.
#![allow(clippy::disallowed_methods, reason = "here the clock and the environment are read, and handed on")]

pub mod backup;
pub mod cli;
mod client;
pub mod clock;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod eval;
pub mod forget;
mod gateway;
pub mod metrics;
pub mod monitors;
mod prices;
mod query_node;
pub mod ready;
mod runs;
pub mod serve;
pub mod sql;
pub mod telemetry;
pub mod transfer;
