//! PagerDuty's Events API v2: trigger, acknowledge, resolve, with the alert's id as the key that PagerDuty drops duplicates by.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::address::Allowed;
use super::http::{Post, Retry, Taken, shown};
use super::{Notice, Notifier, NotifyError};

/// Characters of a summary that PagerDuty takes.
const SUMMARY_MAX: usize = 1_024;
/// Characters of a key that PagerDuty takes.
const KEY_MAX: usize = 255;

/// Settings of one PagerDuty service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagerDutyConfig {
    /// Name that monitors use under `notify`.
    pub name: String,
    /// Environment variable with the integration's routing key.
    pub routing_key_env: String,
    /// Where events are posted. Default `https://events.pagerduty.com/v2/enqueue`; accounts in Europe have another.
    #[serde(default = "default_url")]
    pub url: String,
    /// How long PagerDuty is waited for.
    #[serde(default)]
    pub retry: Retry,
}

fn default_url() -> String {
    "https://events.pagerduty.com/v2/enqueue".to_owned()
}

/// Sends events to a PagerDuty service.
pub struct PagerDuty {
    name: String,
    post: Post,
    routing_key: String,
    dashboard: Option<String>,
}

impl PagerDuty {
    pub(super) fn new(config: &PagerDutyConfig, routing_key: String, dashboard: Option<String>, allowed: &Allowed) -> Result<Self, String> {
        Ok(Self { name: config.name.clone(), post: Post::new(&config.name, &config.url, config.retry, allowed)?, routing_key, dashboard })
    }

    fn event(&self, notice: &Notice) -> Value {
        let action = match notice.state.as_str() {
            "resolved" => "resolve",
            "acknowledged" => "acknowledge",
            _ => "trigger",
        };
        let key: String = format!("{}/{}", notice.tenant, notice.id).chars().take(KEY_MAX).collect();
        let mut event = json!({"routing_key": self.routing_key, "event_action": action, "dedup_key": key});
        if action == "trigger" {
            let links: Vec<Value> =
                notice.links(self.dashboard.as_deref()).into_iter().map(|(text, href)| json!({"href": href, "text": text})).collect();
            event["payload"] = json!({
                "summary": notice.summary.chars().take(SUMMARY_MAX).collect::<String>(),
                "source": format!("karat/{}", notice.tenant),
                "severity": severity(&notice.severity),
                "timestamp": notice.time,
                "component": notice.monitor,
                "group": notice.slice,
                "class": notice.kind,
                "custom_details": notice.details,
            });
            event["client"] = json!("karat");
            event["links"] = json!(links);
        }
        event
    }
}

fn severity(severity: &str) -> &'static str {
    match severity {
        "page" => "critical",
        "ticket" => "warning",
        _ => "info",
    }
}

/// PagerDuty answers 202 and `"status": "success"`; a 200 from something in between is no delivery.
fn believe(taken: &Taken) -> Result<(), String> {
    let status = serde_json::from_str::<Value>(&taken.body).ok().and_then(|body| body["status"].as_str().map(str::to_owned));
    match (taken.status.as_u16(), status.as_deref()) {
        (202, Some("success")) => Ok(()),
        (code, _) => Err(format!("{code} {:?} where PagerDuty answers 202 and success", shown(&taken.body))),
    }
}

#[async_trait]
impl Notifier for PagerDuty {
    fn name(&self) -> &str {
        &self.name
    }

    async fn notify(&self, notices: &[Notice]) -> Result<(), NotifyError> {
        for notice in notices {
            let event = self.event(notice);
            self.post.send(|request| request.json(&event), believe).await?;
        }
        Ok(())
    }
}
