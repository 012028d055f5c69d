//! Personal data, found by its form and its checksum.

/// What a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PiiKind {
    /// An e-mail address.
    Email,
    /// A telephone number with its country, E.164, or in the groups of North America.
    Phone,
    /// A card number whose Luhn digit is right.
    Card,
    /// An account number whose ISO 13616 check digits are right.
    Iban,
    /// A social security number of the USA in an area that is given out.
    Ssn,
    /// An IPv4 address that is not of a private or local network.
    Ip,
}

impl PiiKind {
    /// Every kind.
    pub const ALL: [PiiKind; 6] = [PiiKind::Email, PiiKind::Phone, PiiKind::Card, PiiKind::Iban, PiiKind::Ssn, PiiKind::Ip];

    /// Returns the name that suites use.
    pub fn name(self) -> &'static str {
        match self {
            PiiKind::Email => "email",
            PiiKind::Phone => "phone",
            PiiKind::Card => "card",
            PiiKind::Iban => "iban",
            PiiKind::Ssn => "ssn",
            PiiKind::Ip => "ip",
        }
    }
}

/// A span of personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pii {
    /// What it is.
    pub kind: PiiKind,
    /// Where it begins, in bytes.
    pub start: usize,
    /// Where it ends, in bytes.
    pub end: usize,
}

/// Finds the spans of one kind, from byte to byte.
type Finder = fn(&str) -> Vec<(usize, usize)>;

/// Finds personal data; spans do not overlap, and the kind with the stronger check goes first.
///
/// Names and addresses have no form and are not found. Sources: ISO/IEC 7812 (Luhn), ISO 13616 (mod 97), SSA's rules since 2011, E.164.
pub fn find_pii(text: &str) -> Vec<Pii> {
    let mut found: Vec<Pii> = Vec::new();
    let finders: [(PiiKind, Finder); 6] = [
        (PiiKind::Email, emails),
        (PiiKind::Iban, ibans),
        (PiiKind::Card, cards),
        (PiiKind::Ssn, ssns),
        (PiiKind::Ip, ips),
        (PiiKind::Phone, phones),
    ];
    for (kind, find) in finders {
        for (start, end) in find(text) {
            if found.iter().all(|known| end <= known.start || start >= known.end) {
                found.push(Pii { kind, start, end });
            }
        }
    }
    found.sort_by_key(|pii| pii.start);
    found
}

fn emails(text: &str) -> Vec<(usize, usize)> {
    let local = |c: char| c.is_ascii_alphanumeric() || "._%+-".contains(c);
    let domain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    let at_signs = text.match_indices('@').map(|(at, _)| at);
    let around = at_signs.map(|at| {
        let start = text[..at].rfind(|c| !local(c)).map_or(0, |before| before + text[before..].chars().next().map_or(1, char::len_utf8));
        let end = text[at + 1..].find(|c| !domain(c)).map_or(text.len(), |length| at + 1 + length);
        (start, at, at + 1 + text[at + 1..end].trim_end_matches(['.', '-']).len())
    });
    around
        .filter(|(start, at, end)| {
            let top = text[at + 1..*end].rsplit_once('.').map(|(_, top)| top);
            start < at && top.is_some_and(|top| top.len() >= 2 && top.chars().all(|c| c.is_ascii_alphabetic()))
        })
        .map(|(start, _, end)| (start, end))
        .collect()
}

/// Runs of characters that `part` takes and that begin and end with `edge`, with nothing of a word around them.
fn runs(text: &str, edge: fn(char) -> bool, part: fn(char) -> bool) -> Vec<(usize, usize)> {
    let (mut found, mut from) = (Vec::new(), 0);
    while let Some(start) = text[from..].find(edge).map(|at| from + at) {
        let end = text[start..].find(|c| !part(c)).map_or(text.len(), |length| start + length);
        let trimmed = start + text[start..end].trim_end_matches(|c| !edge(c)).len();
        let before = text[..start].chars().next_back();
        let after = text[trimmed..].chars().next();
        if !before.is_some_and(|c| c.is_alphanumeric() || c == '_') && !after.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            found.push((start, trimmed));
        }
        from = end.max(start + 1);
    }
    found
}

fn digits(text: &str) -> Vec<u32> {
    text.chars().filter_map(|c| c.to_digit(10)).collect()
}

fn cards(text: &str) -> Vec<(usize, usize)> {
    let spans = runs(text, |c| c.is_ascii_digit(), |c| c.is_ascii_digit() || c == ' ' || c == '-');
    spans.into_iter().filter(|(start, end)| is_card(&digits(&text[*start..*end]))).collect()
}

/// Thirteen to nineteen digits, not all alike, whose Luhn sum is a multiple of ten.
fn is_card(digits: &[u32]) -> bool {
    let doubled = |(place, digit): (usize, &u32)| if place % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { *digit };
    let issuer = digits.first().is_some_and(|first| (2..=6).contains(first));
    (13..=19).contains(&digits.len())
        && issuer
        && digits.iter().any(|digit| *digit != digits[0])
        && digits.iter().rev().enumerate().map(doubled).sum::<u32>() % 10 == 0
}

fn ibans(text: &str) -> Vec<(usize, usize)> {
    let spans = runs(text, |c| c.is_ascii_uppercase() || c.is_ascii_digit(), |c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == ' ');
    spans.into_iter().filter_map(|(start, end)| iban_in(text, start, end)).collect()
}

/// An IBAN that begins at the run's beginning, or at a word inside of it.
fn iban_in(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let starts = std::iter::once(start).chain(text[start..end].match_indices(' ').map(|(at, _)| start + at + 1));
    let ends: Vec<usize> = std::iter::once(end).chain(text[start..end].rmatch_indices(' ').map(|(at, _)| start + at)).collect();
    starts.flat_map(|from| ends.iter().map(move |to| (from, *to))).find(|(from, to)| from < to && is_iban(&text[*from..*to]))
}

fn is_iban(text: &str) -> bool {
    let compact: Vec<char> = text.chars().filter(|c| *c != ' ').collect();
    if !(15..=34).contains(&compact.len()) || !compact[..2].iter().all(char::is_ascii_uppercase) || !compact[2..4].iter().all(char::is_ascii_digit) {
        return false;
    }
    let rotated = compact[4..].iter().chain(&compact[..4]);
    let remainder = rotated.fold(0_u64, |remainder, c| {
        let value = u64::from(c.to_digit(36).unwrap_or(0));
        (remainder * if value > 9 { 100 } else { 10 } + value) % 97
    });
    remainder == 1
}

fn ssns(text: &str) -> Vec<(usize, usize)> {
    let spans = runs(text, |c| c.is_ascii_digit(), |c| c.is_ascii_digit() || c == '-');
    spans.into_iter().filter(|(start, end)| is_ssn(&text[*start..*end])).collect()
}

/// `AAA-GG-SSSS`: no area 000, 666 or 9xx, no group 00, no serial 0000.
fn is_ssn(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [area, group, serial] = parts.as_slice() else { return false };
    let right = area.len() == 3 && group.len() == 2 && serial.len() == 4;
    right && !matches!(*area, "000" | "666") && !area.starts_with('9') && *group != "00" && *serial != "0000"
}

fn ips(text: &str) -> Vec<(usize, usize)> {
    let spans = runs(text, |c| c.is_ascii_digit(), |c| c.is_ascii_digit() || c == '.');
    spans.into_iter().filter(|(start, end)| is_public_ip(&text[*start..*end])).collect()
}

fn is_public_ip(text: &str) -> bool {
    text.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| {
        !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified() || ip.is_broadcast() || ip.is_documentation())
    })
}

fn phones(text: &str) -> Vec<(usize, usize)> {
    let spans = runs(text, |c| c.is_ascii_digit() || c == '+' || c == '(', |c| c.is_ascii_digit() || "+-. ()/".contains(c));
    spans.into_iter().filter(|(start, end)| is_phone(&text[*start..*end])).collect()
}

/// `+` and eight to fifteen digits, or three, three and four digits with something between.
fn is_phone(text: &str) -> bool {
    let count = digits(text).len();
    if let Some(rest) = text.strip_prefix('+') {
        return (8..=15).contains(&count) && !rest.contains('+') && !rest.starts_with('0');
    }
    let groups: Vec<usize> = text.split(|c: char| !c.is_ascii_digit()).map(str::len).filter(|length| *length > 0).collect();
    groups == [3, 3, 4] || groups == [1, 3, 3, 4]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[(PiiKind, &str)]) {
        let found: Vec<(PiiKind, &str)> = find_pii(text).iter().map(|pii| (pii.kind, &text[pii.start..pii.end])).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn checksums_tell_numbers_apart() {
        check("card 4111 1111 1111 1111, not 4111 1111 1111 1112", &[(PiiKind::Card, "4111 1111 1111 1111")]);
        check("IBAN DE89 3704 0044 0532 0130 00 ok; DE88 3704 0044 0532 0130 00 no", &[(PiiKind::Iban, "DE89 3704 0044 0532 0130 00")]);
        check("SSN 219-09-9999 but 000-12-3456, 666-12-3456 and 123-00-4567 are none", &[(PiiKind::Ssn, "219-09-9999")]);
    }

    #[test]
    fn forms_are_found() {
        check("Mail ann.lee+x@example.co.uk. Bad: a@b, @x.de", &[(PiiKind::Email, "ann.lee+x@example.co.uk")]);
        check("Call +49 30 901820 or (415) 555-0132.", &[(PiiKind::Phone, "+49 30 901820"), (PiiKind::Phone, "(415) 555-0132")]);
        check("from 8.8.8.8, not 192.168.0.1 or 1.2.3", &[(PiiKind::Ip, "8.8.8.8")]);
        check("order 12345678 of 2024-11-21 for 1,234.50", &[]);
    }
}
