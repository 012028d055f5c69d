//! One monitor at work: it looks, remembers, and says what becomes of its alerts.

use std::ops::Range;

use schema::{AlertTransition, Micros, MonitorState};
use serde_json::{Map, Value, json};

use crate::Monitor;
use crate::findings::{self, Finding};
use crate::lifecycle::{Evaluation, History, Kind, Shade, Step, Track};
use crate::rule::Duration;
use crate::series::Series;
use crate::state::State;

/// An alert that lasted longer than this is no bad day but the new normal: its hours count for baselines.
const EPISODE_MAX: i64 = 3 * Duration::DAY.0;
/// Slices that an alert lists.
const SLICES_SHOWN: usize = 10;

/// What a watcher wrote at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Written {
    /// Rows for `monitor_states`.
    pub states: Vec<MonitorState>,
    /// Rows for `alerts`.
    pub transitions: Vec<AlertTransition>,
}

/// One look of a monitor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// The end of the window.
    pub turn: Micros,
    /// When the look is made; after the turn, where it comes late.
    pub at: Micros,
    /// Whether an alert of a cause is open.
    pub shade: Shade,
}

/// One monitor, with what it remembers of its past.
#[derive(Debug, Clone)]
pub(crate) struct Watcher {
    monitor: Monitor,
    history: History,
    tracks: [Track; 2],
    episodes: Vec<Episode>,
}

/// The time of one alert that fired.
#[derive(Debug, Clone)]
struct Episode {
    id: String,
    start: i64,
    fired: bool,
    end: Option<i64>,
}

impl Watcher {
    /// Begins without a past.
    pub fn new(monitor: &Monitor) -> Self {
        let tracks = [Track::new(Kind::Quality), Track::new(Kind::Data)];
        Self { monitor: monitor.clone(), history: History::default(), tracks, episodes: Vec::new() }
    }

    /// Takes in a transition that is already in `alerts`.
    pub fn recall_transition(&mut self, transition: &AlertTransition) {
        self.tracks.iter_mut().for_each(|track| track.apply(transition));
        self.note_episode(transition);
    }

    /// Takes in the rows of an evaluation that are already in `monitor_states`.
    pub fn recall_states(&mut self, rows: &[&MonitorState]) {
        self.history.push(&self.monitor.rule, Evaluation::of_rows(rows));
    }

    /// Looks at the window that ends at `look.turn`.
    pub fn step(&mut self, series: &Series, look: Look) -> Written {
        let findings = self.findings(series, look.turn);
        self.conclude(&findings, look)
    }

    /// Notes that the monitor could not look.
    pub fn step_blind(&mut self, reason: String, look: Look) -> Written {
        self.conclude(&[Finding::error(reason)], look)
    }

    /// Looks again at the turns before this one whose windows overlap it and hold other rows than they did: data came late.
    ///
    /// No alert opens or ends at a moment that is over; the next step goes on from what is known now.
    pub fn step_back(&mut self, series: &Series, look: Look) -> Vec<MonitorState> {
        let window = self.monitor.rule.window.0;
        let count = |time: i64| series.range(time - window, time).len() as u64;
        let mut rows = Vec::new();
        for time in self.history.outdated(look.turn.0 - window, look.turn.0, count) {
            let turn = Micros(time);
            let findings = self.findings(series, turn);
            self.history.replace(Evaluation::of(turn, &findings));
            rows.extend(findings.iter().map(|finding| finding.row(&self.monitor.rule, turn, look.at)));
        }
        rows
    }

    fn findings(&self, series: &Series, turn: Micros) -> Vec<Finding> {
        findings::look(&self.monitor.rule, series, &self.excluded(turn.0), &self.monitor.limits, turn)
    }

    fn conclude(&mut self, findings: &[Finding], look: Look) -> Written {
        let (rule, now) = (&self.monitor.rule, look.turn);
        self.history.push(rule, Evaluation::of(now, findings));
        let states = findings.iter().map(|finding| finding.row(rule, now, look.at)).collect();
        let steps = self.tracks.iter().filter_map(|track| track.next(rule, &self.history, look.shade).map(|step| (track, step)));
        let transitions: Vec<AlertTransition> = steps.map(|(track, step)| transition(&self.monitor, track, step, findings, now)).collect();
        transitions.iter().for_each(|transition| self.recall_transition(transition));
        Written { states, transitions }
    }

    fn note_episode(&mut self, transition: &AlertTransition) {
        if transition.kind != Kind::Quality.name() {
            return;
        }
        let known = self.episodes.iter_mut().find(|episode| episode.id == transition.id);
        match (transition.state.as_str(), known) {
            ("pending" | "firing", None) => {
                let start = transition.window_start.unwrap_or(transition.time).0;
                self.episodes.push(Episode { id: transition.id.clone(), start, fired: transition.state == "firing", end: None });
            }
            ("firing", Some(episode)) => (episode.fired, episode.end) = (true, None),
            ("resolved", Some(episode)) => episode.end = Some(transition.time.0),
            _ => {}
        }
    }

    /// The times that must not count as usual: those of alerts, unless they lasted so long that they are.
    fn excluded(&self, now: i64) -> Vec<Range<i64>> {
        let reach = now - self.monitor.rule.reach();
        let ranges = self.episodes.iter().filter(|episode| episode.fired).map(|episode| episode.start..episode.end.unwrap_or(now));
        ranges.filter(|range| range.end > reach && range.end - range.start <= EPISODE_MAX).collect()
    }
}

fn transition(monitor: &Monitor, track: &Track, step: Step, findings: &[Finding], now: Micros) -> AlertTransition {
    let rule = &monitor.rule;
    let standing = track.standing.as_ref();
    let fresh = matches!(step, Step::Pending) || (step == Step::Firing && standing.is_none_or(|standing| !standing.is_pending()));
    let id = match standing {
        Some(standing) if !fresh => standing.id.clone(),
        _ => format!("{}-{}-{}", rule.name, track.kind.name(), now.to_datetime().format("%Y%m%dT%H%M%SZ")),
    };
    let shown = worst(findings);
    let slice = match (step, standing) {
        (Step::Resolved | Step::Lapsed, Some(standing)) => standing.slice.clone(),
        _ => shown.map(|finding| finding.slice.clone()).unwrap_or_default(),
    };
    AlertTransition {
        id,
        time: now,
        date: now.day(),
        monitor: rule.name.clone(),
        slice,
        kind: track.kind.name().to_owned(),
        state: step.state().to_owned(),
        severity: rule.severity.name().to_owned(),
        summary: summary(monitor, track.kind, step, shown),
        value: shown.and_then(|finding| finding.value),
        baseline: shown.and_then(|finding| finding.baseline),
        effect: shown.and_then(|finding| finding.effect),
        p_value: shown.and_then(|finding| finding.p_value),
        window_start: Some(Micros(now.0 - rule.window.0)),
        window_end: Some(now),
        runbook: rule.runbook.clone(),
        actor: None,
        details: Some(details(monitor, step, findings, shown).to_string()),
        cause: None,
    }
}

/// The finding that an alert speaks of: the whole if it is in ALERT, else the slice that is surest, else the whole.
fn worst(findings: &[Finding]) -> Option<&Finding> {
    let alerting = findings.iter().filter(|finding| finding.state == State::Alert);
    let surest = alerting.min_by(|a, b| {
        let whole_first = b.slice.is_empty().cmp(&a.slice.is_empty());
        whole_first.then_with(|| a.p_value.unwrap_or(0.0).total_cmp(&b.p_value.unwrap_or(0.0)))
    });
    surest.or(findings.first())
}

fn summary(monitor: &Monitor, kind: Kind, step: Step, shown: Option<&Finding>) -> String {
    let rule = &monitor.rule;
    let what = if rule.description.is_empty() { &rule.name } else { &rule.description };
    let reason = shown.map(|finding| finding.reason.as_str()).unwrap_or_default();
    let place = shown.filter(|finding| !finding.slice.is_empty()).map(|finding| format!(" in {}", finding.slice)).unwrap_or_default();
    match (kind, step) {
        (Kind::Quality, Step::Pending) => format!("{what}{place}: seen once, fires when seen {} times in a row; {reason}", rule.hold),
        (Kind::Quality, Step::Firing) => format!("{what}{place}: {reason}"),
        (Kind::Quality, Step::FiringAgain) => format!("{what}{place}, again: {reason}"),
        (Kind::Quality, Step::Resolved) => format!("{what}: over; {reason}"),
        (Kind::Quality, Step::Lapsed) => format!("{what}: did not last; {reason}"),
        (Kind::Data, Step::Resolved | Step::Lapsed) => format!("{} sees again: {reason}", rule.name),
        (Kind::Data, _) => format!("{} is blind, {} looks in a row: {reason}", rule.name, rule.no_data.hold),
    }
}

fn details(monitor: &Monitor, step: Step, findings: &[Finding], shown: Option<&Finding>) -> Value {
    let mut details = Map::new();
    details.insert("window".to_owned(), json!(monitor.rule.window.to_string()));
    details.insert("every".to_owned(), json!(monitor.rule.every.to_string()));
    if let Some(shown) = shown {
        details.insert("reason".to_owned(), json!(shown.reason));
        details.insert("n".to_owned(), json!(shown.n));
        details.insert("n_baseline".to_owned(), json!(shown.n_baseline));
        details.insert("coverage".to_owned(), json!(shown.coverage));
        if let Some(category) = &shown.moved {
            details.insert("category".to_owned(), json!(category));
        }
        let traces: Vec<String> = shown.traces.iter().map(ToString::to_string).collect();
        details.insert("trace_ids".to_owned(), json!(traces));
    }
    let mut moved: Vec<&Finding> = findings.iter().filter(|finding| !finding.slice.is_empty()).collect();
    moved.sort_by(|a, b| b.effect.unwrap_or(0.0).abs().total_cmp(&a.effect.unwrap_or(0.0).abs()));
    let slices: Vec<Value> = moved.into_iter().take(SLICES_SHOWN).map(slice_json).collect();
    details.insert("slices".to_owned(), Value::Array(slices));
    match step {
        Step::FiringAgain => details.insert("again".to_owned(), json!(true)),
        Step::Lapsed => details.insert("lapsed".to_owned(), json!(true)),
        Step::Pending | Step::Firing | Step::Resolved => None,
    };
    Value::Object(details)
}

fn slice_json(finding: &Finding) -> Value {
    json!({
        "slice": finding.slice,
        "state": finding.state.name(),
        "value": finding.value,
        "baseline": finding.baseline,
        "effect": finding.effect,
        "p_value": finding.p_value,
        "n": finding.n,
    })
}
