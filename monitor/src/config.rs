//! Every setting of the monitors.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::notify::{Notifier, NotifyConfig};
use crate::{Monitor, extended, load, shipped};

/// Settings of the monitors; each says what it trades.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MonitorConfig {
    /// Directory with monitors of your own (`*.yaml`), beside the shipped ones; one of the same name replaces a shipped one. Default: none.
    pub dir: Option<PathBuf>,
    /// Whether the shipped monitors run: coverage from the first day against rows in `monitor_states`. Default true; `karat monitors init` writes
    /// them as files to pick from.
    pub shipped: bool,
    /// Whether all of them do; else only latency, errors, cost, groundedness and silence, and not TTFT, tokens, budget, refusals, answer length, cache
    /// hits, tools, loops, scores, retrieval, languages, topics, fairness and judge silence: more is seen against longer passes. Default true.
    pub extended: bool,
    /// Bounds on what a look may cost.
    pub limits: Limits,
    /// Where alerts go besides the log and the table `alerts`.
    pub notify: NotifyConfig,
}

impl Default for MonitorConfig {
    fn default() -> Self {
        Self { dir: None, shipped: true, extended: true, limits: Limits::default(), notify: NotifyConfig::default() }
    }
}

/// Bounds on what a look may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Rows of one window with its baseline that are held in memory (some 100 bytes each); over it the monitor is in ERROR. Memory against exactness. Default 2,000,000.
    pub rows_max: usize,
    /// Longest time that the SELECT of a monitor may take, in seconds: patience against a queue of looks. Default 60.
    pub query_seconds: u64,
    /// Slices of a monitor that are tested at each look, the most frequent first: coverage of rare slices against time and power. Default 50.
    pub slices_max: usize,
    /// Traces that an alert names as examples. Default 10.
    pub examples_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows_max: 2_000_000, query_seconds: 60, slices_max: 50, examples_max: 10 }
    }
}

impl MonitorConfig {
    /// Loads the monitors: the shipped ones unless they are off, and those of `dir`.
    pub fn monitors(&self) -> Result<Vec<Monitor>, Error> {
        let own = self.dir.as_deref().map(load).transpose()?.unwrap_or_default();
        let shipped = self.shipped_set();
        let replaced = |monitor: &Monitor| own.iter().any(|other| other.rule.name == monitor.rule.name);
        let mut monitors: Vec<Monitor> = shipped.into_iter().filter(|monitor| !replaced(monitor)).collect();
        monitors.extend(own);
        monitors.iter_mut().for_each(|monitor| monitor.limits = self.limits);
        Ok(monitors)
    }

    /// The shipped monitors that run.
    pub(crate) fn shipped_set(&self) -> Vec<Monitor> {
        match (self.shipped, self.extended) {
            (false, _) => Vec::new(),
            (true, false) => shipped(),
            (true, true) => shipped().into_iter().chain(extended()).collect(),
        }
    }

    /// Makes the notifiers: the log, and those of `notify`. `secret` looks up the secrets that they name.
    ///
    /// Errors if a setting cannot be used, or a monitor names a notifier that does not exist.
    pub fn notifiers(&self, monitors: &[Monitor], secret: impl Fn(&str) -> Option<String>) -> Result<Vec<Arc<dyn Notifier>>, Error> {
        let notifiers = crate::notify::notifiers(&self.notify, secret)?;
        for monitor in monitors {
            if let Some(name) = monitor.rule.notify.iter().find(|name| !notifiers.iter().any(|notifier| notifier.name() == name.as_str())) {
                let known: Vec<&str> = notifiers.iter().map(|notifier| notifier.name()).collect();
                return Err(Error::NoNotifier { monitor: monitor.rule.name.clone(), name: name.clone(), known: known.join(", ") });
            }
        }
        Ok(notifiers)
    }
}
