//! One look at a window: the whole and each slice measured, corrected together, judged.

mod examples;
mod slices;

use std::ops::Range;

use schema::{Micros, MonitorState, TraceId};

use self::examples::{examples, moved};
use self::slices::{Slices, slices_of};
use crate::baseline::Sample;
use crate::config::Limits;
use crate::detectors::{Blind, Detector, Evidence, Reading};
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
    /// Share of the window's observations that have a value.
    pub coverage: Option<f64>,
    /// The category whose share moved most.
    pub moved: Option<String>,
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
            moved: None,
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
    let mut findings = measured(rule, series, &whole, limits);
    if let Some(first) = findings.first_mut().filter(|_| series.rate < 1.0) {
        first.reason = format!("{} (of {:.1} % of the traces)", first.reason, series.rate * 100.0);
    }
    findings
}

fn measured(rule: &Rule, series: &Series, whole: &Sample, limits: &Limits) -> Vec<Finding> {
    if let Some(blind) = uncovered(rule, whole) {
        return vec![unseen(rule, "", whole, &blind)];
    }
    let Slices { chosen, n_slices } = slices_of(rule, series, whole, limits);
    let n_chosen = chosen.len();
    let (covered, bare): (Vec<_>, Vec<_>) = chosen.into_iter().partition(|(_, part)| uncovered(rule, part).is_none());
    let samples: Vec<&Sample> = std::iter::once(whole).chain(covered.iter().map(|(_, part)| part)).collect();
    let mut results = rule.watch.read(rule, series, &samples).into_iter();
    let mut readings = match results.next() {
        Some(Ok(reading)) => vec![("", reading, whole)],
        Some(Err(blind)) => return vec![unseen(rule, "", whole, &blind)],
        None => return Vec::new(),
    };
    let mut silent: Vec<Finding> = bare.iter().filter_map(|(slice, part)| Some(unseen(rule, slice, part, &uncovered(rule, part)?))).collect();
    for ((slice, part), result) in covered.iter().zip(results) {
        match result {
            Ok(reading) => readings.push((slice.as_str(), reading, part)),
            Err(blind @ Blind::TooFew { .. }) if !part.past.is_empty() => silent.push(unseen(rule, slice, part, &blind)),
            // At an hour at which it rests, what is silent is not known to be back.
            Err(blind @ Blind::Quiet { .. }) if rule.watch == Detector::Silence => silent.push(unseen(rule, slice, part, &blind)),
            // A slice that is always rare, or new, is no news.
            Err(_) => {}
        }
    }
    let p_values: Vec<f64> = readings.iter().map(|(_, reading, _)| p_of(reading)).collect();
    let adjusted = measure::test::bh(&p_values);
    let judge = |((slice, reading, part), p): ((&str, Reading, &Sample), f64)| judged(rule, series, slice, &reading, part, p, limits);
    let mut findings: Vec<Finding> = readings.into_iter().zip(adjusted).map(judge).collect();
    let mut whole = findings.remove(0);
    if n_slices > n_chosen {
        whole.reason = format!("{} ({n_chosen} of {n_slices} slices)", whole.reason);
    }
    findings.retain(|finding| finding.state != State::Ok);
    std::iter::once(whole).chain(findings).chain(silent).collect()
}

/// Whether too many rows have no value; what is missing may not be like the rest. Of a handful of rows nothing is said.
fn uncovered(rule: &Rule, sample: &Sample) -> Option<Blind> {
    let n_rows = sample.n() + sample.missing.len() as u64;
    let share = sample.coverage().filter(|share| *share < rule.min_coverage && n_rows >= rule.min_n)?;
    // Where there never were enough values, their lack is no news: a model that nothing can price, a check that never ran.
    let is_news = sample.past_coverage().map_or(sample.n() > 0, |usual| usual >= rule.min_coverage);
    Some(Blind::Uncovered { share, is_news })
}

/// Fixed limits take no part in the correction: NaN does not count as a test.
fn p_of(reading: &Reading) -> f64 {
    match reading.evidence {
        Evidence::P(p) => p,
        Evidence::Fixed(_) => f64::NAN,
    }
}

fn judged(rule: &Rule, series: &Series, slice: &str, reading: &Reading, sample: &Sample, p: f64, limits: &Limits) -> Finding {
    let state = match reading.evidence {
        Evidence::Fixed(state) => state,
        Evidence::P(_) => state_of(rule, reading.effect, p),
    };
    let p_value = matches!(reading.evidence, Evidence::P(_)).then_some(p);
    let is_alert = state == State::Alert;
    Finding {
        slice: slice.to_owned(),
        state,
        value: Some(reading.value),
        baseline: reading.baseline,
        effect: Some(reading.effect),
        p_value,
        n: sample.n(),
        n_baseline: (!sample.past.is_empty()).then(|| sample.n_past()),
        reason: reason_of(rule, reading, state, p_value),
        coverage: sample.coverage(),
        moved: if is_alert { moved(series, sample) } else { None },
        traces: if is_alert { examples(series, sample, reading.effect, limits) } else { Vec::new() },
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
    } else if directed >= rule.effect_floor() {
        State::Alert
    } else if directed >= rule.effect_floor() / 2.0 {
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

/// Whether a fixed number says what is too much, and no baseline.
fn has_fixed_limit(rule: &Rule) -> bool {
    matches!(rule.watch, Detector::Threshold | Detector::Budget)
}

fn unseen(rule: &Rule, slice: &str, sample: &Sample, blind: &Blind) -> Finding {
    let (expected, reason) = match blind {
        Blind::Uncovered { share, is_news } => (
            *is_news,
            format!(
                "{:.0} % of the observations in the last {} have a value, {:.0} % are needed",
                share * 100.0,
                rule.window,
                rule.min_coverage * 100.0
            ),
        ),
        // A slice that is gone, such as a model that was retired, is shown and not heard of: `watch: silence` is there for that.
        Blind::TooFew { n, min_n } => {
            let why = if has_fixed_limit(rule) { "a limit on what is not seen is not kept" } else { "earlier windows had them" };
            (slice.is_empty(), format!("{n} observations in the last {}, {min_n} are needed; {why}", rule.window))
        }
        Blind::Quiet { n, min_n } => (false, format!("{n} observations in the last {}, {min_n} are needed; a quiet hour, as before", rule.window)),
        Blind::Learning { .. } if has_fixed_limit(rule) => (false, "the select has not given a row yet".to_owned()),
        Blind::Learning { n_past, n_windows } => (
            false,
            format!(
                "learning: {n_past} observations in {n_windows} earlier windows, {} in {} are needed",
                rule.baseline.min_n, rule.baseline.min_windows
            ),
        ),
    };
    // The size of the baseline is given where data was to be expected: that is what tells blindness from a quiet hour.
    let n_baseline = expected.then(|| sample.n_past());
    Finding { slice: slice.to_owned(), state: State::NoData, n: sample.n(), n_baseline, reason, coverage: sample.coverage(), ..Finding::blank() }
}
