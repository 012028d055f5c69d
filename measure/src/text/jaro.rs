//! Jaro and Jaro-Winkler similarity.

/// Jaro similarity, `0.0..=1.0`: `(m/|a| + m/|b| + (m − t)/m) / 3` with m characters that match within half the longer length and t transpositions.
///
/// Two empty texts are alike. Source: Jaro, "Advances in record-linkage methodology" (1989); rapidfuzz.
pub fn jaro(a: &str, b: &str) -> f64 {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.is_empty() && b.is_empty() {
        return 1.0;
    }
    let reach = (a.len().max(b.len()) / 2).saturating_sub(1);
    let mut taken = vec![false; b.len()];
    let mut from_a = Vec::new();
    for (i, c) in a.iter().enumerate() {
        let range = i.saturating_sub(reach)..(i + reach + 1).min(b.len());
        if let Some(j) = range.into_iter().find(|j| !taken[*j] && b[*j] == *c) {
            taken[j] = true;
            from_a.push(*c);
        }
    }
    if from_a.is_empty() {
        return 0.0;
    }
    let from_b = b.iter().zip(&taken).filter(|(_, taken)| **taken).map(|(c, _)| *c);
    let transposed = from_a.iter().zip(from_b).filter(|(a, b)| **a != *b).count() / 2;
    let m = from_a.len() as f64;
    (m / a.len() as f64 + m / b.len() as f64 + (m - transposed as f64) / m) / 3.0
}

/// Jaro-Winkler similarity, `0.0..=1.0`: above 0.7 a common beginning of up to four characters adds `0.1 · length · (1 − jaro)`.
///
/// Source: Winkler, "String comparator metrics" (1990); rapidfuzz.
pub fn jaro_winkler(a: &str, b: &str) -> f64 {
    let similarity = jaro(a, b);
    let prefix = a.chars().zip(b.chars()).take(4).take_while(|(a, b)| a == b).count();
    if similarity > 0.7 { similarity + 0.1 * prefix as f64 * (1.0 - similarity) } else { similarity }
}

/// Share of places at which two texts have the same character, `0.0..=1.0`; the shorter one is padded (rapidfuzz' `Hamming`).
pub fn hamming_similarity(a: &str, b: &str) -> f64 {
    let longest = a.chars().count().max(b.chars().count());
    let same = a.chars().zip(b.chars()).filter(|(a, b)| a == b).count();
    if longest == 0 { 1.0 } else { same as f64 / longest as f64 }
}
