//! ROUGE, the overlap with a reference that summaries are scored by.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::text::ngrams::{counts, f1, overlap};
use crate::text::porter::stem;
use crate::text::treebank;

/// Precision, recall and F1 of an overlap, each `0.0..=1.0`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rouge {
    /// Share of the answer that stands in the reference.
    pub precision: f64,
    /// Share of the reference that stands in the answer.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
}

impl Rouge {
    fn of(matched: usize, answer: usize, reference: usize) -> Self {
        let share = |total: usize| matched as f64 / total.max(1) as f64;
        let (precision, recall) = (share(answer), share(reference));
        Self { precision, recall, f1: f1(precision, recall) }
    }
}

/// Whether words are brought to their stem before they are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stemming {
    /// Words as they are.
    Off,
    /// NLTK's Porter with its extensions, on words of more than three letters.
    Porter,
}

/// ROUGE-N: common n-grams, each at most as often as in both texts.
///
/// Words are runs of `[a-z0-9]` in lower case. Source: Lin, "ROUGE" (2004); the package rouge-score.
pub fn rouge_n(answer: &str, reference: &str, n: usize, stemming: Stemming) -> Rouge {
    let (answer, reference) = (words(answer, stemming), words(reference, stemming));
    let total = |length: usize| (length + 1).saturating_sub(n);
    Rouge::of(overlap(&counts(&answer, n), &counts(&reference, n)), total(answer.len()), total(reference.len()))
}

/// ROUGE-L: the longest common subsequence of words of the whole texts.
///
/// Computed with one bit a word (Hyyrö, "Bit-parallel LCS-length computation revisited", 2004), so time is `n · m / 64`.
pub fn rouge_l(answer: &str, reference: &str, stemming: Stemming) -> Rouge {
    let (answer, reference) = (words(answer, stemming), words(reference, stemming));
    Rouge::of(lcs_length(&answer, &reference), answer.len(), reference.len())
}

/// ROUGE-Lsum: for every line of the reference the words that stand in a longest common subsequence with any line of the answer.
///
/// Source: rouge-score, `rougeLsum`, whose lines are sentences.
pub fn rouge_l_sum(answer: &str, reference: &str, stemming: Stemming) -> Rouge {
    let lines = |text: &str| text.split('\n').filter(|line| !line.is_empty()).map(|line| words(line, stemming)).collect::<Vec<_>>();
    let (answer, reference) = (lines(answer), lines(reference));
    let tally = |lines: &[Vec<Rc<str>>]| {
        let mut tally: HashMap<Rc<str>, usize> = HashMap::new();
        lines.iter().flatten().for_each(|word| *tally.entry(Rc::clone(word)).or_default() += 1);
        tally
    };
    let (mut left_answer, mut left_reference, mut matched) = (tally(&answer), tally(&reference), 0);
    for line in &reference {
        let mut union: Vec<usize> = answer.iter().flat_map(|other| lcs_places(line, other)).collect();
        union.sort_unstable();
        union.dedup();
        for place in union {
            let word = &line[place];
            // A word counts no more often than it stands in both texts.
            if let (Some(a @ 1..), Some(b @ 1..)) = (left_answer.get_mut(word), left_reference.get_mut(word)) {
                *a -= 1;
                *b -= 1;
                matched += 1;
            }
        }
    }
    let total = |lines: &[Vec<Rc<str>>]| lines.iter().map(Vec::len).sum();
    Rouge::of(matched, total(&answer), total(&reference))
}

/// F1 of single words as promptfoo's `rouge-n` has it: words by the Penn Treebank's rules, clipped counts.
pub fn rouge_1_treebank(answer: &str, reference: &str) -> f64 {
    let (answer, reference) = (treebank::tokenize(answer), treebank::tokenize(reference));
    if answer.is_empty() || reference.is_empty() {
        return 0.0;
    }
    Rouge::of(overlap(&counts(&answer, 1), &counts(&reference, 1)), answer.len(), reference.len()).f1
}

fn words(text: &str, stemming: Stemming) -> Vec<Rc<str>> {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    match stemming {
        Stemming::Off => words.map(Rc::from).collect(),
        Stemming::Porter => words.map(|word| if word.len() > 3 { kept_stem(word) } else { Rc::from(word) }).collect(),
    }
}

/// The stem of a word, found once for all texts that a thread compares: they share most of their words.
fn kept_stem(word: &str) -> Rc<str> {
    /// What is kept at most: some megabytes.
    const STEMS_MAX: usize = 1 << 15;
    const LENGTH_MAX: usize = 48;
    thread_local! {
        static STEMS: RefCell<HashMap<Box<str>, Rc<str>>> = RefCell::default();
    }
    if word.len() > LENGTH_MAX {
        return stem(word).into();
    }
    STEMS.with_borrow_mut(|stems| {
        if let Some(stem) = stems.get(word) {
            return Rc::clone(stem);
        }
        if stems.len() >= STEMS_MAX {
            stems.clear();
        }
        let stem: Rc<str> = stem(word).into();
        stems.insert(word.into(), Rc::clone(&stem));
        stem
    })
}

/// Length of the longest common subsequence.
fn lcs_length(a: &[Rc<str>], b: &[Rc<str>]) -> usize {
    let n_blocks = a.len().div_ceil(64);
    let mut places: HashMap<&str, Vec<u64>> = HashMap::new();
    for (at, word) in a.iter().enumerate() {
        places.entry(word).or_insert_with(|| vec![0; n_blocks])[at / 64] |= 1 << (at % 64);
    }
    // A zero bit is a word of `a` that the subsequence has taken.
    let mut row = vec![u64::MAX; n_blocks];
    for word in b {
        let Some(matches) = places.get(word.as_ref()) else { continue };
        let mut carry = 0;
        for (block, matched) in row.iter_mut().zip(matches) {
            let taken = *block & matched;
            let (sum, first) = block.overflowing_add(taken);
            let (sum, second) = sum.overflowing_add(carry);
            carry = u64::from(first || second);
            *block = sum | (*block - taken);
        }
    }
    let zeros: u32 = row.iter().map(|block| block.count_zeros()).sum();
    usize::try_from(zeros).unwrap_or(0)
}

/// The places in `a` of one longest common subsequence, the one that rouge-score's backtracking finds.
fn lcs_places(a: &[Rc<str>], b: &[Rc<str>]) -> Vec<usize> {
    let width = b.len() + 1;
    let mut table = vec![0_u32; (a.len() + 1) * width];
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            table[i * width + j] =
                if a[i - 1] == b[j - 1] { table[(i - 1) * width + j - 1] + 1 } else { table[(i - 1) * width + j].max(table[i * width + j - 1]) };
        }
    }
    let (mut i, mut j, mut places) = (a.len(), b.len(), Vec::new());
    while i > 0 && j > 0 {
        if a[i - 1] == b[j - 1] {
            places.push(i - 1);
            i -= 1;
            j -= 1;
        } else if table[i * width + j - 1] > table[(i - 1) * width + j] {
            j -= 1;
        } else {
            i -= 1;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_the_subsequence_agree() {
        let list = |text: &str| text.split(' ').map(Rc::from).collect::<Vec<Rc<str>>>();
        let long: Vec<Rc<str>> = (0..200).map(|i| (i * 7 % 13).to_string().into()).collect();
        for (a, b) in [(list("a b c d"), list("b d a c d")), (list("x"), list("y")), (long.clone(), long[50..].to_vec())] {
            assert_eq!(lcs_length(&a, &b), lcs_places(&a, &b).len());
        }
    }
}
