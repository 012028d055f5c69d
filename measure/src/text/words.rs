//! Content words: lower-cased, stemmed, without the words that carry no content.

use crate::text::porter::stem;

/// Splits text into its content words, lower-cased and stemmed, in order.
///
/// A word is a run of letters, digits and marks (an apostrophe inside a word belongs to it); a Han, Hiragana or Katakana character is a word of its own.
pub fn content_words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word = String::new();
    let mut finish = |word: &mut String| {
        let bare = word.trim_matches('\'').trim_end_matches("'s");
        if !bare.is_empty() && STOP_WORDS.binary_search(&bare).is_err() {
            found.push(stem(bare));
        }
        word.clear();
    };
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' => {
                finish(&mut word);
                word.push(c);
                finish(&mut word);
            }
            '\'' | '’' if !word.is_empty() => word.push('\''),
            c if c.is_alphanumeric() || is_mark(c) => word.push(c),
            _ => finish(&mut word),
        }
    }
    finish(&mut word);
    found
}

/// Combining marks belong to the letter before them.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// English function words, sorted; `no` and `not` are not among them, for they change what is said.
const STOP_WORDS: &[&str] = &[
    "a",
    "about",
    "above",
    "after",
    "again",
    "against",
    "all",
    "also",
    "am",
    "an",
    "and",
    "any",
    "are",
    "aren't",
    "as",
    "at",
    "be",
    "because",
    "been",
    "before",
    "being",
    "below",
    "between",
    "both",
    "but",
    "by",
    "can",
    "can't",
    "cannot",
    "could",
    "couldn't",
    "did",
    "didn't",
    "do",
    "does",
    "doesn't",
    "doing",
    "don't",
    "down",
    "during",
    "each",
    "either",
    "few",
    "for",
    "from",
    "further",
    "had",
    "hadn't",
    "has",
    "hasn't",
    "have",
    "haven't",
    "having",
    "he",
    "her",
    "here",
    "hers",
    "herself",
    "him",
    "himself",
    "his",
    "how",
    "i",
    "i'd",
    "i'll",
    "i'm",
    "i've",
    "if",
    "in",
    "into",
    "is",
    "isn't",
    "it",
    "it'd",
    "it'll",
    "its",
    "itself",
    "just",
    "let",
    "me",
    "more",
    "most",
    "must",
    "mustn't",
    "my",
    "myself",
    "of",
    "off",
    "on",
    "once",
    "only",
    "or",
    "other",
    "our",
    "ours",
    "ourselves",
    "out",
    "over",
    "own",
    "please",
    "same",
    "shall",
    "she",
    "should",
    "shouldn't",
    "so",
    "some",
    "such",
    "than",
    "that",
    "the",
    "their",
    "theirs",
    "them",
    "themselves",
    "then",
    "there",
    "these",
    "they",
    "they'd",
    "they'll",
    "they're",
    "they've",
    "this",
    "those",
    "through",
    "to",
    "too",
    "under",
    "until",
    "up",
    "upon",
    "us",
    "very",
    "was",
    "wasn't",
    "we",
    "we'd",
    "we'll",
    "we're",
    "we've",
    "were",
    "weren't",
    "what",
    "when",
    "where",
    "which",
    "while",
    "who",
    "whom",
    "why",
    "will",
    "with",
    "within",
    "won't",
    "would",
    "wouldn't",
    "yes",
    "you",
    "you'd",
    "you'll",
    "you're",
    "you've",
    "your",
    "yours",
    "yourself",
    "yourselves",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_carries_content() {
        assert_eq!(content_words("The user's invoices aren't being exported, are they?"), ["user", "invoic", "export"]);
        assert_eq!(content_words("東京 2 tabs"), ["東", "京", "2", "tab"]);
    }

    #[test]
    fn stop_words_are_sorted() {
        assert!(STOP_WORDS.is_sorted());
    }
}
