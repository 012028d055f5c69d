//! Numbers as a person reads them.

use crate::checks::Scale;

/// A size of a change: points for rates and scores (14.6 points), the metric's own unit for others.
pub(crate) fn change(value: f64, scale: Scale) -> String {
    match scale {
        Scale::Rate | Scale::Score => format!("{:.1} points", 100.0 * value),
        Scale::Unbounded => number(value),
    }
}

/// A plain number with the digits that matter; what is shown as 0 has no sign.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    let shown = if size >= 100.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    };
    match shown.strip_prefix('-') {
        Some(zero) if zero.trim_matches(['0', '.']).is_empty() => zero.to_owned(),
        _ => shown,
    }
}

/// `1 case`, `2 cases`.
pub(crate) fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn a_zero_has_no_sign() {
        assert_eq!([number(-1e-17), number(-0.0), number(-0.0004), number(-0.5), number(-12.34)], ["0.000", "0.000", "0.000", "-0.500", "-12.3"]);
    }
}
