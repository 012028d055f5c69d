//! One look at a window: the whole and each slice measured, corrected together, judged.

use std::collections::BTreeMap;
use std::ops::Range;

use schema::{Micros, MonitorState, TraceId};

use crate::baseline::Sample;
use crate::config::Limits;
use crate::detectors::{Blind, Evidence, Reading};
use crate::rule::{Direction, Rule, Scale};
use crate::series::Series;
use crate::state::State;

/// What a look found, for the whole or for one slice.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    /// `column=value`; empty for the whole.
    pub slice: String,
    pub state: State,
    pub value: Option<f64>,
    pub baseline: Option<f64>,
    pub effect: Option<f64>,
    pub p_value: Option<f64>,
    pub n: u64,
    pub n_baseline: Option<u64>,
    pub reason: String,
    /// Share of the window's observations that have a value; of the whole alone.
    pub coverage: Option<f64>,
    /// Traces of the window that show it best.
    pub traces: Vec<TraceId>,
}

impl Finding {
    /// The finding of a look that failed.
    pub fn error(reason: String) -> Self {
        Self { state: State::Error, reason, ..Self::blank() }
    }

    fn blank() -> Self {
        Finding {
            slice: String::new(),
            state: State::Ok,
            value: None,
            baseline: None,
            effect: None,
            p_value: None,
            n: 0,
            n_baseline: None,
            reason: String::new(),
            coverage: None,
            traces: Vec::new(),
        }
    }

    /// The row of `monitor_states`.
    pub fn row(&self, rule: &Rule, now: Micros, at: Micros) -> MonitorState {
        MonitorState {
            time: now,
            date: now.day(),
            monitor: rule.name.clone(),
            slice: self.slice.clone(),
            state: self.state.name().to_owned(),
            value: self.value,
            baseline: self.baseline,
            effect: self.effect,
            p_value: self.p_value,
            n: count(self.n),
            n_baseline: self.n_baseline.map(count),
            reason: self.reason.clone(),
            coverage: self.coverage,
            evaluated_at: Some(at),
        }
    }
}

fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Looks at the window that ends at `now`: the whole first, then the slices that say more than OK.
pub(crate) fn look(rule: &Rule, series: &Series, excluded: &[Range<i64>], limits: &Limits, now: Micros) -> Vec<Finding> {
    let whole = Sample::take(rule, series, excluded, now.0);
    let coverage = series.coverage(now.0 - rule.window.0, now.0);
    let mut findings = measured(rule, series, &whole, coverage, limits);
    if let Some(first) = findings.first_mut() {
        first.coverage = coverage;
        if series.rate < 1.0 {
            first.reason = format!("{} (of {:.1} % of the traces)", first.reason, series.rate * 100.0);
        }
    }
    findings
}

fn measured(rule: &Rule, series: &Series, whole: &Sample, coverage: Option<f64>, limits: &Limits) -> Vec<Finding> {
    if let Some(share) = coverage.filter(|share| *share < rule.min_coverage) {
        return vec![unseen(rule, whole, &Blind::Uncovered { share })];
    }
    let slices = slices_of(rule, series, whole, limits);
    let samples: Vec<&Sample> = std::iter::once(whole).chain(slices.iter().map(|(_, sample)| sample)).collect();
    let mut results = rule.watch.read(rule, series, &samples).into_iter();
    let mut readings = match results.next() {
        Some(Ok(reading)) => vec![(String::new(), reading, whole)],
        Some(Err(blind)) => return vec![unseen(rule, whole, &blind)],
        None => return Vec::new(),
    };
    let measured = slices.iter().zip(results).filter_map(|((slice, sample), result)| Some((slice.clone(), result.ok()?, sample)));
    readings.extend(measured);
    let p_values: Vec<f64> = readings.iter().map(|(_, reading, _)| p_of(reading)).collect();
    let adjusted = measure::test::bh(&p_values);
    let mut findings: Vec<Finding> =
        readings.into_iter().zip(adjusted).map(|((slice, reading, part), p)| judged(rule, series, slice, &reading, part, p, limits)).collect();
    let whole = findings.remove(0);
    findings.retain(|finding| finding.state != State::Ok);
    findings.insert(0, whole);
    findings
}

/// Fixed limits take no part in the correction: NaN does not count as a test.
fn p_of(reading: &Reading) -> f64 {
    match reading.evidence {
        Evidence::P(p) => p,
        Evidence::Fixed(_) => f64::NAN,
    }
}

/// The slices of every slice column, the most frequent first, at most as many as the limits allow.
fn slices_of(rule: &Rule, series: &Series, sample: &Sample, limits: &Limits) -> Vec<(String, Sample)> {
    let mut slices = Vec::new();
    for (name, column) in rule.slices.iter().zip(&series.slices) {
        let mut parts: BTreeMap<u32, Sample> = BTreeMap::new();
        for row in &sample.current {
            parts.entry(column.codes[*row]).or_default().current.push(*row);
        }
        for (i, window) in sample.past.iter().enumerate() {
            for row in window {
                if let Some(part) = parts.get_mut(&column.codes[*row]) {
                    part.past.resize(part.past.len().max(i + 1), Vec::new());
                    part.past[i].push(*row);
                }
            }
        }
        // A slice that is everything says nothing that the whole does not say.
        parts.retain(|_, part| part.n() < sample.n() || part.n_past() < sample.n_past());
        for (code, mut part) in parts {
            part.past.retain(|window| !window.is_empty());
            slices.push((format!("{name}={}", column.names[code as usize]), part));
        }
    }
    slices.sort_by(|a, b| b.1.n().cmp(&a.1.n()).then_with(|| a.0.cmp(&b.0)));
    slices.truncate(limits.slices_max);
    slices
}

fn judged(rule: &Rule, series: &Series, slice: String, reading: &Reading, sample: &Sample, p: f64, limits: &Limits) -> Finding {
    let state = match reading.evidence {
        Evidence::Fixed(state) => state,
        Evidence::P(_) => state_of(rule, reading.effect, p),
    };
    let p_value = matches!(reading.evidence, Evidence::P(_)).then_some(p);
    let traces = if state == State::Alert { worst_traces(rule, series, sample, limits) } else { Vec::new() };
    Finding {
        slice,
        state,
        value: Some(reading.value),
        baseline: reading.baseline,
        effect: Some(reading.effect),
        p_value,
        n: sample.n(),
        n_baseline: (!sample.past.is_empty()).then(|| sample.n_past()),
        reason: reason_of(rule, reading, state, p_value),
        coverage: None,
        traces,
    }
}

/// ALERT: adjusted p at most `q` and the effect at its floor. WARN: the same with half the effect.
fn state_of(rule: &Rule, effect: f64, p: f64) -> State {
    let directed = match rule.direction() {
        Direction::Up => effect,
        Direction::Down => -effect,
        Direction::Both => effect.abs(),
    };
    if p > rule.q || p.is_nan() || directed <= 0.0 {
        State::Ok
    } else if directed >= rule.effect_floor {
        State::Alert
    } else if directed >= rule.effect_floor / 2.0 {
        State::Warn
    } else {
        State::Ok
    }
}

fn reason_of(rule: &Rule, reading: &Reading, state: State, p: Option<f64>) -> String {
    let number = |value: f64| crate::words::number(value, &rule.unit);
    let against = reading.baseline.map(|baseline| format!(" against {}", number(baseline))).unwrap_or_default();
    let change = match rule.scale {
        Scale::Log => format!("{:+.0} %", reading.effect * 100.0),
        Scale::Linear => crate::words::signed(reading.effect),
    };
    let sure = match p {
        Some(p) => format!(", p {}", crate::words::p_value(p)),
        None => String::new(),
    };
    let verdict = match state {
        State::Ok if p.is_some_and(|p| p > rule.q) => "no change beyond chance",
        State::Ok => "too small to matter",
        State::Warn => "real, below the floor for an alert",
        _ => "real and large",
    };
    match reading.evidence {
        Evidence::P(_) => format!("{}{against} (change {change}{sure}): {verdict}", number(reading.value)),
        Evidence::Fixed(_) => format!("{}{against}", number(reading.value)),
    }
}

fn unseen(rule: &Rule, sample: &Sample, blind: &Blind) -> Finding {
    let (expected, reason) = match blind {
        Blind::Uncovered { share } => (
            true,
            format!(
                "{:.0} % of the observations in the last {} have a value, {:.0} % are needed",
                share * 100.0,
                rule.window,
                rule.min_coverage * 100.0
            ),
        ),
        Blind::TooFew { n, min_n } => (true, format!("{n} observations in the last {}, {min_n} are needed; earlier windows had them", rule.window)),
        Blind::Quiet { n, min_n } => (false, format!("{n} observations in the last {}, {min_n} are needed; a quiet hour, as before", rule.window)),
        Blind::Learning { n_past, n_windows } => (
            false,
            format!(
                "learning: {n_past} observations in {n_windows} earlier windows, {} in {} are needed",
                rule.baseline.min_n, rule.baseline.min_windows
            ),
        ),
    };
    // The size of the baseline is given where data was to be expected: that is what tells blindness from a quiet hour.
    Finding { state: State::NoData, n: sample.n(), n_baseline: expected.then(|| sample.n_past()), reason, ..Finding::blank() }
}

/// The traces whose values lie furthest out in the direction that is watched.
fn worst_traces(rule: &Rule, series: &Series, sample: &Sample, limits: &Limits) -> Vec<TraceId> {
    let mut rows: Vec<usize> =
        sample.current.iter().copied().filter(|row| series.traces.get(*row).is_some_and(|trace| *trace != TraceId::default())).collect();
    let down = rule.direction() == Direction::Down;
    rows.sort_by(|a, b| {
        let by_value = series.number(*a).total_cmp(&series.number(*b));
        (if down { by_value } else { by_value.reverse() }).then_with(|| a.cmp(b))
    });
    let mut traces: Vec<TraceId> = Vec::new();
    for row in rows {
        if traces.len() == limits.examples_max {
            break;
        }
        if !traces.contains(&series.traces[row]) {
            traces.push(series.traces[row]);
        }
    }
    traces
}
