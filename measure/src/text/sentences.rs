//! Splitting text into sentences.

/// Splits text into sentences, at `.`, `!`, `?` (and their CJK forms) and at line ends.
///
/// A full stop does not end a sentence inside a number or a name (`3.5`, `karat.toml`), after an abbreviation (`e.g.`, `Dr.`) or
/// after a single capital letter. List markers at the start of a line are cut off. Empty sentences are left out.
pub fn sentences(text: &str) -> Vec<&str> {
    text.lines().flat_map(|line| split_line(without_marker(line.trim()))).collect()
}

fn split_line(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut chars = line.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if !matches!(c, '.' | '!' | '?' | '。' | '！' | '？') {
            continue;
        }
        // Take in what still belongs to the end: `?!`, `...`, a closing quote or bracket.
        let mut end = at + c.len_utf8();
        while let Some((next_at, next)) = chars.peek().copied() {
            if !matches!(next, '.' | '!' | '?' | '"' | '\'' | ')' | ']' | '”' | '’' | '»') {
                break;
            }
            end = next_at + next.len_utf8();
            chars.next();
        }
        let at_gap = matches!(c, '。' | '！' | '？') || line[end..].chars().next().is_none_or(char::is_whitespace);
        if at_gap && !(c == '.' && is_abbreviation(&line[start..at], &line[end..])) {
            found.push(&line[start..end]);
            start = end;
        }
    }
    found.push(&line[start..]);
    found.into_iter().map(str::trim).filter(|sentence| !sentence.is_empty()).collect()
}

/// Whether the full stop after `before` belongs to an abbreviation.
fn is_abbreviation(before: &str, after: &str) -> bool {
    const ALWAYS: [&str; 24] = [
        "e.g", "i.e", "mr", "mrs", "ms", "dr", "prof", "st", "vs", "cf", "approx", "fig", "inc", "ltd", "corp", "sr", "jr", "resp", "z.b", "bzw",
        "ca", "dept", "est", "al",
    ];
    const BEFORE_NUMBERS: [&str; 7] = ["no", "nr", "art", "sec", "vol", "pp", "p"];
    let word = before.rsplit(|c: char| c.is_whitespace() || matches!(c, '(' | '[' | '"' | '“')).next().unwrap_or_default();
    let lower = word.to_lowercase();
    let next = after.trim_start().chars().next();
    if ALWAYS.contains(&lower.as_str()) {
        return next.is_some();
    }
    if BEFORE_NUMBERS.contains(&lower.as_str()) {
        return next.is_some_and(|c| c.is_ascii_digit());
    }
    let goes_on = next.is_some_and(char::is_lowercase);
    let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    (initial && word != "I" && next.is_some()) || (goes_on && matches!(lower.as_str(), "etc" | "a.m" | "p.m" | "u.s" | "u.k" | "eu" | "usw"))
}

/// Cuts `- `, `* `, `1. `, `2) ` and heading marks off the start of a line.
fn without_marker(line: &str) -> &str {
    let bullet = line.trim_start_matches(['-', '*', '•', '#', '>']);
    if bullet.len() < line.len() && bullet.starts_with(char::is_whitespace) {
        return bullet.trim_start();
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    match line[digits..].strip_prefix(['.', ')']) {
        Some(rest) if (1..=3).contains(&digits) && rest.starts_with(char::is_whitespace) => rest.trim_start(),
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[&str]) {
        assert_eq!(sentences(text), expect);
    }

    #[test]
    fn splits_at_ends_and_lines() {
        check("One. Two!  Three?\nFour", &["One.", "Two!", "Three?", "Four"]);
        check("He said \"stop.\" Then he left.", &["He said \"stop.\"", "Then he left."]);
        check("是。不是！", &["是。", "不是！"]);
        check("Wait... what?!", &["Wait...", "what?!"]);
    }

    #[test]
    fn keeps_numbers_names_and_abbreviations() {
        check("It costs 3.50 in karat.toml. Done.", &["It costs 3.50 in karat.toml.", "Done."]);
        check("Use a key, e.g. F5. See No. 7 by Dr. Ahn.", &["Use a key, e.g. F5.", "See No. 7 by Dr. Ahn."]);
        check("Open 9 a.m. to 5 p.m. daily.", &["Open 9 a.m. to 5 p.m. daily."]);
        check("Grown in the U.S. and sold by J. Doe.", &["Grown in the U.S. and sold by J. Doe."]);
    }

    #[test]
    fn list_markers_are_no_sentences() {
        check("1. Open it.\n2) Close it.\n- And wait\n## Title", &["Open it.", "Close it.", "And wait", "Title"]);
    }
}
