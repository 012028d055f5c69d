//! Numbers and times as people read them.

use schema::Micros;

/// Writes an integer with thousands separators: `12,345`.
pub(crate) fn count(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if n < 0 {
        text.push('-');
    }
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a number in at most four characters and a suffix: `950`, `12.3k`, `4.1M`.
pub(crate) fn short(n: f64) -> String {
    let size = n.abs();
    let (scaled, suffix) = match size {
        s if s >= 999_500_000.0 => (n / 1e9, "G"),
        s if s >= 999_500.0 => (n / 1e6, "M"),
        s if s >= 1_000.0 => (n / 1e3, "k"),
        _ => (n, ""),
    };
    format!("{}{suffix}", trim(scaled, if suffix.is_empty() && n.fract() == 0.0 { 0 } else { decimals(scaled) }))
}

/// Writes a duration in the unit that fits: `340 ms`, `1.24 s`, `2 m 05 s`.
pub(crate) fn duration(ns: f64) -> String {
    if !ns.is_finite() {
        return "–".to_owned();
    }
    let seconds = ns / 1e9;
    match seconds.abs() {
        s if s < 1e-6 => format!("{ns:.0} ns"),
        s if s < 1e-3 => format!("{:.0} µs", ns / 1e3),
        s if s < 0.01 => format!("{:.1} ms", ns / 1e6),
        s if s < 0.9995 => format!("{:.0} ms", ns / 1e6),
        s if s < 10.0 => format!("{seconds:.2} s"),
        s if s < 59.95 => format!("{seconds:.1} s"),
        s if s < 3_600.0 => format!("{:.0} m {:02.0} s", (seconds / 60.0).floor(), seconds.rem_euclid(60.0).floor()),
        s if s < 86_400.0 => format!("{:.0} h {:02.0} m", (seconds / 3_600.0).floor(), (seconds.rem_euclid(3_600.0) / 60.0).floor()),
        _ => format!("{:.0} d {:02.0} h", (seconds / 86_400.0).floor(), (seconds.rem_euclid(86_400.0) / 3_600.0).floor()),
    }
}

/// Writes a duration on an axis, where values are round: `0`, `500 ms`, `2 s`, `15 m`, `6 h`.
pub(crate) fn duration_tick(ns: f64) -> String {
    match ns {
        n if n <= 0.0 => "0".to_owned(),
        n if n < 1e3 => format!("{} ns", trim(n, 1)),
        n if n < 1e6 => format!("{} µs", trim(n / 1e3, 1)),
        n if n < 1e9 => format!("{} ms", trim(n / 1e6, 1)),
        n if n < 60e9 => format!("{} s", trim(n / 1e9, 1)),
        n if n < 3_600e9 => format!("{} m", trim(n / 60e9, 1)),
        n if n < 86_400e9 => format!("{} h", trim(n / 3_600e9, 1)),
        n => format!("{} d", trim(n / 86_400e9, 1)),
    }
}

/// Writes nanoseconds as a duration.
pub(crate) fn nanos(ns: i64) -> String {
    duration(real(ns))
}

/// Writes a share as a percentage with one or two digits that matter: `0.4 %`, `12 %`.
pub(crate) fn percent(share: f64) -> String {
    let value = share * 100.0;
    match value.abs() {
        v if !v.is_finite() => "–".to_owned(),
        0.0 => "0 %".to_owned(),
        v if v < 0.095 => format!("{value:.2} %"),
        v if v < 9.95 => format!("{value:.1} %"),
        _ => format!("{value:.0} %"),
    }
}

/// Writes a share on an axis, where values are round.
pub(crate) fn percent_tick(share: f64) -> String {
    format!("{} %", trim(share * 100.0, 1))
}

/// Writes an amount of money for a table: whole dollars above a thousand, cents from a dollar up, two digits that matter below.
pub(crate) fn money(nanousd: i64) -> String {
    let dollars = real(nanousd) / 1e9;
    match dollars.abs() {
        0.0 => "$0.00".to_owned(),
        d if d >= 99_999.5 => format!("${}", short(dollars)),
        d if d >= 999.5 => format!("${}", count((nanousd + 500_000_000) / 1_000_000_000)),
        d if d >= 0.0995 => format!("${dollars:.2}"),
        d if d >= 0.00995 => format!("${dollars:.3}"),
        d if d >= 0.000_995 => format!("${dollars:.4}"),
        d if d >= 0.000_099_5 => format!("${dollars:.5}"),
        _ => "< $0.0001".to_owned(),
    }
}

/// Writes a score with the digits that matter: `0.92`, `1`, `3.5`.
pub(crate) fn score(value: f64) -> String {
    if value.is_finite() { trim(value, if value.abs() < 10.0 { 2 } else { 1 }) } else { "–".to_owned() }
}

/// Writes a number of any size and unit with three digits that matter: `0.00042`, `0.905`, `484`, `1.5e7`.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        size if !size.is_finite() => "–".to_owned(),
        0.0 => "0".to_owned(),
        size if !(1e-5..1e6).contains(&size) => format!("{value:.1e}"),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => trim(value, 1),
        size if size >= 1.0 => trim(value, 2),
        size if size >= 0.1 => trim(value, 3),
        size if size >= 0.01 => trim(value, 4),
        size if size >= 0.001 => trim(value, 5),
        _ => trim(value, 7),
    }
}

/// Writes a p-value: `0.03`, `< 0.001`.
pub(crate) fn p_value(p: f64) -> String {
    match p {
        p if p < 0.001 => "< 0.001".to_owned(),
        p if p < 0.095 => format!("{p:.3}"),
        p => format!("{p:.2}"),
    }
}

/// Writes a moment as `20 Nov 14:03:22`, in UTC.
pub(crate) fn time(at: Micros) -> String {
    at.to_datetime().format("%-d %b %H:%M:%S").to_string()
}

/// Writes a moment as `20 Nov 2026, 14:03`, in UTC.
pub(crate) fn minute(at: Micros) -> String {
    at.to_datetime().format("%-d %b %Y, %H:%M").to_string()
}

/// Writes a moment as RFC 3339 with milliseconds, for machines and for `<time datetime>`.
pub(crate) fn rfc3339(at: Micros) -> String {
    at.to_datetime().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// Writes how long ago a moment was, in its largest unit: `3 min ago`.
pub(crate) fn ago(then: Micros, now: Micros) -> String {
    format!("{} ago", span(now.0.saturating_sub(then.0).max(0)))
}

/// Writes a length of time in its largest unit: `3 min`, `2 h`, `5 days`.
pub(crate) fn span(us: i64) -> String {
    let seconds = us / 1_000_000;
    match seconds {
        s if s < 90 => format!("{s} s"),
        s if s < 90 * 60 => format!("{} min", (s + 30) / 60),
        s if s < 36 * 3_600 => format!("{} h", (s + 1_800) / 3_600),
        s => format!("{} days", (s + 43_200) / 86_400),
    }
}

/// Turns an integer into a real number, for display and geometry where the last digits of huge numbers do not matter.
#[allow(clippy::cast_precision_loss, reason = "display and geometry")]
pub(crate) fn real(n: i64) -> f64 {
    n as f64
}

/// Cuts a text after at most `bytes_max` bytes, at a character's end; tells whether something was cut.
pub(crate) fn cut(text: &str, bytes_max: usize) -> (&str, bool) {
    if text.len() <= bytes_max {
        return (text, false);
    }
    let end = (0..=bytes_max).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    (&text[..end], true)
}

fn decimals(value: f64) -> usize {
    match value.abs() {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    }
}

fn trim(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_separators() {
        for (n, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (-1_234_567, "-1,234,567"), (i64::MIN, "-9,223,372,036,854,775,808")] {
            assert_eq!(count(n), text);
        }
    }

    #[test]
    fn short_numbers_are_short() {
        for (n, text) in [(0.0, "0"), (950.0, "950"), (1_000.0, "1k"), (12_345.0, "12.3k"), (999_900.0, "1M"), (4_100_000.0, "4.1M"), (0.25, "0.25")]
        {
            assert_eq!(short(n), text);
        }
    }

    #[test]
    fn durations_have_one_unit_that_fits() {
        let cases = [
            (0.0, "0 ns"),
            (1.5e3, "2 µs"),
            (2.34e6, "2.3 ms"),
            (3.4e8, "340 ms"),
            (9.996e8, "1.00 s"),
            (1.24e9, "1.24 s"),
            (42.1e9, "42.1 s"),
            (125e9, "2 m 05 s"),
            (3_725e9, "1 h 02 m"),
            (90_000e9, "1 d 01 h"),
            (f64::NAN, "–"),
        ];
        for (ns, text) in cases {
            assert_eq!(duration(ns), text);
        }
    }

    #[test]
    fn shares_and_money_and_scores() {
        assert_eq!((percent(0.0), percent(0.004), percent(0.12), percent(0.0004)), ("0 %".into(), "0.4 %".into(), "12 %".into(), "0.04 %".into()));
        assert_eq!((money(0), money(12_345_678_900), money(12_345_000_000_000)), ("$0.00".into(), "$12.35".into(), "$12,345".into()));
        assert_eq!((money(4_260_000), money(199_900), money(280)), ("$0.0043".into(), "$0.00020".into(), "< $0.0001".into()));
        assert_eq!((score(0.92), score(1.0), score(f64::NAN)), ("0.92".into(), "1".into(), "–".into()));
        assert_eq!(ago(Micros(0), Micros(180_000_000)), "3 min ago");
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(cut("päris", 2), ("p", true));
        assert_eq!(cut("päris", 6), ("päris", false));
    }
}
