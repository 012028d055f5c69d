//! BLEU of single sentences.

use crate::text::ngrams::{counts, overlap};
use crate::text::thirteen_a::tokenize;

/// Longest n-gram that counts.
const ORDER: usize = 4;

/// What sacrebleu prints for [`sentence_bleu`], so that numbers can be compared.
pub const SIGNATURE: &str = "bleu nrefs:var|case:mixed|eff:yes|tok:13a|smooth:exp";

/// Matches and totals of n-grams, and the lengths, that every BLEU is made of.
struct Statistics {
    matched: [usize; ORDER],
    total: [usize; ORDER],
    length: usize,
    reference_length: usize,
}

impl Statistics {
    /// Counts an n-gram at most as often as the reference that has it most often; of the lengths the closest one counts, the shorter of two.
    fn of(answer: &[String], references: &[Vec<String>]) -> Self {
        let mut statistics = Statistics { matched: [0; ORDER], total: [0; ORDER], length: answer.len(), reference_length: 0 };
        for n in 1..=ORDER {
            let found = counts(answer, n);
            let known: Vec<_> = references.iter().map(|reference| counts(reference, n)).collect();
            let most = |gram: &[String]| known.iter().filter_map(|counts| counts.get(gram)).max().copied().unwrap_or(0);
            statistics.matched[n - 1] = found.iter().map(|(gram, count)| (*count).min(most(gram))).sum();
            statistics.total[n - 1] = found.values().sum();
        }
        let lengths = references.iter().map(Vec::len);
        statistics.reference_length = lengths.min_by_key(|length| (length.abs_diff(answer.len()), *length)).unwrap_or(0);
        statistics
    }

    fn brevity(&self) -> f64 {
        if self.length == 0 {
            0.0
        } else if self.length >= self.reference_length {
            1.0
        } else {
            (1.0 - self.reference_length as f64 / self.length as f64).exp()
        }
    }
}

/// Sentence BLEU of sacrebleu, `0.0..=100.0`.
///
/// `brevity · exp(mean log pₙ)` over n = 1..4, tokens by mteval's 13a, precisions of 0 smoothed exponentially (the k-th becomes
/// `100 / (2ᵏ total)`), orders longer than the answer left out ("effective order"). 0 without a reference or a common word.
/// Source: Papineni et al. (2002); Post, "A call for clarity" (2018); sacrebleu 2.
pub fn sentence_bleu<S: AsRef<str>>(answer: &str, references: &[S]) -> f64 {
    let references: Vec<Vec<String>> = references.iter().map(|reference| tokenize(reference.as_ref())).collect();
    let statistics = Statistics::of(&tokenize(answer), &references);
    if statistics.matched.iter().all(|matched| *matched == 0) {
        return 0.0;
    }
    let (mut logs, mut orders, mut smooth) = (0.0, 0, 1.0);
    for (matched, total) in statistics.matched.into_iter().zip(statistics.total) {
        if total == 0 {
            break;
        }
        orders += 1;
        let precision = if matched == 0 {
            smooth *= 2.0;
            100.0 / (smooth * total as f64)
        } else {
            100.0 * matched as f64 / total as f64
        };
        logs += precision.ln();
    }
    statistics.brevity() * (logs / f64::from(orders)).exp()
}

/// Sentence BLEU of NLTK with smoothing method 1, `0.0..=1.0`: words at white space, 0.1 for a precision of 0, all four orders.
///
/// Source: Chen and Cherry, "A systematic comparison of smoothing techniques for sentence-level BLEU" (2014); nltk.translate.bleu_score.
pub fn nltk_method1<S: AsRef<str>>(answer: &str, references: &[S]) -> f64 {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let references: Vec<Vec<String>> = references.iter().map(|reference| words(reference.as_ref())).collect();
    let statistics = Statistics::of(&words(answer), &references);
    if statistics.matched[0] == 0 {
        return 0.0;
    }
    let log = |(matched, total): (usize, usize)| (if matched == 0 { 0.1 } else { matched as f64 } / total.max(1) as f64).ln();
    let logs: f64 = statistics.matched.into_iter().zip(statistics.total).map(log).sum();
    statistics.brevity() * (logs / ORDER as f64).exp()
}

/// BLEU as promptfoo 0.123 has it, `0.0..=1.0`: lower-case words at white space, each order clipped by its best reference as a whole, a precision
/// of 0 counted as 1e-7, orders longer than the answer left out.
pub fn promptfoo(answer: &str, references: &[&str]) -> f64 {
    if answer.trim().is_empty() {
        return 0.0;
    }
    let words = |text: &str| text.to_lowercase().split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let (answer, references) = (words(answer), references.iter().map(|text| words(text)).collect::<Vec<_>>());
    let (mut logs, mut orders) = (0.0, 0);
    for n in (1..=ORDER).take_while(|n| *n <= answer.len()) {
        let found = counts(&answer, n);
        let best = references.iter().map(|reference| overlap(&found, &counts(reference, n))).max().unwrap_or(0);
        let precision = best as f64 / (answer.len() + 1 - n) as f64;
        logs += if best == 0 { 1e-7_f64 } else { precision }.ln();
        orders += 1;
    }
    // JavaScript splits an empty text into one empty word.
    let lengths = references.iter().map(|reference| reference.len().max(1));
    let closest = lengths.min_by_key(|length| (length.abs_diff(answer.len()), *length)).unwrap_or(0);
    let brevity = if answer.len() > closest { 1.0 } else { (1.0 - closest as f64 / answer.len() as f64).exp() };
    brevity * (logs / f64::from(orders)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// sacrebleu: "Paris is" against "Paris is nice" is 60.65 with effective order.
    #[test]
    fn short_answers_have_a_score() {
        assert!((sentence_bleu("Paris is", &["Paris is nice"]) - 60.653_065_971_263_35).abs() < 1e-9);
        assert_eq!(sentence_bleu("", &["Paris"]), 0.0);
        assert!((promptfoo("the cat sat on the mat", &["The cat sat on the mat"]) - 1.0).abs() < 1e-12);
    }
}
