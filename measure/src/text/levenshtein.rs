//! The Levenshtein distance.

/// The fewest insertions, deletions and substitutions of characters that turn `a` into `b`.
///
/// Source: Levenshtein, "Binary codes capable of correcting deletions, insertions and reversals" (1966). Time is the product of the lengths.
pub fn levenshtein(a: &str, b: &str) -> usize {
    let chars = |text: &str| text.chars().collect::<Vec<char>>();
    distance(&chars(a), &chars(b))
}

/// The same over any symbols, such as UTF-16 units or words.
pub fn distance<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    distance_by(a, b, T::eq)
}

/// The same where something else than equality says which symbols are alike.
pub(crate) fn distance_by<S, T>(a: &[S], b: &[T], alike: impl Fn(&S, &T) -> bool) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(!alike(from, to));
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// `1 − distance / max(|a|, |b|)` in characters, `0.0..=1.0`; two empty texts are alike (rapidfuzz' `normalized_similarity`).
pub fn levenshtein_similarity(a: &str, b: &str) -> f64 {
    let longest = a.chars().count().max(b.chars().count());
    if longest == 0 { 1.0 } else { 1.0 - levenshtein(a, b) as f64 / longest as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_characters_not_bytes() {
        assert_eq!(levenshtein("kitten", "sitting"), 3);
        assert_eq!(levenshtein("straße", "strasse"), 2);
        assert_eq!(levenshtein("", "abc"), 3);
        assert_eq!(levenshtein_similarity("", ""), 1.0);
    }
}
