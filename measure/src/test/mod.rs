//! Tests of paired differences, and what they could have seen.
//!
//! Differences are candidate minus baseline, turned so that a *fall* (a negative number) means worse.

pub mod bh;
pub mod cluster_sign_flip;
pub mod exact_unconditional;
pub mod mcnemar;
pub mod mde;
pub mod paired_t;

pub use bh::bh;
pub use cluster_sign_flip::{ClusterSignFlip, cluster_sign_flip};
pub use exact_unconditional::non_inferiority_p;
pub use mcnemar::{Mcnemar, mcnemar};
pub use mde::{Plan, mde, mde_planted, variance_floor};
pub use paired_t::{PairedT, clustered_error, paired_t};
