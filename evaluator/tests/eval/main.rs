//! `karat eval` from the suite file to the exit code: the shipped suites, planted changes, wrong input, and a judge over a real socket.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod checks;
mod commands;
mod endpoint;
mod fairness;
mod forms;
mod gate;
mod judge;
mod lineage;
mod mistakes;
mod shipped;
mod workspace;
