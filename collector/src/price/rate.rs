//! Rates and amounts of money as integers.

use std::fmt;

use schema::NanoUsd;

/// Atto-dollars in a nano-dollar.
const ATTO_IN_NANO: i128 = 1_000_000_000;

/// The price of one token in atto-dollars (10⁻¹⁸ USD), at most some nine dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rate(pub i64);

impl Rate {
    /// Reads a decimal such as `2.5e-06` or `0.0000025` without passing through a float.
    ///
    /// Digits beyond 10⁻¹⁸ are rounded half up, which takes away the noise that floats left in price files
    /// (`1.0000000000000001e-07`). `None` for text that is not a decimal, for negative and for absurd rates.
    pub fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let mantissa = mantissa.strip_prefix('+').unwrap_or(mantissa);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = || whole.bytes().chain(fraction.bytes());
        if digits().next().is_none() || !digits().all(|c| c.is_ascii_digit()) || digits().count() > 36 {
            return None;
        }
        let value = digits().fold(0_i128, |value, digit| value * 10 + i128::from(digit - b'0'));
        if value == 0 {
            return Some(Self(0));
        }
        let shift = exponent.checked_add(18)?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        let power = 10_i128.checked_pow(shift.unsigned_abs());
        let atto = match (shift >= 0, power) {
            (true, Some(power)) => value.checked_mul(power)?,
            (true, None) => return None,
            (false, Some(power)) => div_half_up(value, power),
            (false, None) => 0,
        };
        i64::try_from(atto).ok().map(Self)
    }

    /// Returns half of the rate; exact for every rate that ends before the 18th decimal.
    pub fn half(self) -> Self {
        Self(self.0 / 2 + self.0 % 2)
    }

    /// Returns what `tokens` cost at this rate.
    pub fn of(self, tokens: u64) -> Amount {
        Amount(i128::from(self.0).saturating_mul(i128::from(tokens)))
    }
}

/// An exact amount of money in atto-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Amount(pub i128);

impl Amount {
    /// Rounds to nano-dollars, halves up; amounts beyond nine billion dollars stay there.
    pub fn round(self) -> NanoUsd {
        NanoUsd(i64::try_from(div_half_up(self.0, ATTO_IN_NANO)).unwrap_or(i64::MAX))
    }

    /// Multiplies by a factor in millionths, such as 1,100,000 for 1.1.
    pub(super) fn times_millionths(self, factor: i64) -> Self {
        Self(div_half_up(self.0.saturating_mul(i128::from(factor)), 1_000_000))
    }
}

impl std::ops::Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::iter::Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), |sum, amount| sum + amount)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.round().fmt(f)
    }
}

/// Divides two non-negative numbers, halves up.
fn div_half_up(value: i128, by: i128) -> i128 {
    value / by + i128::from(value % by >= by - by / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, atto: impl Into<Option<i64>>) {
        assert_eq!(Rate::parse(text), atto.into().map(Rate), "{text}");
    }

    #[test]
    fn decimals_are_read_exactly() {
        check("2.5e-06", 2_500_000_000_000);
        check("0.0000025", 2_500_000_000_000);
        check("+1E-7", 100_000_000_000);
        check("0", 0);
        check("0.0", 0);
        check("0e400", 0);
        check("1e-400", 0);
        check("3", 3_000_000_000_000_000_000);
    }

    #[test]
    fn float_noise_is_rounded_away() {
        check("1.0000000000000001e-07", 100_000_000_000);
        check("3.9999999999999996e-07", 400_000_000_000);
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for text in ["", ".", "-1", "1e", "1e400", "1e2147483647", "nan", "inf", "1,5", "12", "1 "] {
            check(text, None);
        }
    }

    #[test]
    fn halves_round_up_once() {
        assert_eq!(Amount(499_999_999).round(), NanoUsd(0));
        assert_eq!(Amount(500_000_000).round(), NanoUsd(1));
        assert_eq!(Amount(i128::MAX).round(), NanoUsd(i64::MAX));
        assert_eq!(Rate(5).half(), Rate(3));
        assert_eq!(Amount(10).times_millionths(1_100_000), Amount(11));
    }
}
