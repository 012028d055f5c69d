//! Tests of paired differences, and what they could have seen.
//!
//! Differences are candidate minus baseline, turned so that a *fall* (a negative number) means worse.

pub mod bh;
pub mod by;
pub mod cluster_sign_flip;
pub mod exact_unconditional;
pub mod holm;
pub mod mcnemar;
pub mod mde;
pub mod paired_t;
pub mod wilcoxon;

pub use bh::bh;
pub use by::by;
pub use cluster_sign_flip::{ClusterSignFlip, cluster_sign_flip};
pub use exact_unconditional::non_inferiority_p;
pub use holm::holm;
pub use mcnemar::{Mcnemar, mcnemar, mcnemar_chi2};
pub use mde::{Plan, mde, mde_planted, variance_floor};
pub use paired_t::{PairedT, clustered_error, paired_t};
pub use wilcoxon::{Wilcoxon, wilcoxon};
