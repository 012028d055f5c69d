//! chrF, the F-score of character n-grams.

use crate::text::ngrams::{counts, overlap};

/// What sacrebleu prints for [`chrf`].
pub const SIGNATURE: &str = "chrF2 nrefs:var|case:mixed|eff:yes|nc:6|nw:0|space:no";

/// Longest n-gram of characters.
const ORDER: usize = 6;

/// chrF2 of sacrebleu, `0.0..=100.0`: `(1 + β²) P R / (β² P + R)` with β = 2, precision and recall averaged over the n-grams of 1 to 6 characters
/// (white space left out) that both texts have; best reference. Source: Popović, "chrF" (2015); sacrebleu 2.
pub fn chrf<S: AsRef<str>>(answer: &str, references: &[S]) -> f64 {
    let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<Vec<char>>();
    let answer = letters(answer);
    references.iter().map(|reference| score(&answer, &letters(reference.as_ref()))).fold(0.0, f64::max)
}

fn score(answer: &[char], reference: &[char]) -> f64 {
    let orders = ORDER.min(answer.len()).min(reference.len());
    if orders == 0 {
        return 0.0;
    }
    let (mut precision, mut recall) = (0.0, 0.0);
    for n in 1..=orders {
        let matched = overlap(&counts(answer, n), &counts(reference, n)) as f64;
        precision += matched / (answer.len() + 1 - n) as f64;
        recall += matched / (reference.len() + 1 - n) as f64;
    }
    let (precision, recall) = (precision / orders as f64, recall / orders as f64);
    if precision + recall == 0.0 { 0.0 } else { 100.0 * 5.0 * precision * recall / (4.0 * precision + recall) }
}

#[cfg(test)]
mod tests {
    use super::chrf;

    #[test]
    fn spaces_do_not_count() {
        assert_eq!(chrf("a b c", &["abc"]), 100.0);
        assert_eq!(chrf("", &["abc"]), 0.0);
    }
}
