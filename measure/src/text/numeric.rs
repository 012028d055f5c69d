//! Numbers in answers.

/// The numbers that stand in a text, in order: signs, commas between thousands, decimals and exponents are read, units are not.
pub fn numbers_in(text: &str) -> Vec<f64> {
    let bytes = text.as_bytes();
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let begins = bytes[at].is_ascii_digit() && !at.checked_sub(1).is_some_and(|before| bytes[before].is_ascii_alphanumeric());
        if !begins {
            at += 1;
            continue;
        }
        let end = end_of_number(bytes, at);
        let digits = text[at..end].replace(',', "");
        let negative =
            at.checked_sub(1).is_some_and(|sign| bytes[sign] == b'-' && !sign.checked_sub(1).is_some_and(|c| bytes[c].is_ascii_alphanumeric()));
        if let Ok(number) = digits.parse::<f64>() {
            found.push(if negative { -number } else { number });
        }
        at = end;
    }
    found
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
        assert!(is_close(99.0, 100.0, 0.0, 0.01) && !is_close(98.9, 100.0, 0.5, 0.01));
    }
}
