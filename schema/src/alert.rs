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
        /// `quality` (the watched value changed) or `data` (the monitor is blind).
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
    }
}
