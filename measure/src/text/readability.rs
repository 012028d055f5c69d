//! How easy English is to read.

use crate::text::sentences::sentences;

/// Counts of a text that the formulas stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Sentences, at least one.
    pub sentences: usize,
    /// Words: runs of letters, digits and apostrophes.
    pub words: usize,
    /// Syllables, by groups of vowels.
    pub syllables: usize,
    /// Letters and digits.
    pub characters: usize,
}

/// Counts a text; nothing where it has no word.
pub fn count(text: &str) -> Option<Counts> {
    let words: Vec<&str> =
        text.split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '’')).filter(|word| word.contains(char::is_alphanumeric)).collect();
    let characters = words.iter().flat_map(|word| word.chars()).filter(|c| c.is_alphanumeric()).count();
    let syllables = words.iter().map(|word| n_syllables(word)).sum();
    (!words.is_empty()).then(|| Counts { sentences: sentences(text).len().max(1), words: words.len(), syllables, characters })
}

impl Counts {
    /// Flesch reading ease, about 0 (hard) to 100 (easy): `206.835 − 1.015 words/sentence − 84.6 syllables/word`. Source: Flesch (1948).
    pub fn reading_ease(&self) -> f64 {
        206.835 - 1.015 * self.words_a_sentence() - 84.6 * self.syllables as f64 / self.words as f64
    }

    /// Flesch-Kincaid grade, in years of school: `0.39 words/sentence + 11.8 syllables/word − 15.59`. Source: Kincaid et al. (1975).
    pub fn grade(&self) -> f64 {
        0.39 * self.words_a_sentence() + 11.8 * self.syllables as f64 / self.words as f64 - 15.59
    }

    /// Automated readability index, in years of school: `4.71 characters/word + 0.5 words/sentence − 21.43`. Source: Smith and Senter (1967).
    pub fn ari(&self) -> f64 {
        4.71 * self.characters as f64 / self.words as f64 + 0.5 * self.words_a_sentence() - 21.43
    }

    fn words_a_sentence(&self) -> f64 {
        self.words as f64 / self.sentences as f64
    }
}

/// Groups of vowels, less a silent `e` at the end; at least one.
fn n_syllables(word: &str) -> usize {
    let word = word.to_lowercase();
    let is_vowel = |c: char| "aeiouyäöüáéíóúàèâêîôû".contains(c);
    let (mut groups, mut inside) = (0_usize, false);
    for c in word.chars() {
        groups += usize::from(is_vowel(c) && !inside);
        inside = is_vowel(c);
    }
    let silent = word.ends_with('e') && !word.ends_with("le") && groups > 1;
    groups.saturating_sub(usize::from(silent)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_the_published_ones() {
        let counts = count("The cat sat on the mat. It was happy.").unwrap();
        assert_eq!(counts, Counts { sentences: 2, words: 9, syllables: 10, characters: 27 });
        assert!((counts.grade() - (0.39 * 4.5 + 11.8 * 10.0 / 9.0 - 15.59)).abs() < 1e-12);
        assert_eq!(count("..."), None);
    }
}
