//! What a text states exactly: numbers, dates and quoted spans.

use std::collections::BTreeSet;

/// A day of the calendar; the year is missing in "March 3".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// The year, where the text gives one.
    pub year: Option<u16>,
    /// The month, from 1.
    pub month: u16,
    /// The day of the month, from 1.
    pub day: u16,
}

/// The exact statements of a text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quantities {
    /// Numbers outside of dates, written plainly: `1,000.50` and `1000.5` are the same, `twenty-five` is 25.
    pub numbers: BTreeSet<String>,
    /// Dates: `2026-11-20`, `20 November 2026`, `Nov 20th`.
    pub dates: BTreeSet<Date>,
    /// Spans in double quotes or backticks, with plain white space.
    pub quotes: Vec<String>,
}

impl Quantities {
    /// Reads the exact statements out of a text. `one` counts as a word, not as a number.
    pub fn of(text: &str) -> Self {
        let mut found = Self { quotes: quotes(text), ..Self::default() };
        let lower = text.to_lowercase();
        let tokens = tokens(&lower);
        let mut rest = tokens.as_slice();
        while !rest.is_empty() {
            rest = found.take(rest);
        }
        found
    }

    /// Adds what another text states.
    pub fn extend(&mut self, other: &Quantities) {
        self.numbers.extend(other.numbers.iter().cloned());
        self.dates.extend(&other.dates);
        self.quotes.extend(other.quotes.iter().cloned());
    }

    /// Lists what of this is not in a source, whose plain text is `text`.
    pub fn missing_from(&self, source: &Quantities, text: &str) -> Vec<String> {
        let numbers = self.numbers.iter().filter(|number| !source.numbers.contains(*number)).cloned();
        let same = |a: &Date, b: &Date| (a.month, a.day) == (b.month, b.day) && (a.year.is_none() || a.year == b.year);
        let dates = self.dates.iter().filter(|date| !source.dates.iter().any(|other| same(date, other))).map(show_date);
        let plain = plain(text);
        let quotes = self.quotes.iter().filter(|quote| !plain.contains(quote.as_str())).map(|quote| format!("{quote:?}"));
        numbers.chain(dates).chain(quotes).collect()
    }

    /// Takes one date, number or other token off the front, and returns the rest.
    fn take<'a, 't>(&mut self, tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
        if let Some((date, rest)) = date(tokens) {
            self.dates.insert(date);
            return rest;
        }
        match tokens {
            [Token::Number(number), rest @ ..] => {
                self.numbers.insert(plain_number(number));
                rest
            }
            [Token::Word(tens), Token::Mark('-'), Token::Word(unit), rest @ ..] | [Token::Word(tens), Token::Word(unit), rest @ ..]
                if number_word(tens).is_some_and(|n| (20..100).contains(&n)) && unit_word(unit).is_some() =>
            {
                let sum = number_word(tens).unwrap_or_default() + unit_word(unit).unwrap_or_default();
                self.numbers.insert(sum.to_string());
                rest
            }
            [Token::Word(word), rest @ ..] => {
                self.numbers.extend(number_word(word).map(|n| n.to_string()));
                rest
            }
            [_, rest @ ..] => rest,
            [] => tokens,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Token<'a> {
    Number(&'a str),
    Word(&'a str),
    Mark(char),
}

/// Cuts text into numbers (with inner points and commas), words of letters, and single marks; white space is left out.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if first.is_ascii_digit() {
            number_length(rest)
        } else if first.is_alphabetic() {
            rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at(length);
        if first.is_ascii_digit() {
            found.push(Token::Number(token));
        } else if first.is_alphabetic() {
            found.push(Token::Word(token));
        } else if !first.is_whitespace() {
            found.push(Token::Mark(first));
        }
        rest = after;
    }
    found
}

/// The length of the number at the start: digits, and points or commas between digits.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut end = 0;
    while digit(end) || (matches!(bytes.get(end), Some(b'.' | b',')) && digit(end + 1)) {
        end += 1;
    }
    end
}

/// Writes a number plainly: no thousands separators, a decimal comma as a point, no zeros that say nothing.
fn plain_number(number: &str) -> String {
    let groups: Vec<&str> = number.split(',').collect();
    let thousands = groups.len() > 1 && groups[1..].iter().all(|group| group.split('.').next().is_some_and(|whole| whole.len() == 3));
    let joined = if thousands { groups.concat() } else { groups.join(".") };
    let (whole, fraction) = match joined.matches('.').count() {
        1 => joined.split_once('.').unwrap_or((&joined, "")),
        // A version such as 2.4.0 stays as it is.
        2.. => return joined,
        _ => (joined.as_str(), ""),
    };
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let whole = if whole.is_empty() { "0" } else { whole };
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

/// Reads a date off the front: year-month-day, day month [year], month day [year].
fn date<'a, 't>(tokens: &'t [Token<'a>]) -> Option<(Date, &'t [Token<'a>])> {
    match tokens {
        [Token::Number(y), Token::Mark(a @ ('-' | '/')), Token::Number(m), Token::Mark(b), Token::Number(d), rest @ ..] if a == b => {
            Some((Date { year: Some(year(y)?), month: month_number(m)?, day: day(d)? }, rest))
        }
        [Token::Number(d), rest @ ..] => {
            let rest = skip_words(rest, &["st", "nd", "rd", "th"]);
            let rest = skip_words(skip_mark(rest, '.'), &["of"]);
            let [Token::Word(name), rest @ ..] = rest else { return None };
            let (year, rest) = optional_year(rest);
            Some((Date { year, month: month_name(name)?, day: day(d)? }, rest))
        }
        [Token::Word(name), rest @ ..] => {
            let month = month_name(name)?;
            let [Token::Number(d), rest @ ..] = skip_mark(rest, '.') else { return None };
            let (year, rest) = optional_year(skip_words(rest, &["st", "nd", "rd", "th"]));
            Some((Date { year, month, day: day(d)? }, rest))
        }
        _ => None,
    }
}

fn optional_year<'a, 't>(tokens: &'t [Token<'a>]) -> (Option<u16>, &'t [Token<'a>]) {
    match skip_mark(skip_mark(tokens, '.'), ',') {
        [Token::Number(y), rest @ ..] if year(y).is_some() => (year(y), rest),
        _ => (None, tokens),
    }
}

fn skip_mark<'a, 't>(tokens: &'t [Token<'a>], mark: char) -> &'t [Token<'a>] {
    if tokens.first() == Some(&Token::Mark(mark)) { &tokens[1..] } else { tokens }
}

fn skip_words<'a, 't>(tokens: &'t [Token<'a>], words: &[&str]) -> &'t [Token<'a>] {
    match tokens {
        [Token::Word(word), rest @ ..] if words.contains(word) => rest,
        _ => tokens,
    }
}

fn year(text: &str) -> Option<u16> {
    (text.len() == 4).then(|| text.parse().ok())?.filter(|year| (1000..3000).contains(year))
}

fn month_number(text: &str) -> Option<u16> {
    text.parse().ok().filter(|month| (1..=12).contains(month))
}

fn day(text: &str) -> Option<u16> {
    text.parse().ok().filter(|day| (1..=31).contains(day))
}

fn month_name(word: &str) -> Option<u16> {
    const NAMES: [&str; 12] =
        ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];
    let named = |name: &&str| *name == word || (word.len() == 3 && name.starts_with(word)) || (word == "sept" && *name == "september");
    let at = NAMES.iter().position(named)?;
    u16::try_from(at + 1).ok()
}

fn number_word(word: &str) -> Option<u32> {
    const TO_TWELVE: [&str; 11] = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
    const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    let position = |words: &[&str]| words.iter().position(|other| *other == word).and_then(|at| u32::try_from(at).ok());
    match word {
        "fifteen" => Some(15),
        "hundred" => Some(100),
        "thousand" => Some(1000),
        _ => position(&TO_TWELVE).map(|at| at + 2).or_else(|| position(&TENS).map(|at| 10 * at + 20)),
    }
}

fn unit_word(word: &str) -> Option<u32> {
    if word == "one" { Some(1) } else { number_word(word).filter(|n| *n < 10) }
}

/// Spans between double quotes or backticks, without the punctuation that style guides put inside the quotes.
fn quotes(text: &str) -> Vec<String> {
    const PAIRS: [(char, char); 5] = [('"', '"'), ('“', '”'), ('„', '“'), ('«', '»'), ('`', '`')];
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((at, open)) = rest.char_indices().find(|(_, c)| PAIRS.iter().any(|(open, _)| open == c)) {
        let inner = &rest[at + open.len_utf8()..];
        let end = inner.find(|c| PAIRS.contains(&(open, c)));
        let Some(end) = end else {
            rest = inner;
            continue;
        };
        let quote = plain(inner[..end].trim_end_matches(['.', ',', '!', '?', ';']));
        if !quote.is_empty() {
            found.push(quote);
        }
        rest = inner[end..].get(inner[end..].chars().next().map_or(0, char::len_utf8)..).unwrap_or_default();
    }
    found
}

/// Lower-cases and makes every run of white space one space.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn show_date(date: &Date) -> String {
    let Date { year, month, day } = date;
    year.map_or_else(|| format!("--{month:02}-{day:02}"), |year| format!("{year}-{month:02}-{day:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(claim: &str, source: &str, missing: &[&str]) {
        assert_eq!(Quantities::of(claim).missing_from(&Quantities::of(source), source), missing);
    }

    #[test]
    fn numbers_agree_however_they_are_written() {
        check("1,000 rows at $5.50", "1000 rows for 5.5 dollars", &[]);
        check("within 25 days or five weeks", "twenty-five days, or 5 weeks", &[]);
        check("up to 30 seats", "up to 50 seats", &["30"]);
        check("version 2.4.0", "version 2.4.1", &["2.4.0"]);
        check("one of the plans", "the plans", &[]);
    }

    #[test]
    fn dates_agree_however_they_are_written() {
        check("on 2026-11-20", "on November 20th, 2026", &[]);
        check("on 20 Nov.", "from 20 November 2026 on", &[]);
        check("on 2026-11-20", "on 20 November 2025", &["2026-11-20"]);
        check("on March 3", "3 people march", &["--03-03"]);
    }

    #[test]
    fn quoted_spans_stand_in_the_source() {
        check("Press \"Save all,\" then wait.", "press  Save all twice", &[]);
        check("Press “Save” now", "Press Store", &["\"save\""]);
        check("Don't use it's", "anything", &[]);
        check("An open \"quote", "anything", &[]);
    }
}
