//! The router over a real store.

mod support;
