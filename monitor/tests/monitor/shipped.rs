//! The shipped monitors over whole months of synthetic calls, in memory.

use std::collections::BTreeSet;

use monitor::{Series, rehearse, shipped};
use schema::{AlertTransition, Micros};

use crate::traffic::{BadDay, DAY, HOUR, Kind, START, Weather, calls, rows};

const DAYS: i64 = 21;

/// Walks all shipped monitors that page over the days around a bad one, or over all; returns what fired.
fn fired(seed: u64, bad: Option<BadDay>) -> Vec<AlertTransition> {
    let (from, to) = bad.map_or((START, START + DAYS * DAY), |bad| (bad.start - DAY, bad.end + 3 * DAY));
    let calls = calls(seed, DAYS, &Weather::CALM, bad.as_ref());
    let mut fired = Vec::new();
    for monitor in shipped() {
        let series = Series::of(&monitor.rule, &[rows(&monitor.rule.name, &calls)]).unwrap();
        let written = rehearse(&monitor, &series, Micros(from), Micros(to));
        fired.extend(written.transitions.into_iter().filter(|transition| transition.state == "firing"));
    }
    fired
}

#[track_caller]
fn finds(monitor: &str, seed: u64, kind: Kind, size: f64, (day, hour, hours): (i64, i64, i64)) {
    let start = START + day * DAY + hour * HOUR;
    let bad = BadDay { kind, start, end: start + hours * HOUR, size };
    let fired = fired(seed, Some(bad));
    let ids: BTreeSet<&str> = fired.iter().map(|alert| alert.id.as_str()).collect();
    assert_eq!(ids.len(), 1, "{fired:#?}");
    assert_eq!((fired[0].monitor.as_str(), fired[0].kind.as_str()), (monitor, "quality"));
    assert!(fired[0].time.0 > start && fired[0].time.0 <= start + 9 * HOUR, "{:?}", fired[0]);
}

#[test]
fn a_slow_day_is_one_alert() {
    finds("latency", 1, Kind::Latency, 2.5, (9, 0, 24));
    finds("latency", 2, Kind::Latency, 2.0, (16, 9, 8));
}

#[test]
fn a_failing_day_is_one_alert() {
    finds("errors", 3, Kind::Errors, 0.2, (12, 8, 12));
}

#[test]
fn a_dear_day_is_one_alert() {
    finds("cost", 4, Kind::Cost, 2.5, (14, 8, 16));
}

#[test]
fn a_day_of_invented_answers_is_one_alert() {
    finds("groundedness", 5, Kind::Groundedness, 0.5, (11, 7, 12));
}

#[test]
fn a_common_month_is_silent() {
    assert_eq!(fired(6, None), []);
}

// When calls stop, the one who is on call must hear of it, though no value is wrong.
#[test]
fn an_outage_of_the_sender_is_heard_of() {
    let mut calls = calls(7, DAYS, &Weather::CALM, None);
    let stop = START + 15 * DAY + 9 * HOUR;
    calls.retain(|call| call.time < stop);
    let fires = |name: &str| {
        let monitor = shipped().into_iter().find(|monitor| monitor.rule.name == name).unwrap();
        let series = Series::of(&monitor.rule, &[rows(name, &calls)]).unwrap();
        let written = rehearse(&monitor, &series, Micros(stop - DAY), Micros(START + DAYS * DAY));
        let fired: Vec<_> = written.transitions.into_iter().filter(|transition| transition.state == "firing").collect();
        assert_eq!(fired.len(), 1, "{name}: {fired:#?}");
        (fired[0].kind.clone(), (fired[0].time.0 - stop) / HOUR)
    };
    assert_eq!(fires("silence"), ("quality".to_owned(), 7));
    let (kind, hours) = fires("latency");
    assert!(kind == "data" && (12..24).contains(&hours), "{kind} after {hours} hours");
}

// "The same hours" are hours of UTC. Where people move their clocks, their day moves by an hour against it twice a year: that is no anomaly.
#[test]
fn a_clock_change_is_no_alert() {
    for shift in [-HOUR, HOUR] {
        let mut calls = calls(8, 2 * DAYS, &Weather::CALM, None);
        let changed = START + 34 * DAY;
        calls.iter_mut().filter(|call| call.time >= changed + DAY / 8).for_each(|call| call.time += shift);
        calls.sort_by_key(|call| call.time);
        for monitor in shipped() {
            let series = Series::of(&monitor.rule, &[rows(&monitor.rule.name, &calls)]).unwrap();
            let written = rehearse(&monitor, &series, Micros(changed - DAY), Micros(START + 2 * DAYS * DAY));
            let fired: Vec<_> = written.transitions.iter().filter(|transition| transition.state == "firing").collect();
            assert!(fired.is_empty(), "{} by {shift}: {fired:#?}", monitor.rule.name);
        }
    }
}

// After four weeks the baseline is the same hours of past weeks: four windows in the place of fifty must still find a bad day.
#[test]
fn a_bad_day_is_found_against_the_same_hours_of_past_weeks() {
    let start = START + 37 * DAY + 8 * HOUR;
    let bad = BadDay { kind: Kind::Latency, start, end: start + 12 * HOUR, size: 2.5 };
    let calls = calls(9, 2 * DAYS, &Weather::CALM, Some(&bad));
    let monitor = shipped().into_iter().find(|monitor| monitor.rule.name == "latency").unwrap();
    let series = Series::of(&monitor.rule, &[rows("latency", &calls)]).unwrap();
    let written = rehearse(&monitor, &series, Micros(START + 30 * DAY), Micros(START + 2 * DAYS * DAY));
    let fired: Vec<_> = written.transitions.iter().filter(|transition| transition.state == "firing").collect();
    assert_eq!(fired.len(), 1, "{fired:#?}");
    assert!(fired[0].time.0 > start && fired[0].time.0 <= start + 9 * HOUR, "{fired:#?}");
}
