//! Prometheus' Alertmanager, API v2: it groups, silences and routes; karat says what fires and what is over.

use std::time::Duration;

use async_trait::async_trait;
use chrono::SecondsFormat;
use schema::Micros;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::address::Allowed;
use super::http::{Post, Retry, Taken, shown};
use super::{Notice, Notifier, NotifyError};

/// Settings of one Alertmanager.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertmanagerConfig {
    /// Name that monitors use under `notify`.
    pub name: String,
    /// Its address, such as `http://127.0.0.1:9093`; the path of the API is added.
    pub url: String,
    /// Environment variable with a bearer token. Default: none.
    #[serde(default)]
    pub token_env: Option<String>,
    /// Minutes after which an alert that still fires is sent again. An Alertmanager drops one that it does not hear of for four times as long: short
    /// ends alerts of a dead karat sooner, long sends less. Default 15.
    #[serde(default = "default_refresh_m")]
    pub refresh_m: u32,
    /// How long the Alertmanager is waited for.
    #[serde(default)]
    pub retry: Retry,
}

fn default_refresh_m() -> u32 {
    15
}

/// Sends alerts to an Alertmanager.
pub struct Alertmanager {
    name: String,
    post: Post,
    token: Option<String>,
    refresh: Duration,
    dashboard: Option<String>,
}

impl Alertmanager {
    pub(super) fn new(config: &AlertmanagerConfig, token: Option<String>, dashboard: Option<String>, allowed: &Allowed) -> Result<Self, String> {
        let url = format!("{}/api/v2/alerts", config.url.trim_end_matches('/'));
        let refresh = Duration::from_secs(60 * u64::from(config.refresh_m.max(1)));
        Ok(Self { name: config.name.clone(), post: Post::new(&config.name, &url, config.retry, allowed)?, token, refresh, dashboard })
    }

    fn alert(&self, notice: &Notice) -> Value {
        let ends = if notice.state == "resolved" { notice.at } else { Micros(notice.at.0.saturating_add(self.silence_us())) };
        let links = notice.links(self.dashboard.as_deref());
        json!({
            "labels": labels(notice),
            "annotations": {
                "summary": notice.summary,
                "cause": notice.cause.clone().unwrap_or_default(),
                "runbook_url": notice.runbook.clone().unwrap_or_default(),
                "details": notice.details.to_string(),
            },
            "startsAt": rfc3339(notice.since),
            "endsAt": rfc3339(ends),
            "generatorURL": links.first().map(|(_, url)| url.clone()).unwrap_or_default(),
        })
    }

    fn silence_us(&self) -> i64 {
        i64::try_from(4 * self.refresh.as_micros()).unwrap_or(i64::MAX)
    }
}

/// What an alert is told apart by: the same from firing to resolved. A slice is a label, so that a route can match it.
fn labels(notice: &Notice) -> Value {
    let mut labels = Map::new();
    let pairs = [
        ("monitor", &notice.monitor),
        ("tenant", &notice.tenant),
        ("kind", &notice.kind),
        ("severity", &notice.severity),
        ("karat_alert", &notice.id),
    ];
    labels.insert("alertname".to_owned(), json!(notice.monitor));
    labels.extend(pairs.into_iter().map(|(name, value)| (name.to_owned(), json!(value))));
    // A label without a value is none.
    if !notice.slice.is_empty() {
        labels.insert("slice".to_owned(), json!(notice.slice));
    }
    Value::Object(labels)
}

fn rfc3339(time: Micros) -> String {
    time.to_datetime().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Alertmanager answers 200 and nothing else.
fn believe(taken: &Taken) -> Result<(), String> {
    if taken.body.trim().is_empty() { Ok(()) } else { Err(format!("{:?} where Alertmanager answers nothing", shown(&taken.body))) }
}

#[async_trait]
impl Notifier for Alertmanager {
    fn name(&self) -> &str {
        &self.name
    }

    fn batch(&self) -> usize {
        100
    }

    fn refresh(&self) -> Option<Duration> {
        Some(self.refresh)
    }

    async fn notify(&self, notices: &[Notice]) -> Result<(), NotifyError> {
        // It knows no acknowledgement: silences are its own.
        let alerts: Vec<Value> = notices.iter().filter(|notice| notice.state != "acknowledged").map(|notice| self.alert(notice)).collect();
        if alerts.is_empty() {
            return Ok(());
        }
        let dress = |request: reqwest::RequestBuilder| {
            let request = request.json(&alerts);
            match &self.token {
                Some(token) => request.bearer_auth(token),
                None => request,
            }
        };
        self.post.send(dress, believe).await
    }
}
