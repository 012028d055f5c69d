//! Posting to a receiver: attempts with backoff, a deadline each, no redirects, an answer of bounded size.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode, Url};
use serde::{Deserialize, Serialize};

use super::NotifyError;
use super::address::Allowed;

/// Bytes of an answer that are looked at.
const ANSWER_MAX: usize = 4_096;
const WAIT_MAX_MS: u64 = 60_000;

/// How long a receiver is waited for, and how often it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Longest time that one attempt may take, in milliseconds: patience with slow receivers against waiting looks. Default 5000.
    pub timeout_ms: u64,
    /// Attempts at one inspection before a notice waits for a later one, 1 to 10. Default 3.
    pub attempts: u32,
    /// Wait before the second attempt, in milliseconds; it doubles with each further one. Default 250.
    pub backoff_ms: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Self { timeout_ms: 5_000, attempts: 3, backoff_ms: 250 }
    }
}

impl Retry {
    /// Refuses settings that would never try, or never end.
    pub(super) fn check(&self) -> Result<(), String> {
        let usable = self.timeout_ms > 0 && (1..=10).contains(&self.attempts);
        if usable { Ok(()) } else { Err("retry.timeout_ms must be above 0 and retry.attempts 1 to 10".to_owned()) }
    }

    /// Tries until an attempt succeeds, fails for good, or was the last.
    pub(super) async fn run<T, R: Future<Output = Result<T, NotifyError>>>(&self, attempt: impl Fn() -> R) -> Result<T, NotifyError> {
        let mut wait = self.backoff_ms;
        let mut attempts = 1;
        loop {
            match attempt().await {
                Err(error) if error.may_pass() && attempts < self.attempts => {}
                outcome => return outcome,
            }
            tokio::time::sleep(Duration::from_millis(wait)).await;
            wait = wait.saturating_mul(2).min(WAIT_MAX_MS);
            attempts += 1;
        }
    }
}

/// A receiver behind HTTP.
#[derive(Debug)]
pub(super) struct Post {
    name: String,
    url: Url,
    retry: Retry,
    client: reqwest::Client,
}

/// What a receiver answered with a 2xx status.
#[derive(Debug)]
pub(super) struct Taken {
    pub status: StatusCode,
    /// The beginning of the body.
    pub body: String,
}

impl Post {
    /// Checks URL and patience, and makes the client.
    pub fn new(name: &str, url: &str, retry: Retry, allowed: &Allowed) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|error| format!("the url cannot be read: {error}; write http:// or https:// and a host"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("the url's scheme is {:?}; write http:// or https://", url.scheme()));
        }
        allowed.check(&url)?;
        retry.check()?;
        let client = reqwest::Client::builder()
            .timeout(Duration::from_millis(retry.timeout_ms))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(allowed.clone())
            .user_agent(concat!("karat/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { name: name.to_owned(), url, retry, client })
    }

    /// Posts JSON, or whatever `dress` makes of the request, and believes the answer only where `believe` does.
    pub async fn send(
        &self,
        dress: impl Fn(RequestBuilder) -> RequestBuilder,
        believe: impl Fn(&Taken) -> Result<(), String>,
    ) -> Result<(), NotifyError> {
        self.retry.run(|| self.attempt(dress(self.client.request(Method::POST, self.url.clone())), &believe)).await
    }

    async fn attempt(&self, request: RequestBuilder, believe: &impl Fn(&Taken) -> Result<(), String>) -> Result<(), NotifyError> {
        let answer = request.send().await.map_err(|error| self.unreachable(error))?;
        let status = answer.status();
        let body = self.beginning(answer).await?;
        if !status.is_success() {
            return Err(NotifyError::Refused { notifier: self.name.clone(), status: status.as_u16(), answer: shown(&body) });
        }
        let taken = Taken { status, body };
        believe(&taken).map_err(|problem| NotifyError::Unbelievable { notifier: self.name.clone(), problem })
    }

    /// Reads the beginning of an answer; a receiver that sends without end is left at the bound.
    async fn beginning(&self, mut answer: reqwest::Response) -> Result<String, NotifyError> {
        let mut body = Vec::new();
        while body.len() < ANSWER_MAX {
            let Some(chunk) = answer.chunk().await.map_err(|error| self.unreachable(error))? else { break };
            body.extend_from_slice(&chunk[..chunk.len().min(ANSWER_MAX - body.len())]);
        }
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// The URL may hold a token, so it stays out of the message.
    fn unreachable(&self, error: reqwest::Error) -> NotifyError {
        let problem = if error.is_timeout() { "no answer in time".to_owned() } else { causes(&error.without_url()) };
        NotifyError::Unreachable { notifier: self.name.clone(), problem }
    }
}

/// What a receiver wrote, short and on one line: it goes into tables and logs.
pub(super) fn shown(body: &str) -> String {
    body.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
