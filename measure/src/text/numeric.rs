//! Numbers in answers.

/// The numbers that stand in a text, in order: signs, commas between thousands, decimals and exponents are read, units are not.
///
/// `1.234,50` has both marks in the other order, and is 1234.5. Three runs of digits joined by `-` or by dots are a date or a version, and no number.
pub fn numbers_in(text: &str) -> Vec<f64> {
    let bytes = text.as_bytes();
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let begins = bytes[at].is_ascii_digit() && !at.checked_sub(1).is_some_and(|before| bytes[before].is_ascii_alphanumeric());
        if !begins {
            at += 1;
            continue;
        }
        if let Some(end) = end_of_triple(bytes, at) {
            at = end;
            continue;
        }
        let continental = end_of_continental(bytes, at);
        let end = continental.unwrap_or_else(|| end_of_number(bytes, at));
        let digits = match continental {
            Some(_) => text[at..end].replace('.', "").replace(',', "."),
            None => text[at..end].replace(',', ""),
        };
        let negative =
            at.checked_sub(1).is_some_and(|sign| bytes[sign] == b'-' && !sign.checked_sub(1).is_some_and(|c| bytes[c].is_ascii_alphanumeric()));
        if let Ok(number) = digits.parse::<f64>() {
            found.push(if negative { -number } else { number });
        }
        at = end;
    }
    found
}

fn end_of_digits(bytes: &[u8], start: usize) -> usize {
    start + bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Where a number with dots between its thousands and a comma before its decimals ends, if one begins here.
fn end_of_continental(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = end_of_digits(bytes, start);
    let (mut n_groups, first) = (0, at - start);
    while bytes.get(at) == Some(&b'.') && end_of_digits(bytes, at + 1) == at + 4 {
        (at, n_groups) = (at + 4, n_groups + 1);
    }
    let end = end_of_digits(bytes, at + usize::from(bytes.get(at) == Some(&b',')));
    (first <= 3 && n_groups > 0 && end > at + 1).then_some(end)
}

/// Where a date such as 2026-01-05 or a version such as 1.2.3 ends, if one begins here.
fn end_of_triple(bytes: &[u8], start: usize) -> Option<usize> {
    if end_of_continental(bytes, start).is_some() {
        return None;
    }
    let mut at = end_of_digits(bytes, start);
    let mark = *bytes.get(at).filter(|mark| matches!(mark, b'-' | b'.'))?;
    let mut n_runs = 1;
    while bytes.get(at) == Some(&mark) && bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
        (at, n_runs) = (end_of_digits(bytes, at + 1), n_runs + 1);
    }
    (n_runs >= 3).then_some(at)
}

fn end_of_number(bytes: &[u8], start: usize) -> usize {
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut at = start;
    let mut seen_dot = false;
    loop {
        match bytes.get(at) {
            Some(c) if c.is_ascii_digit() => at += 1,
            Some(b',') if !seen_dot && (1..4).all(|next| digit(at + next)) && !digit(at + 4) => at += 1,
            Some(b'.') if !seen_dot && digit(at + 1) => {
                seen_dot = true;
                at += 1;
            }
            Some(b'e' | b'E') if digit(at + 1) || (matches!(bytes.get(at + 1), Some(b'+' | b'-')) && digit(at + 2)) => {
                at += 2;
                while digit(at) {
                    at += 1;
                }
                return at;
            }
            _ => return at,
        }
    }
}

/// The number that an answer ends with: after `####` (GSM8K's form), else the last one.
pub fn final_number(text: &str) -> Option<f64> {
    let marked = text.rsplit_once("####").and_then(|(_, after)| numbers_in(after).first().copied());
    marked.or_else(|| numbers_in(text).last().copied())
}

/// Whether two numbers agree: `|a − b| ≤ max(absolute, relative · |b|)`.
pub fn is_close(found: f64, expected: f64, absolute: f64, relative: f64) -> bool {
    (found - expected).abs() <= absolute.max(relative * expected.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_in_prose() {
        assert_eq!(numbers_in("a12 cost $1,234.50, then -3 or 2.5e3; v2 2020-21"), [1234.5, -3.0, 2500.0, 2020.0, 21.0]);
        assert_eq!(final_number("so 3 + 4\n#### 1,007 apples"), Some(1007.0));
        assert_eq!(final_number("none"), None);
        assert_eq!(numbers_in("1.234,50 EUR, -1.234.567,8 or 1.234 and 1,234"), [1234.5, -1_234_567.8, 1.234, 1234.0]);
        assert_eq!(numbers_in("on 2026-01-05 v 1.2.3, 10.0.0.1, 3.5-4"), [3.5, 4.0]);
        assert_eq!(final_number("It costs 7 since 2026-01-05."), Some(7.0));
        assert_eq!(numbers_in("1.234,"), [1.234]);
        assert!(is_close(99.0, 100.0, 0.0, 0.01) && !is_close(98.9, 100.0, 0.5, 0.01));
    }
}
