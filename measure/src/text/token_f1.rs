//! SQuAD's exact match and token F1.

use std::collections::HashMap;

/// Precision, recall and F1 over tokens, each `0.0..=1.0`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenF1 {
    /// Share of the answer's tokens that are in the reference.
    pub precision: f64,
    /// Share of the reference's tokens that are in the answer.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
}

/// Token F1 of SQuAD 2.0 between an answer and one reference.
///
/// Both are lower-cased, ASCII punctuation is cut out, the articles a, an, the are dropped, and tokens are what white space separates;
/// tokens match as multisets. Two empty texts score 1, one empty text 0 (the v2.0 script; v1.1 gives 0 for both). With several
/// references take the best. Source: Rajpurkar et al., evaluate-v2.0.py.
pub fn token_f1(answer: &str, reference: &str) -> TokenF1 {
    let (answer, reference) = (normalized_tokens(answer), normalized_tokens(reference));
    if answer.is_empty() || reference.is_empty() {
        let same = if answer.len() == reference.len() { 1.0 } else { 0.0 };
        return TokenF1 { precision: same, recall: same, f1: same };
    }
    let mut left: HashMap<&str, usize> = HashMap::new();
    for token in &reference {
        *left.entry(token).or_default() += 1;
    }
    let mut common = 0_usize;
    for token in &answer {
        if let Some(count) = left.get_mut(token.as_str()).filter(|count| **count > 0) {
            *count -= 1;
            common += 1;
        }
    }
    let (precision, recall) = (common as f64 / answer.len() as f64, common as f64 / reference.len() as f64);
    let f1 = if common == 0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) };
    TokenF1 { precision, recall, f1 }
}

/// Whether the two texts are the same after SQuAD's normalisation.
pub fn exact_match(answer: &str, reference: &str) -> bool {
    normalized_tokens(answer) == normalized_tokens(reference)
}

fn normalized_tokens(text: &str) -> Vec<String> {
    let bare: String = text.to_lowercase().chars().filter(|c| !c.is_ascii_punctuation()).collect();
    // The script cuts articles at word boundaries, so that a dash of another script separates them too.
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut spaced = String::with_capacity(bare.len());
    let mut rest = bare.as_str();
    while let Some(first) = rest.chars().next() {
        let inside = word(first);
        let end = rest.find(|c| word(c) != inside).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        spaced.push_str(if matches!(run, "a" | "an" | "the") { " " } else { run });
        rest = after;
    }
    spaced.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(answer: &str, reference: &str, expect: f64) {
        let found = token_f1(answer, reference).f1;
        assert!((found - expect).abs() < 1e-12, "{found}");
    }

    /// Values of evaluate-v2.0.py.
    #[test]
    fn known_values() {
        check("The Eiffel Tower.", "eiffel tower", 1.0);
        check("in the city of Paris", "Paris", 0.4);
        check("cat cat dog", "cat dog dog", 2.0 / 3.0);
        check("", "the", 1.0);
        check("", "Paris", 0.0);
        check("Rome", "Paris", 0.0);
    }

    #[test]
    fn articles_and_punctuation_do_not_count() {
        assert!(exact_match("An apple a day!", "apple day"));
        assert!(!exact_match("theory", "ory"));
    }
}
