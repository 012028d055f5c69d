//! The store from outside: rows in, SQL out. One binary, because each links the whole engine.
#![expect(clippy::unwrap_used, clippy::panic, reason = "the helpers of tests fail as tests do")]

mod answers;
mod fixture;
mod hostile;
mod mistakes;
mod pruning;
mod slt;
mod views;
