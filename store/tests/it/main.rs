//! The store from outside: rows in, SQL out. One binary, because each links the whole engine.

mod answers;
mod fixture;
mod hostile;
mod mistakes;
mod pruning;
mod slt;
mod views;
