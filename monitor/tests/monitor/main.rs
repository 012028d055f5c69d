//! The monitors over a real store and a real receiver.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, clippy::print_stderr, clippy::cast_possible_truncation, reason = "tests")]

mod backtest;
mod cause;
mod detect;
mod drift;
mod extended;
mod inspect;
mod late;
mod notify;
mod shipped;
mod slices;
mod traffic;
