//! The router over a real store: what the pages say, who may read them, and what the API answers.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says where")]

mod api;
mod guard;
mod harness;
mod hostile;
mod login;
mod monitors;
mod overview;
mod support;
mod trace;
mod traces;
