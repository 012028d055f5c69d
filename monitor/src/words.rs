//! Numbers as people read them in alerts.

/// Writes a number with three digits that matter, and its unit.
pub(crate) fn number(value: f64, unit: &str) -> String {
    let digits = digits(value);
    match unit {
        "" => digits,
        "%" => format!("{} %", self::digits(value * 100.0)),
        unit => format!("{digits} {unit}"),
    }
}

/// Writes a change with its sign.
pub(crate) fn signed(value: f64) -> String {
    if value < 0.0 { format!("-{}", digits(-value)) } else { format!("+{}", digits(value)) }
}

/// Writes a p-value as people do: small ones as powers of ten.
pub(crate) fn p_value(p: f64) -> String {
    if p < 1e-12 {
        "below 1e-12".to_owned()
    } else if p < 0.001 {
        format!("{p:.0e}")
    } else {
        format!("{p:.3}")
    }
}

fn digits(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if !(1e-5..1e6).contains(&size) {
        format!("{value:.2e}")
    } else if size >= 100.0 {
        format!("{value:.0}")
    } else {
        // Three digits that matter: as many decimals as the size leaves.
        let decimals = if size >= 10.0 {
            1
        } else if size >= 1.0 {
            2
        } else if size >= 0.1 {
            3
        } else if size >= 0.01 {
            4
        } else if size >= 0.001 {
            5
        } else {
            7
        };
        let text = format!("{value:.decimals$}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_matter() {
        assert_eq!(number(1.23456, "s"), "1.23 s");
        assert_eq!(number(0.000_123_4, "usd"), "0.0001234 usd");
        assert_eq!(number(1234.5, ""), "1234");
        assert_eq!(number(0.0312, "%"), "3.12 %");
        assert_eq!(number(0.0, "s"), "0 s");
        assert_eq!(signed(-0.25), "-0.25");
        assert_eq!((p_value(3.2e-9), p_value(0.04)), ("3e-9".to_owned(), "0.040".to_owned()));
    }
}
