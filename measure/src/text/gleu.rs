//! GLEU, Google's BLEU for single sentences.

use std::hash::Hash;

use crate::text::ngrams::{counts, overlap};

/// GLEU, `0.0..=1.0`: the smaller of precision and recall over all n-grams of 1 to 4 words at white space, best reference.
///
/// Source: Wu et al., "Google's neural machine translation system" (2016); nltk.translate.gleu_score.
pub fn gleu<S: AsRef<str>>(answer: &str, references: &[S]) -> f64 {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let answer = words(answer);
    references.iter().map(|reference| score(&answer, &words(reference.as_ref()))).fold(0.0, f64::max)
}

/// GLEU as promptfoo 0.123 has it: words in lower case and without their final dots.
pub fn promptfoo(answer: &str, references: &[&str]) -> f64 {
    let words = |text: &str| {
        let words: Vec<String> = text.to_lowercase().split_whitespace().map(|word| word.trim_end_matches('.').to_owned()).collect();
        if words.iter().all(String::is_empty) { Vec::new() } else { words }
    };
    let answer = words(answer);
    references.iter().map(|reference| score(&answer, &words(reference))).fold(0.0, f64::max)
}

fn score<T: Hash + Eq>(answer: &[T], reference: &[T]) -> f64 {
    let total = |length: usize| (1..=4).map(|n| (length + 1).saturating_sub(n)).sum::<usize>();
    let matched: usize = (1..=4).map(|n| overlap(&counts(answer, n), &counts(reference, n))).sum();
    let largest = total(answer.len()).max(total(reference.len()));
    if largest == 0 { 0.0 } else { matched as f64 / largest as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_scores_one() {
        assert_eq!(gleu("a b c", &["x", "a b c"]), 1.0);
        assert_eq!(promptfoo("The end.", &["the END"]), 1.0);
        assert_eq!(promptfoo("...", &["..."]), 0.0);
    }
}
