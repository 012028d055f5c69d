//! Durations as people write them: `15m`, `6h`, `14d`.

use std::fmt;

use serde::{Deserialize, Deserializer};

/// A length of time in whole microseconds, written as a number and one of `s`, `m`, `h`, `d`, `w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub i64);

const UNITS: [(char, i64); 5] = [('w', 7 * 86_400), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

impl Duration {
    /// One day.
    pub const DAY: Self = Self(86_400_000_000);
    /// One week.
    pub const WEEK: Self = Self(7 * 86_400_000_000);

    /// Reads `15m`, `6h`, `14d`; anything else is told what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let hint = || format!("{text:?} is no duration; write a number and a unit, such as 15m, 6h or 14d");
        let mut chars = text.trim().chars();
        let unit = chars.next_back().ok_or_else(hint)?;
        let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(hint)?;
        let count: i64 = chars.as_str().trim().parse().map_err(|_| hint())?;
        if !(1..=100_000).contains(&count) {
            return Err(hint());
        }
        Ok(Self(count * seconds * 1_000_000))
    }

    /// Returns the length in seconds.
    pub fn seconds(self) -> i64 {
        self.0 / 1_000_000
    }
}

impl fmt::Display for Duration {
    /// Writes the length in the largest unit that divides it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.seconds();
        let (unit, size) = UNITS.iter().find(|(_, size)| seconds % size == 0).copied().unwrap_or(('s', 1));
        write!(f, "{}{unit}", seconds / size)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_show() {
        for (text, seconds) in [("15m", 900), ("6h", 21_600), ("90s", 90), ("14d", 1_209_600), ("2w", 1_209_600)] {
            assert_eq!(Duration::parse(text).unwrap().seconds(), seconds, "{text}");
        }
        assert_eq!(Duration::parse("14d").unwrap().to_string(), "2w");
        assert_eq!(Duration::parse("90m").unwrap().to_string(), "90m");
    }

    #[test]
    fn what_is_no_duration_is_told_what_to_write() {
        for text in ["", "h", "15", "-1h", "0m", "1.5h", "15 minutes", "999999999w", "1µ"] {
            assert!(Duration::parse(text).unwrap_err().contains("15m, 6h or 14d"), "{text}");
        }
    }
}
