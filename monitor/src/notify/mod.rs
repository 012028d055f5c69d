//! How people hear of an alert.

mod delivery;
mod hmac;
mod log;
mod webhook;

use async_trait::async_trait;
use schema::{AlertTransition, Tenant};
use serde::Serialize;

pub(crate) use delivery::{Delivered, deliver};
pub use log::Log;
pub use webhook::{Webhook, WebhookConfig};

/// Why a notice did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The receiver could not be reached, or did not answer in time.
    #[error("{notifier} cannot be reached: {problem}")]
    Unreachable {
        /// Name of the notifier.
        notifier: String,
        /// What happened.
        problem: String,
    },
    /// The receiver answered that it did not take the notice.
    #[error("{notifier} answered {status}")]
    Refused {
        /// Name of the notifier.
        notifier: String,
        /// HTTP status.
        status: u16,
    },
}

/// A way to tell people of an alert.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Name that monitors use under `notify`.
    fn name(&self) -> &str;

    /// Tells people once; `Ok` means that the receiver took it.
    async fn notify(&self, notice: &Notice) -> Result<(), NotifyError>;
}

/// What a receiver is told: an alert fired, or is over.
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
    /// `firing` or `resolved`.
    pub state: String,
    /// `quality` or `data`.
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
}

impl Notice {
    /// Makes the notice of a transition.
    pub fn of(tenant: &Tenant, transition: &AlertTransition) -> Self {
        let rfc3339 = |time: schema::Micros| time.to_datetime().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
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
            value: transition.value,
            baseline: transition.baseline,
            effect: transition.effect,
            p_value: transition.p_value,
            window_start: transition.window_start.map(rfc3339),
            window_end: transition.window_end.map(rfc3339),
            runbook: transition.runbook.clone(),
            details: details.unwrap_or_default(),
        }
    }
}
