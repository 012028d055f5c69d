//! Measures of agents: what tools were called, in what order, how often in vain, and how reliably.

mod assignment;
mod loops;
mod pass_k;
mod tools;
mod trajectory;

pub use loops::{STAGNANT_JACCARD, repeated_calls, repeated_cycles, stagnation};
pub use pass_k::{pass_at_k, pass_hat_k};
pub use tools::{Call, ToolMatch, is_met, tool_match};
pub use trajectory::{Order, follows, trajectory_similarity};
