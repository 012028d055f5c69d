//! `karat eval` from the suite file to the exit code: the shipped suites, planted changes, wrong input, and a judge over a real socket.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking")]

mod apps;
mod calls;
mod checks;
mod commands;
mod embeddings;
mod endpoint;
mod extend;
mod fairness;
mod forms;
mod gate;
mod graders;
mod judge;
mod lineage;
mod llama;
mod llmbar;
mod mistakes;
mod models;
mod parts;
mod recipes;
mod select;
mod shipped;
mod sql;
mod tables;
mod workspace;
