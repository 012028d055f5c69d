//! What must not stand in an answer.

mod canary;
mod pii;
mod secrets;

pub use canary::leaks;
pub use pii::{Pii, PiiKind, find_pii};
pub use secrets::{Secret, find_secrets};
