//! A monitor as its file writes it: one SELECT, what to watch in it, and how sure to be before anyone is woken.

mod check;
mod duration;
mod keys;
mod parts;
mod select;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_yaml_ng::Value;

pub use duration::Duration;
pub use parts::{Baseline, Direction, Level, NoData, Scale, Severity};

use crate::detectors::Detector;

/// What is wrong with a monitor's file, in words for its author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The text is no YAML, or a value has the wrong form.
    #[error("{problem}")]
    Yaml {
        /// What the reader said.
        problem: String,
        /// Line, where the reader says it.
        line: Option<usize>,
    },
    /// A key is not one of a monitor's.
    #[error("unknown key {key:?}; the nearest one is {nearest:?}")]
    UnknownKey {
        /// The key as written.
        key: String,
        /// The key that was probably meant.
        nearest: &'static str,
    },
    /// A value is of the right form but cannot be used.
    #[error("{key}: {problem}")]
    Value {
        /// The key.
        key: &'static str,
        /// What is wrong, and what to write.
        problem: String,
    },
}

impl RuleError {
    /// Finds the line of the text that is wrong, counted from 1.
    pub fn line(&self, yaml: &str) -> Option<usize> {
        match self {
            RuleError::Yaml { line, .. } => *line,
            RuleError::UnknownKey { key, .. } => crate::examine::line_of(yaml, key),
            RuleError::Value { key, .. } => crate::examine::line_of(yaml, key),
        }
    }

    fn yaml(error: &serde_yaml_ng::Error) -> Self {
        Self::Yaml { problem: error.to_string(), line: error.location().map(|location| location.line()) }
    }
}

/// One monitor: what its file says, checked.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Name, of a-z, 0-9, `-` and `_`; alerts bear it.
    pub name: String,
    /// What an alert means, for the person who gets it.
    #[serde(default)]
    pub description: String,
    /// One SELECT, one row an observation: `time`, `value`, and the columns that the other keys name; a column `trace_id` gives alerts their examples.
    pub select: String,
    /// What to watch.
    pub watch: Detector,
    /// How often to look.
    pub every: Duration,
    /// How far back a look reaches.
    pub window: Duration,
    /// What the window is compared with; `threshold` and `budget` need none.
    #[serde(default)]
    pub baseline: Baseline,
    /// How a window becomes one number. Default `mean`.
    #[serde(default)]
    pub level: Level,
    /// Differences (`linear`, the default) or ratios (`log`), for `anomaly`.
    #[serde(default)]
    pub scale: Scale,
    /// Which way a change must go. Default `both`; `up` for `error_rate`.
    pub direction: Option<Direction>,
    /// For `threshold`: alert above this.
    pub above: Option<f64>,
    /// For `threshold`: alert below this.
    pub below: Option<f64>,
    /// For `budget`: the most that a window may sum to.
    pub limit: Option<f64>,
    /// Unit of `value`, shown in alerts.
    #[serde(default)]
    pub unit: String,
    /// Column whose equal values belong together (a session): such rows do not count as independent.
    pub cluster: Option<String>,
    /// Columns and the value that each must have: monitors of one service or model that share a SELECT share its reading.
    #[serde(default)]
    pub only: BTreeMap<String, String>,
    /// Columns whose every value is watched on its own, beside the whole.
    #[serde(default)]
    pub slices: Vec<String>,
    /// Columns within which like is compared with like, for `anomaly`: a change of their mix is no change of level.
    #[serde(default)]
    pub within: Vec<String>,
    /// Observations that a window needs. Default 30.
    #[serde(default = "default_min_n")]
    pub min_n: u64,
    /// Smallest change that matters: in standard deviations or as a distance of 0 to 1 for `drift`, where the default is 0.1; a ratio less one with `scale: log`,
    /// else in the unit of `value`; of shares for `error_rate` and `silence`. Default there: 0.
    pub effect_floor: Option<f64>,
    /// Largest adjusted p-value that counts, for each look. Default 0.05; for a monitor that pages, far less.
    #[serde(default = "default_q")]
    pub q: f64,
    /// Evaluations in a row that must agree before an alert fires. Looks, not windows: where `every` is far shorter than `window`, two of them share
    /// most of their rows and are hardly two. Default 2.
    #[serde(rename = "for", default = "default_hold")]
    pub hold: u32,
    /// Evaluations that must be OK before an alert resolves. Default: one window's worth.
    pub resolve_for: Option<u32>,
    /// Time after its end in which an alert that comes back is the same alert. Default one day.
    #[serde(default = "default_refractory")]
    pub refractory: Duration,
    /// Time after which people are told again of an alert that fires and that nobody acknowledged. Default: never.
    pub renotify: Option<Duration>,
    /// Share of the rows that must have a value, 0 to 1; with less the monitor is in NO_DATA, since what is missing may not be like the rest. Default 0.
    #[serde(default)]
    pub min_coverage: f64,
    /// Monitors of causes that this one would only repeat: while one of them is pending or fires, this one opens no alert.
    #[serde(default)]
    pub under: Vec<String>,
    /// When blindness is heard of.
    #[serde(default)]
    pub no_data: NoData,
    /// How much an alert matters. Default `ticket`.
    #[serde(default)]
    pub severity: Severity,
    /// Names of the notifiers that are told; none named means all.
    #[serde(default)]
    pub notify: Vec<String>,
    /// Where to read what to do.
    pub runbook: Option<String>,
}

const KEYS: &[&str] = &[
    "name",
    "description",
    "select",
    "watch",
    "every",
    "window",
    "baseline",
    "level",
    "scale",
    "direction",
    "above",
    "below",
    "limit",
    "unit",
    "cluster",
    "only",
    "slices",
    "within",
    "min_n",
    "effect_floor",
    "q",
    "for",
    "resolve_for",
    "refractory",
    "renotify",
    "min_coverage",
    "under",
    "no_data",
    "severity",
    "notify",
    "runbook",
];
const BASELINE_KEYS: &[&str] = &["same_hours_of_weeks", "same_hours_of_days", "trailing", "min_n", "min_windows"];
const NO_DATA_KEYS: &[&str] = &["for"];

/// Floor of a standardised effect, where the file gives none.
const DRIFT_FLOOR: f64 = 0.1;

fn default_min_n() -> u64 {
    30
}

fn default_q() -> f64 {
    0.05
}

fn default_hold() -> u32 {
    2
}

fn default_refractory() -> Duration {
    Duration::DAY
}

impl Rule {
    /// Reads a monitor's file and checks every value.
    pub fn parse(yaml: &str) -> Result<Self, RuleError> {
        let value: Value = serde_yaml_ng::from_str(yaml).map_err(|error| RuleError::yaml(&error))?;
        refuse_unknown_keys(&value)?;
        let mut rule: Rule = serde_yaml_ng::from_str(yaml).map_err(|error| RuleError::yaml(&error))?;
        rule.select = select::one_select(&rule.select).map_err(|problem| RuleError::Value { key: "select", problem })?;
        rule.check()?;
        Ok(rule)
    }

    /// Which way a change must go.
    pub fn direction(&self) -> Direction {
        match (self.direction, self.watch) {
            (Some(direction), _) => direction,
            (None, Detector::ErrorRate) => Direction::Up,
            (None, _) => Direction::Both,
        }
    }

    /// The smallest change that matters.
    pub fn effect_floor(&self) -> f64 {
        self.effect_floor.unwrap_or(if self.watch == Detector::Drift { DRIFT_FLOOR } else { 0.0 })
    }

    /// Evaluations that must be OK before an alert resolves the first time.
    pub fn resolve_for(&self) -> u32 {
        let window = (self.window.0 + self.every.0 - 1) / self.every.0;
        self.resolve_for.unwrap_or_else(|| u32::try_from(window).unwrap_or(1).max(1))
    }

    /// How far before a `now` its window and its baseline reach, in microseconds.
    pub fn reach(&self) -> i64 {
        let weeks = i64::from(self.baseline.same_hours_of_weeks.unwrap_or(0)) * self.step(Duration::WEEK);
        let days = i64::from(self.baseline.same_hours_of_days.unwrap_or(0)) * self.step(Duration::DAY);
        let trailing = self.baseline.trailing.map_or(0, |trailing| trailing.0);
        self.window.0 + weeks.max(days).max(trailing)
    }

    /// The smallest multiple of `period` that holds a whole window, so that no window overlaps the one before.
    pub(crate) fn step(&self, period: Duration) -> i64 {
        (self.window.0 + period.0 - 1) / period.0 * period.0
    }
}

fn refuse_unknown_keys(value: &Value) -> Result<(), RuleError> {
    let Value::Mapping(mapping) = value else {
        return Err(RuleError::Yaml { problem: "a monitor is a YAML mapping; begin with name: and select:".to_owned(), line: Some(1) });
    };
    let nested = [("baseline", BASELINE_KEYS), ("no_data", NO_DATA_KEYS)];
    let levels = std::iter::once((Some(mapping), KEYS)).chain(nested.map(|(key, known)| (mapping.get(key).and_then(Value::as_mapping), known)));
    for (level, known) in levels {
        if let Some((key, nearest)) = level.and_then(|level| keys::unknown_key(level, known)) {
            return Err(RuleError::UnknownKey { key, nearest });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATENCY: &str = "
name: latency
select: select start_time as time, duration_ns as value from llm_calls
watch: anomaly
every: 1h
window: 6h
baseline: {same_hours_of_days: 14}
";

    #[track_caller]
    fn refused(lines: &str, words: &str) {
        let mut yaml: String =
            LATENCY.lines().filter(|line| !lines.contains(line.split(':').next().unwrap_or("?")) || line.is_empty()).collect::<Vec<_>>().join("\n");
        yaml.push('\n');
        yaml.push_str(lines);
        let error = Rule::parse(&yaml).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }

    #[test]
    fn the_example_of_the_design_reads() {
        let rule = Rule::parse(include_str!("../tests/monitor/fixtures/monitor.yaml")).unwrap();
        assert_eq!((rule.watch, rule.window, rule.hold, rule.no_data.hold), (Detector::Drift, Duration::parse("6h").unwrap(), 2, 4));
        assert_eq!(rule.baseline, Baseline { same_hours_of_weeks: Some(4), min_n: 200, ..Baseline::default() });
        assert_eq!(rule.slices, ["service_name", "prompt_version"]);
        assert_eq!((rule.severity.name(), rule.notify.as_slice()), ("page", ["oncall".to_owned()].as_slice()));
        assert_eq!(rule.resolve_for(), 24);
    }

    #[test]
    fn an_unknown_key_names_the_one_that_was_meant() {
        refused("windw: 6h", "unknown key \"windw\"; the nearest one is \"window\"");
        refused("baseline: {same_hours_of_week: 4}", "the nearest one is \"same_hours_of_weeks\"");
        refused("no_data: {four: 4}", "the nearest one is \"for\"");
        refused("1: 2", "unknown key");
    }

    #[test]
    fn values_that_cannot_be_used_are_refused_with_what_to_write() {
        refused("every: 10s", "1m or more");
        refused("every: soon", "15m, 6h or 14d");
        refused("q: 0", "above 0");
        refused("q: .nan", "above 0");
        refused("watch: drift\ncluster: session_id\nq: 0.0001", "permuting clusters gives no p-value below 0.001");
        refused("watch: drift\ncluster: session_id\nslices: [model]\nq: 0.004", "write 0.01");
        refused("effect_floor: -1", "0 or more");
        refused("for: 0", "1 to 1000");
        refused("name: Latency!", "a-z");
        refused("watch: drfit", "unknown variant `drfit`");
        refused("watch: threshold", "needs above");
        refused("watch: budget", "needs a limit");
        refused("above: 3", "belong to watch: threshold");
        refused("level: p95", "a mean or a median");
        refused("baseline: {min_n: 3}", "same_hours_of_weeks: 4");
        refused("baseline: {trailing: 300d, same_hours_of_weeks: 90}", "400 days");
        refused("select: delete from spans", "write one SELECT");
        assert!(
            Rule::parse("- a").unwrap_err().to_string().contains("a mapping") || Rule::parse("- a").unwrap_err().to_string().contains("YAML mapping")
        );
        assert!(Rule::parse("name: [").is_err());
    }

    #[test]
    fn defaults_do_not_cry_wolf() {
        let rule = Rule::parse(LATENCY).unwrap();
        assert_eq!((rule.hold, rule.effect_floor()), (2, 0.0));
        assert_eq!(Rule::parse(&LATENCY.replace("anomaly", "drift")).unwrap().effect_floor(), 0.1);
    }

    // A key that is added to the struct and not to the list would be refused in every file.
    #[test]
    fn every_key_is_in_the_list() {
        let error = serde_yaml_ng::from_str::<Rule>("{no_such_key: 1}").unwrap_err().to_string();
        for key in KEYS {
            assert!(error.contains(&format!("`{key}`")), "{key} is no field of Rule: {error}");
        }
        assert_eq!(error.matches('`').count() / 2 - 1, KEYS.len(), "a field of Rule is missing in KEYS: {error}");
    }
}
