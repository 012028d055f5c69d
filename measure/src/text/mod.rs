//! Measures of text against text.

pub mod groundedness;
pub mod levenshtein;
pub mod porter;
pub mod quantities;
pub mod refusal;
pub mod sentences;
pub mod token_f1;
pub mod words;

pub use groundedness::{Claim, Groundedness, groundedness};
pub use levenshtein::{levenshtein, levenshtein_similarity};
pub use porter::stem;
pub use refusal::is_refusal;
pub use sentences::sentences;
pub use token_f1::{TokenF1, exact_match, token_f1};
