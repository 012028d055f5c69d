//! The tokenizer of mteval-v13a, which BLEU scores are compared by.

/// Splits a text into words and punctuation; dots and commas inside numbers, and most Unicode punctuation, stay.
///
/// Source: NIST's mteval-v13a.pl, as sacrebleu has it (`tok:13a`).
pub fn tokenize(text: &str) -> Vec<String> {
    let line = text.replace("<skipped>", "").replace("-\n", "").replace('\n', " ");
    let line = line.replace("&quot;", "\"").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">");
    let chars: Vec<char> = std::iter::once(' ').chain(line.chars()).chain(std::iter::once(' ')).collect();
    let mut spaced = String::with_capacity(line.len() + 16);
    for (at, c) in chars.iter().copied().enumerate() {
        let before = at.checked_sub(1).map_or(' ', |at| chars[at]);
        let after = chars.get(at + 1).copied().unwrap_or(' ');
        let stands_alone = match c {
            '{'..='~' | '['..='`' | ' '..='&' | '('..='+' | ':'..='@' | '/' => true,
            '.' | ',' => !before.is_ascii_digit() || !after.is_ascii_digit(),
            _ => false,
        };
        if stands_alone {
            spaced.extend([' ', c, ' ']);
        } else if c == '-' && before.is_ascii_digit() {
            spaced.push_str(" - ");
        } else {
            spaced.push(c);
        }
    }
    spaced.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::tokenize;

    #[test]
    fn numbers_stay_whole() {
        assert_eq!(
            tokenize("It cost $1,234.5, in 2020-21 (&quot;cheap&quot;)."),
            ["It", "cost", "$", "1,234.5", ",", "in", "2020", "-", "21", "(", "\"", "cheap", "\"", ")", "."]
        );
        assert_eq!(tokenize("don't e.g. x"), ["don't", "e", ".", "g", ".", "x"]);
    }
}
