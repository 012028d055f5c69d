//! Slices: those that fall silent, those that lack values, and more of them than are looked at.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use monitor::{Limits, Monitor, Rule, Series, rehearse, shipped};
use schema::{Micros, MonitorState};

use crate::traffic::{DAY, HOUR};

const NOW: i64 = 30 * DAY;

/// A row: when, its value, its slice.
type Observed = (i64, Option<f64>, String);

fn monitor(more: &str) -> Monitor {
    let yaml =
        format!("{{name: m, select: select 1, every: 1h, window: 6h, baseline: {{trailing: 10d, min_n: 60}}, min_n: 10, slices: [app], {more}}}");
    Monitor { rule: Rule::parse(&yaml).unwrap(), file: "m.yaml".to_owned(), limits: Limits::default() }
}

fn series(rule: &Rule, rows: &[Observed], slice: &str) -> Series {
    let time = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|(time, ..)| *time)).with_timezone("UTC");
    let value: Float64Array = rows.iter().map(|(_, value, _)| *value).collect();
    let app: StringArray = rows.iter().map(|(.., app)| Some(app.as_str())).collect();
    let columns =
        [("time", Arc::new(time) as ArrayRef, true), ("value", Arc::new(value) as ArrayRef, true), (slice, Arc::new(app) as ArrayRef, true)];
    Series::of(rule, &[RecordBatch::try_from_iter_with_nullable(columns).unwrap()]).unwrap()
}

fn look(monitor: &Monitor, rows: &[Observed]) -> Vec<MonitorState> {
    rehearse(monitor, &series(&monitor.rule, rows, "app"), Micros(NOW), Micros(NOW)).states
}

/// Rows of three apps, one a quarter of an hour each, over ten days; `of` says what the row of an app at a time is.
fn rows(of: impl Fn(i64, &str) -> Option<Option<f64>>) -> Vec<Observed> {
    let mut rows = Vec::new();
    for quarter in 0..20 * 96 {
        let time = NOW - DAY * 20 + quarter * HOUR / 4;
        for app in ["a", "b", "c"] {
            rows.extend(of(time, app).map(|value| (time, value, app.to_owned())));
        }
    }
    rows
}

fn is_now(time: i64) -> bool {
    time >= NOW - 6 * HOUR
}

#[track_caller]
fn slice<'a>(rows: &'a [MonitorState], name: &str) -> &'a MonitorState {
    rows.iter().find(|row| row.slice == name).unwrap_or_else(|| panic!("no {name} in {rows:#?}"))
}

// The one that is gone has no row in the window: it is known from the past.
#[test]
fn a_slice_that_falls_silent_is_seen() {
    let rows = rows(|time, app| (!(is_now(time) && app == "b")).then_some(Some(1.0 + (time / HOUR % 7) as f64)));
    let found = look(&monitor("watch: anomaly"), &rows);
    assert_eq!(found[0].state, "OK", "{found:#?}");
    let gone = slice(&found, "app=b");
    assert_eq!((gone.state.as_str(), gone.n, gone.coverage), ("NO_DATA", 0, None));
    // A model that was retired is no blindness of every monitor that has it as a slice.
    assert_eq!(gone.n_baseline, None);
    assert!(gone.reason.starts_with("0 observations in the last 6h"), "{}", gone.reason);

    let found = look(&monitor("watch: silence, direction: down, effect_floor: 0.95, q: 0.0001"), &rows);
    assert_eq!((found[0].state.as_str(), slice(&found, "app=b").state.as_str()), ("OK", "ALERT"));
}

// A judge that fails for one app says nothing good of it, though the whole looks covered.
#[test]
fn a_slice_without_scores_is_seen() {
    let rows = rows(|time, app| Some((!(is_now(time) && app == "c")).then_some(1.0 + (time / HOUR % 7) as f64)));
    let found = look(&monitor("watch: anomaly, min_coverage: 0.5"), &rows);
    assert!(found[0].state == "OK" && found[0].coverage.is_some_and(|share| (0.6..0.7).contains(&share)), "{found:#?}");
    let bare = slice(&found, "app=c");
    assert_eq!((bare.state.as_str(), bare.coverage), ("NO_DATA", Some(0.0)));
    assert!(bare.n_baseline.is_some(), "it was covered before: this is heard of");
}

#[test]
fn every_slice_says_what_it_is_seen_by() {
    let rows = rows(|time, app| {
        Some((!(is_now(time) && app == "a" && time / HOUR % 4 == 0)).then_some(if is_now(time) && app == "a" { 99.0 } else { 1.0 }))
    });
    let found = look(&monitor("watch: anomaly, effect_floor: 1"), &rows);
    let moved = slice(&found, "app=a");
    assert!(moved.state == "ALERT" && moved.coverage.is_some_and(|share| (0.6..0.9).contains(&share)), "{moved:?}");
}

// A service that works by day alone is not silent at night, and one that comes now and then is never expected.
#[test]
fn rest_is_no_silence() {
    let monitor = shipped().into_iter().find(|monitor| monitor.rule.name == "silence").unwrap();
    let mut rows: Vec<Observed> = Vec::new();
    for minute in 0..28 * 24 * 60 {
        let (time, hour, day) = (minute * HOUR / 60, minute / 60 % 24, minute / 1440);
        rows.push((time, Some(1.0), "always".to_owned()));
        if (8..18).contains(&hour) && day % 7 < 5 {
            rows.push((time, Some(1.0), "office".to_owned()));
        }
        if hour == 3 && day % 5 == 0 {
            rows.push((time, Some(1.0), "batch".to_owned()));
        }
    }
    let quiet = rehearse(&monitor, &series(&monitor.rule, &rows, "service_name"), Micros(7 * DAY), Micros(28 * DAY));
    assert_eq!(quiet.transitions, [], "weeks in which nothing is wrong");
    // On a Wednesday at noon the office stops.
    let stop = 23 * DAY + 12 * HOUR;
    rows.retain(|(time, _, service)| service != "office" || *time < stop);
    let silent = rehearse(&monitor, &series(&monitor.rule, &rows, "service_name"), Micros(stop - DAY), Micros(stop + 10 * HOUR));
    let fired: Vec<_> = silent.transitions.iter().filter(|alert| alert.state == "firing").collect();
    assert_eq!(fired.len(), 1, "{fired:#?}");
    assert!(fired[0].slice == "service_name=office" && fired[0].time.0 <= stop + 8 * HOUR, "{:?}", fired[0]);
}

// Ten thousand users: as many are looked at as the limits allow, in bounded time, and the whole says so.
#[test]
fn more_slices_than_are_looked_at_are_told() {
    let n_users = 10_000;
    let user = |i: i64| format!("u{:04}", if i % 2 == 0 { i / 2 % 40 } else { i / 2 % n_users });
    let per_window = 2_400_i64;
    let rows: Vec<Observed> =
        (0..41 * per_window).map(|i| (NOW - 41 * 6 * HOUR + i * 6 * HOUR / per_window, Some(1.0 + (i % 5) as f64), user(i))).collect();
    let found = look(&monitor("watch: anomaly"), &rows);
    assert!(found[0].reason.ends_with("(50 of 10000 slices)"), "{}", found[0].reason);
    let wide = Monitor { limits: Limits { slices_max: 20_000, ..Limits::default() }, ..monitor("watch: anomaly") };
    assert!(!look(&wide, &rows)[0].reason.contains("slices"));
}
