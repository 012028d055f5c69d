//! Off-peak prices: rates that replace the others while a window of the day is open.

use schema::Micros;
use serde_json::Value;

use super::card::{Entry, Rates};

const MINUTES_A_DAY: i64 = 24 * 60;
const MICROS_A_MINUTE: i64 = 60_000_000;

/// Rates and the times at which they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OffPeak {
    pub rates: Rates,
    windows: Vec<Window>,
    /// Minutes by which the calendar of the weekdays is ahead of UTC.
    calendar_ahead: i64,
}

/// From a minute of the UTC day (inclusive) to another (exclusive), maybe over midnight, on some weekdays.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Window {
    from: i64,
    to: i64,
    /// Monday is 1; `None` means every day.
    weekdays: Option<Vec<i64>>,
}

impl OffPeak {
    /// Reads LiteLLM's `off_peak_pricing` block: `hours_utc` for every day, `windows` for some weekdays.
    pub fn parse(fields: &Entry<'_>, rates: Rates) -> Option<Self> {
        let field = |name: &str| fields.get(name).map(|value| serde_json::from_str::<Value>(value.get())).transpose().ok();
        let mut windows = open_hours(&field("hours_utc")?.unwrap_or_default(), None);
        for rule in field("windows")?.unwrap_or_default().as_array().map_or(&[][..], Vec::as_slice) {
            let weekdays = rule.get("weekdays").and_then(Value::as_array);
            let weekdays: Option<Vec<i64>> = weekdays.map(|days| days.iter().filter_map(weekday).collect());
            windows.extend(open_hours(rule.get("hours_utc").unwrap_or(&Value::Null), weekdays.as_ref()));
        }
        let calendar_ahead = match field("weekday_timezone")?.unwrap_or_default().as_str() {
            Some("Asia/Shanghai" | "Asia/Hong_Kong" | "Asia/Singapore" | "Asia/Taipei") => 8 * 60,
            _ => 0,
        };
        Some(Self { rates, windows, calendar_ahead })
    }

    /// Returns whether a window is open.
    pub fn is_open(&self, at: Micros) -> bool {
        let minutes = at.0.div_euclid(MICROS_A_MINUTE);
        let minute = minutes.rem_euclid(MINUTES_A_DAY);
        // 1970-01-01 was a Thursday.
        let weekday = ((minutes + self.calendar_ahead).div_euclid(MINUTES_A_DAY) + 3).rem_euclid(7) + 1;
        self.windows.iter().any(|window| {
            let hours =
                if window.from < window.to { (window.from..window.to).contains(&minute) } else { minute >= window.from || minute < window.to };
            hours && window.weekdays.as_ref().is_none_or(|days| days.contains(&weekday))
        })
    }
}

/// Reads `"16:30-00:30"` or a list of such; what cannot be read opens nothing.
fn open_hours(hours: &Value, weekdays: Option<&Vec<i64>>) -> Vec<Window> {
    let texts: Vec<&str> = match hours {
        Value::String(text) => vec![text],
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let window = |text: &str| {
        let (from, to) = text.split_once('-')?;
        Some(Window { from: minute_of_day(from)?, to: minute_of_day(to)?, weekdays: weekdays.cloned() })
    };
    texts.into_iter().filter_map(window).collect()
}

fn minute_of_day(text: &str) -> Option<i64> {
    let (hour, minute) = text.trim().split_once(':')?;
    let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
    ((0..24).contains(&hour) && (0..60).contains(&minute)).then_some(hour * 60 + minute)
}

fn weekday(value: &Value) -> Option<i64> {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let named = |text: &str| {
        let text = text.trim().to_ascii_lowercase();
        NAMES.iter().position(|name| text.starts_with(name)).and_then(|at| i64::try_from(at + 1).ok())
    };
    value.as_i64().filter(|day| (1..=7).contains(day)).or_else(|| named(value.as_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn off_peak(json: &str) -> OffPeak {
        OffPeak::parse(&serde_json::from_str(json).unwrap(), Rates::default()).unwrap()
    }

    #[track_caller]
    fn check(off_peak: &OffPeak, at: &str, expect: bool) {
        let time: chrono::DateTime<chrono::Utc> = at.parse().unwrap();
        assert_eq!(off_peak.is_open(time.into()), expect, "{at}");
    }

    #[test]
    fn windows_may_cross_midnight() {
        let off_peak = off_peak(r#"{"hours_utc": "16:30-00:30"}"#);
        check(&off_peak, "2026-11-20T16:29:59Z", false);
        check(&off_peak, "2026-11-20T16:30:00Z", true);
        check(&off_peak, "2026-11-21T00:29:59Z", true);
        check(&off_peak, "2026-11-21T00:30:00Z", false);
    }

    #[test]
    fn weekdays_are_read_on_their_own_calendar() {
        let off_peak = off_peak(r#"{"weekday_timezone": "Asia/Shanghai", "windows": [{"hours_utc": "00:00-00:00", "weekdays": [6, "sunday"]}]}"#);
        check(&off_peak, "2026-11-20T15:59:00Z", false); // Friday in both
        check(&off_peak, "2026-11-20T16:00:00Z", true); // Saturday in Shanghai
        check(&off_peak, "2026-11-22T15:59:00Z", true);
        check(&off_peak, "2026-11-22T16:00:00Z", false); // Monday in Shanghai
    }
}
