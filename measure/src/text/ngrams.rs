//! Counts of n-grams, on which overlap measures stand.

use std::collections::HashMap;
use std::hash::Hash;

/// How often each run of `n` tokens occurs.
pub(crate) fn counts<T: Hash + Eq>(tokens: &[T], n: usize) -> HashMap<&[T], usize> {
    let mut counts = HashMap::new();
    if n > 0 {
        for gram in tokens.windows(n) {
            *counts.entry(gram).or_default() += 1;
        }
    }
    counts
}

/// How many n-grams two counts have in common, each at most as often as in both.
pub(crate) fn overlap<T: Hash + Eq>(a: &HashMap<&[T], usize>, b: &HashMap<&[T], usize>) -> usize {
    a.iter().map(|(gram, count)| (*count).min(b.get(gram).copied().unwrap_or(0))).sum()
}

/// The harmonic mean of precision and recall; 0 where both are 0.
pub(crate) fn f1(precision: f64, recall: f64) -> f64 {
    if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 }
}
