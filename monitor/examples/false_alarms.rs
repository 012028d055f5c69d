//! Measures the shipped monitors over many seeded months of synthetic calls: how often they alarm for nothing, and how
//! often they find a planted bad day, with exactly one alert.
//!
//! `cargo run -p karat-monitor --example false_alarms -- [months] [first seed]`

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a measurement for the terminal"
)]

#[path = "../tests/monitor/traffic/mod.rs"]
mod traffic;

use std::sync::atomic::{AtomicU64, Ordering};

use monitor::{Monitor, Series, rehearse, shipped};
use schema::{AlertTransition, Micros};
use traffic::{BadDay, DAY, HOUR, Kind, START, Weather, bad_day, calls, rows};

const DAYS: i64 = 28;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>().unwrap());
    let months = arguments.next().unwrap_or(50);
    let first = arguments.next().unwrap_or(0);
    let seeds = first..first + months;
    println!("{months} months of {DAYS} days a line, hourly looks of {} monitors", shipped().len());
    for (name, weather) in [("calm", Weather::CALM), ("rough", Weather::ROUGH)] {
        report(&format!("{name}, nothing planted"), &weather, None, seeds.clone());
        for kind in [Kind::Latency, Kind::Errors, Kind::Cost, Kind::Groundedness] {
            report(&format!("{name}, {kind:?}"), &weather, Some(kind), seeds.clone());
        }
    }
}

/// What one month brought.
#[derive(Debug, Default)]
struct Month {
    fired: Vec<AlertTransition>,
    n_pending: usize,
}

fn report(title: &str, weather: &Weather, kind: Option<Kind>, seeds: std::ops::Range<u64>) {
    let next = AtomicU64::new(seeds.start);
    let months: Vec<(Option<BadDay>, Month)> = std::thread::scope(|scope| {
        let worker = || {
            let mut done = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds.end {
                    return done;
                }
                let bad = kind.map(|kind| bad_day(seed, DAYS, kind));
                done.push((bad, month(seed, weather, bad.as_ref())));
            }
        };
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let n = months.len();
    let pending = months.iter().filter(|(_, month)| month.n_pending > 0).count();
    if kind.is_none() {
        let alarmed = months.iter().filter(|(_, month)| !month.fired.is_empty()).count();
        println!("{title:32} months with a false alarm {alarmed}/{n}, with a pending one {pending}/{n}");
        for (_, month) in &months {
            for alert in &month.fired {
                println!("    {} {}", alert.id, alert.summary);
            }
        }
        return;
    }
    let ids = |month: &Month| month.fired.iter().map(|alert| alert.id.clone()).collect::<std::collections::BTreeSet<_>>();
    let right = |bad: &BadDay, month: &Month| {
        ids(month).len() == 1
            && month.fired.iter().all(|alert| alert.monitor == name_of(bad.kind) && alert.time.0 > bad.start && alert.time.0 <= bad.end + 6 * HOUR)
    };
    let exactly_one = months.iter().filter(|(bad, month)| right(&bad.unwrap(), month)).count();
    let missed: Vec<_> = months.iter().filter(|(_, month)| month.fired.is_empty()).collect();
    let mut delays: Vec<i64> =
        months.iter().filter_map(|(bad, month)| month.fired.first().map(|alert| (alert.time.0 - bad.unwrap().start) / HOUR)).collect();
    delays.sort_unstable();
    println!(
        "{title:32} exactly one alert {exactly_one}/{n}, none {}/{n}, delay in hours median {:?} max {:?}",
        missed.len(),
        delays.get(delays.len() / 2),
        delays.last()
    );
    for (bad, month) in months.iter().filter(|(bad, month)| !right(&bad.unwrap(), month)) {
        let bad = bad.unwrap();
        let (day, hour, hours) = ((bad.start - START) / DAY, (bad.start - START) % DAY / HOUR, (bad.end - bad.start) / HOUR);
        let fired: Vec<_> = month.fired.iter().map(|alert| format!("{} {}", alert.id, alert.time.to_datetime().format("%dT%H"))).collect();
        println!("    day {day} from {hour}:00 for {hours} h, size {:.2}: {fired:?}", bad.size);
    }
}

fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Latency => "latency",
        Kind::Errors => "errors",
        Kind::Cost => "cost",
        Kind::Groundedness => "groundedness",
    }
}

fn month(seed: u64, weather: &Weather, bad: Option<&BadDay>) -> Month {
    let calls = calls(seed, DAYS, weather, bad);
    let mut month = Month::default();
    for monitor in shipped() {
        let written = rehearse(&monitor, &series(&monitor, &calls), Micros(START), Micros(START + DAYS * DAY));
        month.n_pending += written.transitions.iter().filter(|transition| transition.state == "pending").count();
        month.fired.extend(written.transitions.into_iter().filter(|transition| transition.state == "firing"));
    }
    month
}

fn series(monitor: &Monitor, calls: &[traffic::Call]) -> Series {
    Series::of(&monitor.rule, &[rows(&monitor.rule.name, calls)]).unwrap()
}
