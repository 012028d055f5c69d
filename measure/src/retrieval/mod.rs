//! Measures of ranked lists, such as the documents that were retrieved for a question.
//!
//! A ranking is a list of relevance grades, best rank first; grade 0 is not relevant, and so is a document that nobody judged (trec_eval).

mod average_precision;
mod bpref;
mod context;
mod ndcg;
mod rank;

pub use average_precision::{average_precision, context_ap_retrieved};
pub use bpref::bpref;
pub use context::{context_precision, context_recall};
pub use ndcg::{Gain, ndcg};
pub use rank::{hit, precision, r_precision, rank_biased_precision, ranking, recall, reciprocal_rank};
