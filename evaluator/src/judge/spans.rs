//! Whether what a judge quotes stands where it says.

use crate::judge::prompt::unescape;

/// Whether a quote stands in a text word for word; runs of white space are one space, and the marks of the prompt are what they stand for.
pub(super) fn stands_in(quote: &str, text: &str) -> bool {
    let text = normal(text);
    let found = |quote: &str| !quote.is_empty() && text.contains(quote);
    found(&normal(quote)) || found(&normal(&unescape(quote)))
}

fn normal(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
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
    }
}
