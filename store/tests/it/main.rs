//! The store from outside: rows in, SQL out. One binary, because each links the whole engine.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    reason = "a test stops at the first surprise"
)]

mod answers;
#[cfg(feature = "cluster")]
mod cluster;
mod fixture;
mod hostile;
mod mistakes;
mod pruning;
mod slt;
mod views;
