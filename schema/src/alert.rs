//! The rows of `monitor_states` and `alerts`.

use crate::rows::table_row;
use crate::unit::{Day, Micros};

table_row! {
    /// What a monitor found at one moment, for one slice.
    MonitorState in MonitorStates {
        /// The `now` of the evaluation, in UTC.
        time: Micros,
        /// Partition: the UTC day of `time`.
        date: Day,
        /// Name of the monitor.
        monitor: String,
        /// Slice as `column=value`; empty for the whole.
        slice: String,
        /// `OK`, `WARN`, `ALERT`, `NO_DATA` or `ERROR`.
        state: String,
        /// What was watched: the mean, the rate or the level in the window.
        value: Option<f64>,
        /// The same number in the baseline.
        baseline: Option<f64>,
        /// Size of the change, in the detector's unit.
        effect: Option<f64>,
        /// P-value of the change, adjusted over all slices of this evaluation.
        p_value: Option<f64>,
        /// Observations in the window.
        n: i64,
        /// Observations in the baseline.
        n_baseline: Option<i64>,
        /// Why the state is what it is, in a sentence.
        reason: String,
        /// Share of the observations in the window that have a value at all, 0 to 1; null where the monitor does not say what is missing.
        coverage: Option<f64>,
        /// When this row was made, in UTC; late data make a window be looked at again, and the latest row of a `time` counts.
        evaluated_at: Option<Micros>,
    }
}

table_row! {
    /// A transition of an alert; rows are only appended, the latest one is the state.
    AlertTransition in Alerts {
        /// Id of the alert: the same from pending to resolved.
        id: String,
        /// When the alert came into this state, in UTC.
        time: Micros,
        /// Partition: the UTC day of `time`.
        date: Day,
        /// Name of the monitor.
        monitor: String,
        /// Slice as `column=value`; empty for the whole.
        slice: String,
        /// `quality` (the watched value changed), `data` (the monitor is blind) or `channel` (a notifier cannot be reached).
        kind: String,
        /// `pending`, `firing`, `resolved`, `acknowledged` or `muted`.
        state: String,
        /// `page`, `ticket` or `info`.
        severity: String,
        /// What happened, in a sentence for the person on call.
        summary: String,
        /// The watched value at the transition.
        value: Option<f64>,
        /// The same number in the baseline.
        baseline: Option<f64>,
        /// Size of the change, in the detector's unit.
        effect: Option<f64>,
        /// P-value of the change.
        p_value: Option<f64>,
        /// Start of the window that raised it, in UTC.
        window_start: Option<Micros>,
        /// End of the window that raised it, in UTC.
        window_end: Option<Micros>,
        /// Where to read what to do.
        runbook: Option<String>,
        /// Who acknowledged or muted it.
        actor: Option<String>,
        /// Traces worth a look and whatever else helps, a JSON object.
        details: Option<String>,
        /// What most likely changed: `traffic`, `app`, `model`, `judge` or `unknown`.
        cause: Option<String>,
    }
}

impl AlertTransition {
    /// Says that somebody knows of the alert: nobody is reminded of it any more.
    pub fn acknowledged(&self, actor: &str, now: Micros) -> Self {
        self.beside("acknowledged", actor, now, None)
    }

    /// Keeps the alert from being told until a moment; a moment that is over lets it be told again.
    pub fn muted(&self, until: Micros, actor: &str, now: Micros) -> Self {
        self.beside("muted", actor, now, Some(format!("{{\"until_us\":{}}}", until.0)))
    }

    /// A transition that stands beside the life of the alert: it says who knows, not how it is.
    fn beside(&self, state: &str, actor: &str, now: Micros, details: Option<String>) -> Self {
        let details = details.or_else(|| self.details.clone());
        Self { state: state.to_owned(), time: now, date: now.day(), actor: Some(actor.to_owned()), details, ..self.clone() }
    }
}

table_row! {
    /// An attempt to tell people of an alert through one notifier.
    Notification in Notifications {
        /// When the attempt ended, in UTC.
        time: Micros,
        /// Partition: the UTC day of `time`.
        date: Day,
        /// Name of the notifier.
        notifier: String,
        /// Same for every attempt to tell the same thing.
        key: String,
        /// Id of the alert.
        alert_id: String,
        /// Name of the monitor.
        monitor: String,
        /// What was told: the state that the alert came into.
        alert_state: String,
        /// `delivered`, `failed` (it is tried again) or `dead` (given up; `payload` is what nobody got).
        outcome: String,
        /// What the receiver said, or why it could not be reached.
        error: Option<String>,
        /// The notice as JSON, where it was given up.
        payload: Option<String>,
    }
}
