//! Words by the rules of the Penn Treebank.

/// Splits a sentence into words, punctuation and parts of contractions: `can't` is `ca`, `n't`.
///
/// Source: Robert MacIntyre's tokenizer.sed, as js-rouge 3.2 has it; its finer rules for quotation marks are left out.
pub fn tokenize(sentence: &str) -> Vec<String> {
    let text = sentence.split_whitespace().collect::<Vec<_>>().join(" ");
    let spaced = spaced_quotes(&spaced_punctuation(&text));
    let mut words = Vec::new();
    for word in spaced.split(' ').filter(|word| !word.is_empty()) {
        split_contraction(word, &mut words);
    }
    words
}

/// Puts spaces around punctuation; dots and commas inside numbers, and dots inside of a sentence, stay.
fn spaced_punctuation(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let end = sentence_end(&chars);
    let (mut out, mut at) = (String::with_capacity(text.len() + 16), 0);
    while let Some(c) = chars.get(at).copied() {
        let next = chars.get(at + 1).copied();
        if chars[at..].starts_with(&['.', '.', '.']) {
            out.push_str(" ... ");
            at += 3;
            continue;
        }
        if c == '-' && next == Some('-') {
            out.push_str(" -- ");
            at += 2;
            continue;
        }
        let alone = match c {
            ';' | '@' | '#' | '$' | '%' | '&' | '?' | '!' | '[' | ']' | '(' | ')' | '{' | '}' | '<' | '>' => true,
            ':' | ',' => !next.is_some_and(char::is_numeric),
            '.' => Some(at) == end,
            _ => false,
        };
        if alone {
            out.extend([' ', c, ' '])
        } else {
            out.push(c)
        }
        at += 1;
    }
    out
}

/// The place of the dot that ends the sentence, if brackets and quotes alone follow it.
fn sentence_end(chars: &[char]) -> Option<usize> {
    let last = chars.iter().rposition(|c| !matches!(c, ']' | ')' | '}' | '>' | '\'' | '"') && !c.is_whitespace())?;
    let before = chars.get(last.checked_sub(1)?)?;
    let is_acronym = last >= 3
        && before.is_ascii_alphabetic()
        && chars[last - 2] == '.'
        && chars[last - 3].is_ascii_alphabetic()
        && !chars.get(last.wrapping_sub(4)).is_some_and(|c| c.is_alphanumeric());
    (chars[last] == '.' && *before != '.' && !is_acronym).then_some(last)
}

/// Double quotes become the Treebank's, opening and closing by turns.
fn spaced_quotes(text: &str) -> String {
    let (mut out, mut open) = (String::with_capacity(text.len() + 8), false);
    for c in text.chars() {
        if c == '"' {
            open = !open;
            out.push_str(if open { " `` " } else { " '' " });
        } else {
            out.push(c);
        }
    }
    out
}

/// Splits possessives and contractions off a word.
fn split_contraction(word: &str, words: &mut Vec<String>) {
    const WHOLE: [(&str, usize); 8] =
        [("cannot", 3), ("d'ye", 1), ("gimme", 3), ("gonna", 3), ("gotta", 3), ("lemme", 3), ("more'n", 4), ("wanna", 3)];
    let lower = word.to_lowercase();
    let cut = if lower.len() != word.len() {
        None
    } else if let Some((_, at)) = WHOLE.iter().find(|(whole, _)| *whole == lower) {
        Some(*at)
    } else if lower == "'tis" || lower == "'twas" {
        Some(2)
    } else {
        let endings = ["'ll", "'re", "'ve", "n't", "'s", "'m", "'d", "'"];
        let splits = |ending: &&&str| lower.ends_with(**ending) && lower.len() > ending.len() && !lower.ends_with("''");
        endings.iter().find(splits).map(|ending| word.len() - ending.len())
    };
    match cut {
        Some(at) => words.extend([word[..at].to_owned(), word[at..].to_owned()]),
        None => words.push(word.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::tokenize;

    #[test]
    fn words_are_the_treebanks() {
        assert_eq!(tokenize("they'll pay $3.50, can't they?"), ["they", "'ll", "pay", "$", "3.50", ",", "ca", "n't", "they", "?"]);
        assert_eq!(tokenize("Mr. Smith's dog (old) slept."), ["Mr.", "Smith", "'s", "dog", "(", "old", ")", "slept", "."]);
        assert_eq!(tokenize("cannot say \"yes\""), ["can", "not", "say", "``", "yes", "''"]);
    }
}
