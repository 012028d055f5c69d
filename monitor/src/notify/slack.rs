//! Slack's incoming webhook: one message for all that became known at one inspection.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::address::Allowed;
use super::http::{Post, Retry, Taken, shown};
use super::{Notice, Notifier, NotifyError};

/// Alerts in one message; more are counted in its last line.
const SHOWN_MAX: usize = 10;
/// Characters of a block that Slack takes are 3,000.
const TEXT_MAX: usize = 2_000;

/// Settings of one Slack channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackConfig {
    /// Name that monitors use under `notify`.
    pub name: String,
    /// Environment variable with the URL of the incoming webhook, which is a secret.
    pub url_env: String,
    /// How long Slack is waited for.
    #[serde(default)]
    pub retry: Retry,
}

/// Posts messages to a Slack channel.
#[derive(Debug)]
pub struct Slack {
    name: String,
    post: Post,
    dashboard: Option<String>,
}

impl Slack {
    pub(super) fn new(config: &SlackConfig, url: &str, dashboard: Option<String>, allowed: &Allowed) -> Result<Self, String> {
        Ok(Self { name: config.name.clone(), post: Post::new(&config.name, url, config.retry, allowed)?, dashboard })
    }

    fn message(&self, notices: &[Notice]) -> Value {
        let mut blocks: Vec<Value> = notices.iter().take(SHOWN_MAX).map(|notice| section(&self.text(notice))).collect();
        if notices.len() > SHOWN_MAX {
            blocks.push(section(&format!("and {} more", notices.len() - SHOWN_MAX)));
        }
        let fallback = match notices {
            [one] => format!("[{}] {}", one.state, escaped(&one.summary)),
            many => format!("{} alerts changed", many.len()),
        };
        json!({"text": fallback, "blocks": blocks})
    }

    fn text(&self, notice: &Notice) -> String {
        let mark = match (notice.state.as_str(), notice.severity.as_str()) {
            ("resolved", _) => ":large_green_circle:",
            ("acknowledged", _) => ":eyes:",
            (_, "page") => ":red_circle:",
            _ => ":large_orange_circle:",
        };
        let by = notice.actor.as_ref().map(|actor| format!(" by {}", escaped(actor))).unwrap_or_default();
        let mut text = format!("{mark} *{}* {}{by} ({})\n{}", escaped(&notice.monitor), notice.state, notice.severity, escaped(&notice.summary));
        for (label, url) in notice.links(self.dashboard.as_deref()) {
            text.push_str(&format!("\n<{}|{label}>", escaped(&url).replace('|', "%7C")));
        }
        text.chars().take(TEXT_MAX).collect()
    }
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
}

/// Slack's three characters of control; slices and reasons hold text from traces, which must not mention `<!channel>`.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Slack answers `ok`; whatever else comes with a 2xx is a proxy's page, or nobody.
fn believe(taken: &Taken) -> Result<(), String> {
    if taken.body.trim() == "ok" { Ok(()) } else { Err(format!("{:?} where Slack says \"ok\"", shown(&taken.body))) }
}

#[async_trait]
impl Notifier for Slack {
    fn name(&self) -> &str {
        &self.name
    }

    fn batch(&self) -> usize {
        100
    }

    async fn notify(&self, notices: &[Notice]) -> Result<(), NotifyError> {
        let message = self.message(notices);
        self.post.send(|request| request.json(&message), believe).await
    }
}
