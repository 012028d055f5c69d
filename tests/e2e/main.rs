//! End-to-end tests over the real binary: one test program, since each links all of DataFusion.

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

mod bedrock;
mod browser;
#[cfg(feature = "cluster")]
mod cluster;
mod crash;
mod demo;
mod eval;
mod eval_faults;
mod eval_traces;
mod faults;
mod floors;
#[cfg(feature = "kafka")]
mod kafka;
mod lake;
mod metrics;
mod monitors;
mod moving;
mod objects;
mod operations;
mod outages;
mod overload;
mod proxy;
mod ready;
mod runs;
mod sdk;
mod server;
