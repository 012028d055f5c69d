//! The webhook: one POST of JSON a notice.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::hmac::hmac_sha256;
use super::{Notice, Notifier, NotifyError};
use crate::error::Error;

/// Settings of one webhook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Name that monitors use under `notify`.
    pub name: String,
    /// Where notices are posted, `http` or `https`.
    pub url: String,
    /// Environment variable with the secret that signs each body (`x-karat-signature: sha256=<hex of HMAC-SHA256>`). Default: no signature.
    #[serde(default)]
    pub secret_env: Option<String>,
    /// Longest time that one attempt may take, in milliseconds: patience with slow receivers against waiting looks. Default 5000.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
    /// Attempts at one inspection before the notice waits for the next. Default 3.
    #[serde(default = "default_attempts")]
    pub attempts: u32,
    /// Wait before the second attempt, in milliseconds; it doubles with each further one. Default 250.
    #[serde(default = "default_backoff_ms")]
    pub backoff_ms: u64,
}

fn default_timeout_ms() -> u64 {
    5_000
}

fn default_attempts() -> u32 {
    3
}

fn default_backoff_ms() -> u64 {
    250
}

impl WebhookConfig {
    /// A webhook with every other setting at its default.
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            secret_env: None,
            timeout_ms: default_timeout_ms(),
            attempts: default_attempts(),
            backoff_ms: default_backoff_ms(),
        }
    }
}

/// Posts notices as JSON to a URL; any 2xx answer means taken.
///
/// 5xx, 408 and 429 answers, timeouts and broken connections are tried again with backoff, other answers are not. Redirects are not
/// followed, and nothing of an answer's body is read.
#[derive(Debug)]
pub struct Webhook {
    config: WebhookConfig,
    url: Url,
    secret: Option<String>,
    client: reqwest::Client,
}

impl Webhook {
    /// Checks the settings and makes the client.
    pub fn new(config: WebhookConfig, secret: Option<String>) -> Result<Self, Error> {
        let wrong = |problem: String| Error::Webhook { webhook: config.name.clone(), problem };
        let url = Url::parse(&config.url).map_err(|error| wrong(format!("the url cannot be read: {error}; write http:// or https:// and a host")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong(format!("the url's scheme is {:?}; write http:// or https://", url.scheme())));
        }
        if config.timeout_ms == 0 || config.attempts == 0 || config.attempts > 10 {
            return Err(wrong("timeout_ms must be above 0 and attempts 1 to 10".to_owned()));
        }
        let client = reqwest::Client::builder()
            .timeout(Duration::from_millis(config.timeout_ms))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("karat/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Self { config, url, secret, client })
    }

    async fn attempt(&self, body: &[u8]) -> Result<(), (NotifyError, Again)> {
        let mut request = self.client.post(self.url.clone()).header("content-type", "application/json").body(body.to_vec());
        if let Some(secret) = &self.secret {
            request = request.header("x-karat-signature", format!("sha256={}", hmac_sha256(secret.as_bytes(), body)));
        }
        let notifier = self.config.name.clone();
        // The URL may hold a token, so it stays out of the message.
        let answer = request.send().await.map_err(|error| {
            let problem = if error.is_timeout() { "no answer in time".to_owned() } else { error.without_url().to_string() };
            (NotifyError::Unreachable { notifier: notifier.clone(), problem }, Again::Yes)
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let again = if status.is_server_error() || matches!(status.as_u16(), 408 | 429) { Again::Yes } else { Again::No };
        Err((NotifyError::Refused { notifier, status: status.as_u16() }, again))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    Yes,
    No,
}

#[async_trait]
impl Notifier for Webhook {
    fn name(&self) -> &str {
        &self.config.name
    }

    async fn notify(&self, notice: &Notice) -> Result<(), NotifyError> {
        let body = serde_json::to_vec(notice)
            .map_err(|error| NotifyError::Unreachable { notifier: self.config.name.clone(), problem: error.to_string() })?;
        let mut wait = self.config.backoff_ms;
        let mut attempts = 1;
        loop {
            match self.attempt(&body).await {
                Ok(()) => return Ok(()),
                Err((error, again)) if again == Again::No || attempts == self.config.attempts => return Err(error),
                Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(wait)).await;
            wait = wait.saturating_mul(2).min(60_000);
            attempts += 1;
        }
    }
}
