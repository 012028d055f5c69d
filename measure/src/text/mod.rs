//! Measures of text against text.

pub mod bleu;
pub mod chrf;
pub mod gleu;
pub mod groundedness;
pub mod jaro;
pub mod levenshtein;
pub(crate) mod ngrams;
pub mod numeric;
pub mod porter;
pub mod quantities;
pub mod quotes;
pub mod readability;
pub mod refusal;
pub mod rouge;
pub mod sentences;
pub mod ter;
pub mod thirteen_a;
pub mod token_f1;
pub mod treebank;
pub mod words;

pub use bleu::sentence_bleu;
pub use chrf::chrf;
pub use gleu::gleu;
pub use groundedness::{Claim, Groundedness, groundedness};
pub use jaro::{hamming_similarity, jaro, jaro_winkler};
pub use levenshtein::{levenshtein, levenshtein_similarity};
pub use porter::stem;
pub use refusal::is_refusal;
pub use rouge::{Rouge, Stemming, rouge_l, rouge_l_sum, rouge_n};
pub use sentences::sentences;
pub use ter::ter;
pub use token_f1::{TokenF1, exact_match, token_f1};
