//! What a receiver is told.

use schema::{AlertTransition, Micros, Tenant};
use serde::Serialize;

/// What a receiver is told: an alert fired, still fires, is known to somebody, or is over.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Notice {
    /// Version of this form; 1.
    pub version: u32,
    /// Same for every attempt to deliver the same transition: what a receiver drops duplicates by.
    pub key: String,
    /// Tenant whose data it is about.
    pub tenant: String,
    /// Id of the alert.
    pub id: String,
    /// `firing`, `acknowledged` or `resolved`.
    pub state: String,
    /// `quality`, `data` or `channel`.
    pub kind: String,
    /// `page`, `ticket` or `info`.
    pub severity: String,
    /// Name of the monitor.
    pub monitor: String,
    /// Slice as `column=value`; empty for the whole.
    pub slice: String,
    /// What happened, in a sentence.
    pub summary: String,
    /// When, RFC 3339 in UTC.
    pub time: String,
    /// How often people were reminded of it before; 0 for the first word.
    pub reminder: u32,
    /// What most likely changed: `traffic`, `app`, `model`, `judge` or `unknown`.
    pub cause: Option<String>,
    /// Who acknowledged it.
    pub actor: Option<String>,
    /// The watched value.
    pub value: Option<f64>,
    /// The same number in the baseline.
    pub baseline: Option<f64>,
    /// Size of the change.
    pub effect: Option<f64>,
    /// P-value of the change.
    pub p_value: Option<f64>,
    /// Start of the window, RFC 3339 in UTC.
    pub window_start: Option<String>,
    /// End of the window, RFC 3339 in UTC.
    pub window_end: Option<String>,
    /// Where to read what to do.
    pub runbook: Option<String>,
    /// Slices that moved, traces worth a look.
    pub details: serde_json::Value,
    /// When the alert fired.
    #[serde(skip)]
    pub since: Micros,
    /// The moment that this notice speaks of.
    #[serde(skip)]
    pub at: Micros,
}

impl Notice {
    /// Makes the notice of a transition.
    pub fn of(tenant: &Tenant, transition: &AlertTransition) -> Self {
        let rfc3339 = |time: Micros| time.to_datetime().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let details = transition.details.as_deref().and_then(|details| serde_json::from_str(details).ok());
        Self {
            version: 1,
            key: format!("{}/{}/{}", transition.id, transition.state, transition.time.0),
            tenant: tenant.to_string(),
            id: transition.id.clone(),
            state: transition.state.clone(),
            kind: transition.kind.clone(),
            severity: transition.severity.clone(),
            monitor: transition.monitor.clone(),
            slice: transition.slice.clone(),
            summary: transition.summary.clone(),
            time: rfc3339(transition.time),
            reminder: 0,
            cause: transition.cause.clone(),
            actor: transition.actor.clone(),
            value: transition.value,
            baseline: transition.baseline,
            effect: transition.effect,
            p_value: transition.p_value,
            window_start: transition.window_start.map(rfc3339),
            window_end: transition.window_end.map(rfc3339),
            runbook: transition.runbook.clone(),
            details: details.unwrap_or_default(),
            since: transition.time,
            at: transition.time,
        }
    }

    /// The same again, because it still holds at `at`.
    pub(super) fn again(mut self, nth: u32, at: Micros) -> Self {
        self.key = format!("{}/again/{nth}", self.key);
        self.summary = format!("still: {}", self.summary);
        (self.reminder, self.at) = (nth, at);
        self
    }

    /// The key of the notice that this one reminds of; nothing where it is the first word.
    pub(super) fn first_key(&self) -> Option<&str> {
        self.key.rsplit_once("/again/").map(|(first, _)| first)
    }

    /// Where a person can go from here: the dashboard's page of the monitor, and the runbook, each with what it is.
    pub(super) fn links(&self, dashboard: Option<&str>) -> Vec<(&'static str, String)> {
        let page = dashboard.map(|dashboard| ("dashboard", format!("{}/monitors/{}", dashboard.trim_end_matches('/'), self.monitor)));
        let runbook = self.runbook.as_ref().filter(|url| url.starts_with("http://") || url.starts_with("https://"));
        page.into_iter().chain(runbook.map(|url| ("runbook", url.clone()))).collect()
    }

    /// The traces worth a look.
    pub(super) fn trace_ids(&self) -> impl Iterator<Item = &str> {
        self.details["trace_ids"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str)
    }
}
