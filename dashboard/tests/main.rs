//! The router over a real store: what the pages say, who may read them, and what the API answers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    reason = "a test stops at the first surprise"
)]

mod api;
mod guard;
mod harness;
mod hostile;
mod login;
mod overview;
mod support;
mod trace;
mod traces;
