//! How people hear of an alert.

mod address;
mod alertmanager;
mod channel;
mod config;
mod delivery;
mod email;
mod error;
mod hmac;
mod http;
mod ledger;
mod log;
mod notice;
mod owed;
mod pagerduty;
mod slack;
mod stdout;
mod webhook;

use std::time::Duration;

use async_trait::async_trait;

pub use alertmanager::{Alertmanager, AlertmanagerConfig};
pub use config::{NotifyConfig, notifiers};
pub(crate) use delivery::{Delivered, Round, deliver};
pub use email::{Email, EmailConfig, MailTls};
pub use error::NotifyError;
pub use http::Retry;
pub use log::Log;
pub use notice::Notice;
pub use pagerduty::{PagerDuty, PagerDutyConfig};
pub use slack::{Slack, SlackConfig};
pub use stdout::Stdout;
pub use webhook::{Webhook, WebhookConfig};

/// A way to tell people of an alert.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Name that monitors use under `notify`.
    fn name(&self) -> &str;

    /// How many notices one message may carry: more than one groups what became known together.
    fn batch(&self) -> usize {
        1
    }

    /// How often the receiver wants to hear that an alert still fires, where it would take it for over otherwise. It is told whether or not somebody
    /// acknowledged or muted the alert: those are words to people.
    fn refresh(&self) -> Option<Duration> {
        None
    }

    /// Tells people once; `Ok` means that the receiver took all of it.
    async fn notify(&self, notices: &[Notice]) -> Result<(), NotifyError>;
}
