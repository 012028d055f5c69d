//! Whether what a judge quotes stands where it says.

use crate::judge::prompt::unescape;

/// Letters and digits that a quote has at least, where the text has as many: a single letter stands in every text, and shows nothing.
const LETTERS_MIN: usize = 3;

/// Whether a quote stands in a text word for word; runs of white space are one space, and the marks of the prompt are what they stand for.
pub(super) fn stands_in(quote: &str, text: &str) -> bool {
    let text = normal(text);
    let letters_min = letters(&text).min(LETTERS_MIN);
    let found = |quote: &str| !quote.is_empty() && letters(quote) >= letters_min && text.contains(quote);
    found(&normal(quote)) || found(&normal(&unescape(quote)))
}

fn normal(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphanumeric()).take(LETTERS_MIN).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_word_for_word() {
        let text = "Refunds take\n5 business days, if < 30 days old.";
        assert!(stands_in("Refunds take 5  business days", text));
        assert!(stands_in("if &lt; 30 days", text));
        assert!(!stands_in("Refunds take 6 business days", text));
        assert!(!stands_in("refunds", text) && !stands_in(" ", text));
        assert!(!stands_in("5", text) && !stands_in("e", text) && !stands_in("< 30", text) && stands_in("ake", text));
        assert!(stands_in("No", "No.") && stands_in("42", " 42 ") && !stands_in("4", "42"));
    }
}
