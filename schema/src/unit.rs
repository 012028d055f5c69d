//! Units: times, days and money, as integers that add without rounding.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A moment in microseconds since 1970 in UTC: what the tables' `timestamp` columns hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Micros(pub i64);

impl Micros {
    /// Cuts nanoseconds since 1970 to microseconds.
    pub fn from_nanos(nanos: i64) -> Self {
        Self(nanos.div_euclid(1_000))
    }

    /// Returns the moment as a `chrono` date and time, or the epoch where the calendar ends.
    pub fn to_datetime(self) -> chrono::DateTime<chrono::Utc> {
        chrono::DateTime::from_timestamp_micros(self.0).unwrap_or_default()
    }

    /// Returns the UTC day of the moment.
    pub fn day(self) -> Day {
        Day(i32::try_from(self.0.div_euclid(86_400_000_000)).unwrap_or_default())
    }
}

impl From<chrono::DateTime<chrono::Utc>> for Micros {
    fn from(time: chrono::DateTime<chrono::Utc>) -> Self {
        Self(time.timestamp_micros())
    }
}

/// Where a long-lived part reads the time; tests hand in a clock of their own.
pub type Clock = std::sync::Arc<dyn Fn() -> Micros + Send + Sync>;

/// A UTC day, in days since 1970: the partition of every table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Day(pub i32);

impl fmt::Display for Day {
    /// Writes the day as `2026-11-20`, the form that partition directories bear.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = chrono::Duration::days(i64::from(self.0));
        match chrono::NaiveDate::default().checked_add_signed(days) {
            Some(date) => write!(f, "{}", date.format("%Y-%m-%d")),
            None => f.write_str("1970-01-01"),
        }
    }
}

/// Money in integer nano-dollars: 1 USD is 1,000,000,000, so that sums over billions of calls are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct NanoUsd(pub i64);

impl fmt::Display for NanoUsd {
    /// Writes dollars with as many decimals as matter: `$12.34`, `$0.0042`, `$0.0000031`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (dollars, nanos) = (self.0.unsigned_abs() / 1_000_000_000, self.0.unsigned_abs() % 1_000_000_000);
        if dollars > 0 || nanos == 0 {
            return write!(f, "{sign}${dollars}.{:02}", nanos / 10_000_000);
        }
        let digits = format!("{nanos:09}");
        let first = digits.find(|c| c != '0').unwrap_or(0);
        write!(f, "{sign}$0.{}", &digits[..(first + 2).clamp(2, 9)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_shows_two_digits_that_matter() {
        let show = |nanos| NanoUsd(nanos).to_string();
        assert_eq!(show(12_340_000_000), "$12.34");
        assert_eq!(show(4_200_000), "$0.0042");
        assert_eq!(show(3_100), "$0.0000031");
        assert_eq!(show(0), "$0.00");
        assert_eq!(show(-500_000_000), "-$0.50");
    }

    #[test]
    fn days_before_the_epoch_are_whole() {
        assert_eq!(Micros(-1).day(), Day(-1));
        assert_eq!(Micros(-1).day().to_string(), "1969-12-31");
    }
}
