//! Four weeks of model calls of a small company, drawn from a seed: what the monitors are measured on.
//!
//! Traffic has hours and weekdays; calls come in sessions whose members are alike; latency follows load and has days of its own;
//! tails are heavy. A bad day may be planted in it.

#![allow(dead_code, reason = "each test and example takes what it needs")]

pub mod rows;

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use measure::Seed;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

pub const HOUR: i64 = 3_600_000_000;
pub const DAY: i64 = 24 * HOUR;
/// A Monday.
pub const START: i64 = 20_003 * DAY;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Latency,
    Errors,
    Cost,
    Groundedness,
}

/// Hours in which one thing is worse.
#[derive(Debug, Clone, Copy)]
pub struct BadDay {
    pub kind: Kind,
    pub start: i64,
    pub end: i64,
    /// Factor of latency or cost, error rate, or mean groundedness.
    pub size: f64,
}

/// How rough the sea is on which nothing happened.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    /// Mean calls a day.
    pub calls_a_day: f64,
    /// Standard deviation of the logarithm that all calls of a day share.
    pub day_sd: f64,
    /// The same for a session.
    pub session_sd: f64,
    /// The same for a call.
    pub call_sd: f64,
    /// Share of failing calls.
    pub error_rate: f64,
    /// Chance that the call after a failing one in the same session fails too.
    pub error_again: f64,
}

impl Weather {
    pub const CALM: Self = Self { calls_a_day: 430.0, day_sd: 0.05, session_sd: 0.15, call_sd: 0.45, error_rate: 0.01, error_again: 0.2 };
    pub const ROUGH: Self = Self { calls_a_day: 330.0, day_sd: 0.12, session_sd: 0.4, call_sd: 0.6, error_rate: 0.02, error_again: 0.5 };
}

#[derive(Debug, Clone)]
pub struct Call {
    pub time: i64,
    pub service: &'static str,
    pub model: &'static str,
    pub session: u32,
    pub failed: bool,
    pub seconds: f64,
    pub usd: f64,
    pub groundedness: Option<f64>,
}

pub struct Draw(ChaCha8Rng);

impl Draw {
    pub fn new(name: &str, seed: u64) -> Self {
        Self(Seed::of([name, &seed.to_string()]).rng())
    }
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }
    pub fn below(&mut self, n: u64) -> u64 {
        self.0.next_u64() % n
    }
    pub fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
    fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }
}

/// Services with their share of sessions, the calls of a session, and their models: share, seconds, dollars.
struct Service {
    name: &'static str,
    share: f64,
    calls: (u64, u64),
    models: [(&'static str, f64, f64, f64); 2],
}

const SERVICES: [Service; 3] = [
    Service { name: "support-bot", share: 0.5, calls: (1, 4), models: [("gpt-4o-mini", 0.7, 1.4, 0.0009), ("claude-haiku", 0.3, 1.0, 0.002)] },
    Service { name: "ops-agent", share: 0.2, calls: (3, 8), models: [("claude-sonnet", 0.6, 4.0, 0.03), ("gpt-4o", 0.4, 2.5, 0.012)] },
    Service { name: "summariser", share: 0.3, calls: (1, 1), models: [("gemini-flash", 0.8, 2.0, 0.001), ("gpt-4o-mini", 0.2, 3.0, 0.002)] },
];

/// Draws `days` days of calls, sorted by time.
pub fn calls(seed: u64, days: i64, weather: &Weather, bad: Option<&BadDay>) -> Vec<Call> {
    let mut draw = Draw::new("traffic", seed);
    let day_effects: Vec<[f64; 3]> = (0..days).map(|_| std::array::from_fn(|_| draw.normal() * weather.day_sd)).collect();
    // The mean session has some 2.3 calls.
    let sessions_a_day = weather.calls_a_day / 2.35;
    let (mut calls, mut session, mut time) = (Vec::new(), 0_u32, START as f64);
    let end = (START + days * DAY) as f64;
    loop {
        // Thinning of a process at its highest rate: twice the mean.
        time += draw.exponential() * DAY as f64 / (2.4 * sessions_a_day);
        if time >= end {
            break;
        }
        if draw.unit() * 2.4 > busy(time as i64) {
            continue;
        }
        session += 1;
        one_session(&mut draw, time as i64, session, weather, &day_effects, bad, &mut calls);
    }
    calls.sort_by_key(|call| call.time);
    calls
}

/// Traffic at a moment as a multiple of the mean: low at night and on weekends.
fn busy(time: i64) -> f64 {
    let hour = (time.rem_euclid(DAY) as f64 / HOUR as f64 - 14.0) / 24.0 * std::f64::consts::TAU;
    let weekend = (time - START).div_euclid(DAY) % 7 >= 5;
    (1.0 + 0.85 * hour.cos()) * if weekend { 0.5 } else { 1.2 }
}

fn one_session(draw: &mut Draw, start: i64, session: u32, weather: &Weather, days: &[[f64; 3]], bad: Option<&BadDay>, calls: &mut Vec<Call>) {
    let mut pick = draw.unit();
    let service = SERVICES
        .iter()
        .find(|service| {
            pick -= service.share;
            pick < 0.0
        })
        .unwrap_or(&SERVICES[2]);
    let (name, _, seconds, usd) = if draw.unit() < service.models[0].1 { service.models[0] } else { service.models[1] };
    let effects: [f64; 3] = std::array::from_fn(|_| draw.normal() * weather.session_sd);
    let n_calls = service.calls.0 + draw.below(service.calls.1 - service.calls.0 + 1);
    let (mut time, mut failed_before) = (start, false);
    for turn in 0..n_calls {
        let day = &days[usize::try_from((time - START).div_euclid(DAY)).unwrap().min(days.len() - 1)];
        let bad = bad.filter(|bad| (bad.start..bad.end).contains(&time));
        let size = |kind: Kind| bad.filter(|bad| bad.kind == kind).map(|bad| bad.size);
        let tail = if draw.unit() < 0.01 { 5.0 } else { 1.0 };
        let load = 1.0 + 0.12 * (busy(time) - 1.0);
        let failed = draw.unit() < if failed_before { weather.error_again } else { size(Kind::Errors).unwrap_or(weather.error_rate) };
        let grown = 1.0 + 0.25 * turn as f64;
        let answer = if draw.unit() < 0.85 { 0.93 + 0.05 * draw.normal() } else { draw.between(0.3, 0.9) };
        let grounded = match size(Kind::Groundedness) {
            Some(mean) => mean + 0.18 * draw.normal(),
            None => answer + 0.1 * effects[2].min(0.0),
        };
        calls.push(Call {
            time,
            service: service.name,
            model: name,
            session,
            failed,
            seconds: seconds * load * tail * size(Kind::Latency).unwrap_or(1.0) * (day[0] + effects[0] + weather.call_sd * draw.normal()).exp(),
            usd: if failed {
                0.0
            } else {
                usd * grown * size(Kind::Cost).unwrap_or(1.0) * (day[1] + effects[1] + weather.call_sd * draw.normal()).exp()
            },
            groundedness: (service.name == "support-bot" && !failed).then_some(grounded.clamp(0.0, 1.0)),
        });
        failed_before = failed;
        time += (draw.exponential() * 60e6) as i64 + 1_000_000;
    }
}

/// Draws a bad day of the given kind: any day but the first five and the last, 6 to 24 hours of it.
pub fn bad_day(seed: u64, days: i64, kind: Kind) -> BadDay {
    let mut draw = Draw::new("bad day", seed);
    let day = 5 + draw.below(days as u64 - 6) as i64;
    let hours = 6 + draw.below(19) as i64;
    let first = draw.below((24 - hours + 1) as u64) as i64;
    let size = match kind {
        Kind::Latency => draw.between(2.0, 4.0),
        Kind::Errors => draw.between(0.15, 0.3),
        Kind::Cost => draw.between(2.0, 3.0),
        Kind::Groundedness => draw.between(0.45, 0.55),
    };
    let start = START + day * DAY + first * HOUR;
    BadDay { kind, start, end: start + hours * HOUR, size }
}

/// The rows that the SELECT of a shipped monitor would give.
pub fn rows(monitor: &str, calls: &[Call]) -> RecordBatch {
    let chosen: Vec<(&Call, f64)> = calls
        .iter()
        .filter_map(|call| {
            let value = match monitor {
                "latency" => (!call.failed).then_some(call.seconds),
                "errors" => Some(f64::from(u8::from(call.failed))),
                "cost" => (call.usd > 0.0).then_some(call.usd),
                "groundedness" => call.groundedness,
                _ => Some(1.0),
            };
            value.map(|value| (call, value))
        })
        .collect();
    let text = |of: &dyn Fn(&Call) -> String| Arc::new(chosen.iter().map(|(call, _)| Some(of(call))).collect::<StringArray>()) as ArrayRef;
    let values: ArrayRef = if monitor == "errors" {
        Arc::new(chosen.iter().map(|(call, _)| Some(call.failed)).collect::<BooleanArray>())
    } else {
        Arc::new(Float64Array::from_iter_values(chosen.iter().map(|(_, value)| *value)))
    };
    RecordBatch::try_from_iter([
        ("time", Arc::new(TimestampMicrosecondArray::from_iter_values(chosen.iter().map(|(call, _)| call.time)).with_timezone("UTC")) as ArrayRef),
        ("value", values),
        ("service_name", text(&|call| call.service.to_owned())),
        ("model", text(&|call| call.model.to_owned())),
        ("session_id", text(&|call| call.session.to_string())),
        ("trace_id", text(&|call| format!("{:032x}", call.time))),
    ])
    .unwrap()
}
