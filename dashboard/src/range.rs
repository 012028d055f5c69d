//! The time range of a page, and the grid of buckets that its charts are drawn on.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use schema::Micros;

use crate::error::Error;

const MINUTE_US: i64 = 60_000_000;
const HOUR_US: i64 = 60 * MINUTE_US;
const DAY_US: i64 = 24 * HOUR_US;

/// Ranges that a click picks: name in the URL, length, words.
pub(crate) const PRESETS: &[(&str, i64, &str)] = &[
    ("1h", HOUR_US, "hour"),
    ("6h", 6 * HOUR_US, "6 hours"),
    ("24h", DAY_US, "24 hours"),
    ("7d", 7 * DAY_US, "7 days"),
    ("28d", 28 * DAY_US, "28 days"),
];

/// Widths that a bucket may have; the narrowest that makes at most `BUCKETS_MAX` buckets is taken.
const WIDTHS_US: &[i64] = &[
    1_000_000,
    5_000_000,
    15_000_000,
    MINUTE_US,
    2 * MINUTE_US,
    5 * MINUTE_US,
    10 * MINUTE_US,
    30 * MINUTE_US,
    HOUR_US,
    3 * HOUR_US,
    6 * HOUR_US,
    12 * HOUR_US,
    DAY_US,
    7 * DAY_US,
    28 * DAY_US,
    364 * DAY_US,
];
const BUCKETS_MAX: i64 = 61;

/// Trace times outside of these are not asked for: the years 1970 to 2261, which nanoseconds in 64 bits can hold.
const LATEST_US: i64 = i64::MAX / 1_000;

/// A span of time, `from` included, `to` excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    /// First moment.
    pub from: Micros,
    /// First moment after it.
    pub to: Micros,
    /// Name in the URL, where the range is one that ends now.
    pub preset: Option<&'static str>,
}

impl Range {
    /// Reads the range out of a URL's parameters; without any it is the preset named `otherwise`.
    pub(crate) fn read(range: Option<&str>, from: Option<&str>, to: Option<&str>, otherwise: &str, now: Micros) -> Result<Self, Error> {
        if from.is_some() || to.is_some() {
            let from = from.map(moment).transpose()?.unwrap_or(Micros(0));
            let to = to.map(moment).transpose()?.unwrap_or(now);
            if from >= to {
                return Err(bad("the range ends before it begins"));
            }
            return Ok(Self { from, to, preset: None });
        }
        let name = range.unwrap_or(otherwise);
        let (name, length, _) = PRESETS.iter().find(|(preset, ..)| *preset == name).ok_or_else(|| bad(&format!("unknown range {name:?}")))?;
        Ok(Self { from: Micros(now.0.saturating_sub(*length)), to: Micros(now.0.saturating_add(1)), preset: Some(name) })
    }

    /// Returns the length in microseconds.
    pub(crate) fn length_us(&self) -> i64 {
        self.to.0.saturating_sub(self.from.0)
    }

    /// Returns the range of the same length that ends where this one begins.
    pub(crate) fn before(&self) -> Self {
        Self { from: Micros(self.from.0.saturating_sub(self.length_us())), to: self.from, preset: None }
    }

    /// Writes the range as URL parameters.
    pub(crate) fn pairs(&self) -> Vec<(&'static str, String)> {
        match self.preset {
            Some(preset) => vec![("range", preset.to_owned())],
            None => vec![("from", stamp(self.from)), ("to", stamp(self.to))],
        }
    }

    /// Names the range for people.
    pub(crate) fn label(&self) -> String {
        match PRESETS.iter().find(|(preset, ..)| Some(*preset) == self.preset) {
            Some((_, _, words)) => format!("last {words}"),
            None => format!("{} – {} UTC", crate::format::minute(self.from), crate::format::minute(self.to)),
        }
    }

    /// Lays buckets over the range, aligned to whole minutes, hours or days in UTC.
    pub(crate) fn grid(&self) -> Grid {
        let wanted = self.length_us() / (BUCKETS_MAX - 1);
        let width_us = WIDTHS_US.iter().copied().find(|width| *width >= wanted).unwrap_or(364 * DAY_US);
        let start = Micros(self.from.0.div_euclid(width_us) * width_us);
        let n = (self.to.0 - 1 - start.0).div_euclid(width_us) + 1;
        Grid { start, width_us, n: usize::try_from(n.clamp(1, 400)).unwrap_or(1) }
    }
}

/// Equal buckets of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    /// Where the first bucket begins.
    pub start: Micros,
    /// Width of a bucket in microseconds.
    pub width_us: i64,
    /// Number of buckets.
    pub n: usize,
}

impl Grid {
    /// Returns where bucket `i` begins.
    pub(crate) fn at(&self, i: usize) -> Micros {
        Micros(self.start.0.saturating_add(i64::try_from(i).unwrap_or(0).saturating_mul(self.width_us)))
    }

    /// Names bucket `i` for a hover title.
    pub(crate) fn label(&self, i: usize) -> String {
        let at = self.at(i).to_datetime();
        match self.width_us {
            w if w >= DAY_US => at.format("%a %-d %b").to_string(),
            w if w >= MINUTE_US => at.format("%a %-d %b, %H:%M").to_string(),
            _ => at.format("%-d %b, %H:%M:%S").to_string(),
        }
    }

    /// Picks some five buckets to label on the axis, with their labels.
    pub(crate) fn ticks(&self) -> Vec<(usize, String)> {
        let (step_us, form) = self.tick_step();
        (0..self.n).filter(|i| self.at(*i).0.rem_euclid(step_us) == 0).map(|i| (i, self.at(i).to_datetime().format(form).to_string())).collect()
    }

    fn tick_step(&self) -> (i64, &'static str) {
        let whole = self.width_us * i64::try_from(self.n).unwrap_or(1);
        let steps = [
            (15_000_000, "%H:%M:%S"),
            (MINUTE_US, "%H:%M"),
            (5 * MINUTE_US, "%H:%M"),
            (15 * MINUTE_US, "%H:%M"),
            (HOUR_US, "%H:%M"),
            (4 * HOUR_US, "%H:%M"),
            (6 * HOUR_US, "%H:%M"),
            (DAY_US, "%-d %b"),
            (7 * DAY_US, "%-d %b"),
            (28 * DAY_US, "%-d %b"),
            (364 * DAY_US, "%Y"),
        ];
        steps.into_iter().find(|(step, _)| whole / step <= 7).unwrap_or((40 * 364 * DAY_US, "%Y"))
    }
}

/// Writes a moment as the URL bears it.
pub(crate) fn stamp(at: Micros) -> String {
    at.to_datetime().to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// Reads a moment: RFC 3339, a date and time without zone (UTC), a date, or microseconds since 1970.
fn moment(text: &str) -> Result<Micros, Error> {
    let micros = if let Ok(micros) = text.parse::<i64>() {
        Some(micros)
    } else if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        Some(time.timestamp_micros())
    } else if let Some(time) = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f"].iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok()) {
        Some(time.and_utc().timestamp_micros())
    } else {
        NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|day| day.and_hms_opt(0, 0, 0)).map(|time| time.and_utc().timestamp_micros())
    };
    micros.filter(|us| (0..=LATEST_US).contains(us)).map(Micros).ok_or_else(|| bad(&format!("{text:?} is not a time")))
}

fn bad(message: &str) -> Error {
    Error::Input { message: message.to_owned(), hint: "use range=1h, 6h, 24h, 7d or 28d, or from= and to= such as 2026-11-20T10:00:00Z" }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = Micros(1_763_700_000_000_000);

    fn preset(name: &str) -> Range {
        Range::read(Some(name), None, None, "24h", NOW).unwrap()
    }

    #[test]
    fn presets_end_now() {
        assert_eq!(preset("1h").from, Micros(NOW.0 - HOUR_US));
        assert_eq!(Range::read(None, None, None, "7d", NOW).unwrap(), preset("7d"));
        assert!(Range::read(Some("2y"), None, None, "7d", NOW).is_err());
    }

    #[test]
    fn moments_are_read_in_every_form() {
        let at = |text| moment(text).map(|at| at.0).ok();
        assert_eq!(at("2026-11-20"), at("2026-11-20T00:00:00Z"));
        assert_eq!(at("2026-11-20T10:30"), at("2026-11-20T12:30:00+02:00"));
        assert_eq!(at("1700000000000000"), Some(1_700_000_000_000_000));
        for wrong in ["", "yesterday", "-1", "9223372036854775807", "2026-13-01"] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }

    /// The links that a page writes must lead to the same range.
    #[test]
    fn a_range_survives_its_url() {
        let range = Range { from: Micros(1_700_000_000_123_456), to: NOW, preset: None };
        let pairs = range.pairs();
        assert_eq!(Range::read(None, Some(&pairs[0].1), Some(&pairs[1].1), "24h", NOW).unwrap(), range);
    }

    #[test]
    fn the_grid_covers_the_range_with_few_buckets() {
        for length in [1, 1_000_000, HOUR_US, 3 * HOUR_US, DAY_US, 7 * DAY_US, 28 * DAY_US, 400 * DAY_US, NOW.0] {
            let range = Range { from: Micros(NOW.0 - length), to: NOW, preset: None };
            let grid = range.grid();
            assert!(grid.start <= range.from && grid.at(grid.n) >= range.to, "{length}");
            assert!(grid.n <= 62, "{length}: {}", grid.n);
            assert!(grid.ticks().len() <= 8, "{length}");
        }
    }
}
