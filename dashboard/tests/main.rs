//! The router over a real store: what the pages say, who may read them, and what the API answers.

mod api;
mod guard;
mod harness;
mod hostile;
mod login;
mod overview;
mod support;
mod trace;
mod traces;
