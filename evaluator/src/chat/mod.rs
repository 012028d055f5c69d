//! Calls of a model behind an OpenAI-compatible endpoint.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use measure::Seed;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use schema::NanoUsd;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::config::EvaluatorConfig;
use crate::error::Error;
use crate::spec::{ModelSpec, PriceSpec};
use crate::template::{Env, expand_env};

/// Makes endpoints that share one HTTP client.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    http: reqwest::Client,
    config: EvaluatorConfig,
}

/// A model behind an endpoint, with its settings.
#[derive(Debug)]
pub(crate) struct Chat {
    /// Name of the model.
    pub model: String,
    url: String,
    key: Option<Secret>,
    settings: ModelSpec,
    http: reqwest::Client,
    config: EvaluatorConfig,
    failures_in_a_row: AtomicUsize,
}

/// A key; it is never printed.
struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What is asked of a model.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Messages as the wire has them: `{role, content}`.
    pub messages: Vec<Value>,
    /// Seed that goes before the settings'.
    pub seed: Option<i64>,
    /// `response_format`, as it is.
    pub response_format: Option<Box<RawValue>>,
    /// Temperature that goes before the settings'.
    pub temperature: Option<f64>,
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Completion {
    pub text: String,
    pub usage: Usage,
    pub latency_ms: f64,
}

/// What a call used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    pub input_tokens: Option<i64>,
    pub output_tokens: Option<i64>,
    pub cost: Option<NanoUsd>,
}

/// Why a call gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    #[error("no endpoint is configured: set apiBaseUrl, or OPENAI_BASE_URL in the environment")]
    NotConfigured,
    #[error("the endpoint could not be reached: {0}")]
    Unreachable(String),
    #[error("the endpoint answered {status}: {message}")]
    Status { status: u16, message: String },
    #[error("the endpoint's answer cannot be read: {0}")]
    Malformed(String),
    #[error("not called: the endpoint failed {0} times in a row")]
    Dead(usize),
}

impl CallError {
    /// The class of the error, as tables hold it.
    pub(crate) fn class(&self) -> String {
        match self {
            CallError::NotConfigured => "not_configured".to_owned(),
            CallError::Unreachable(_) => "unreachable".to_owned(),
            CallError::Status { status, .. } => status.to_string(),
            CallError::Malformed(_) => "malformed".to_owned(),
            CallError::Dead(_) => "not_called".to_owned(),
        }
    }
}

impl Connector {
    pub(crate) fn new(config: EvaluatorConfig) -> Result<Self, Error> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(config.call_timeout_s))
            .connect_timeout(Duration::from_secs(config.call_timeout_s.min(10)))
            // A redirect would carry the key to somebody else.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { http, config })
    }

    /// The HTTP client, for targets that are no models.
    pub(crate) fn client(&self) -> reqwest::Client {
        self.http.clone()
    }

    /// Makes a model out of `openai:chat:<model>` and its settings; nothing where no endpoint is configured.
    pub(crate) fn chat(&self, model: &str, settings: &ModelSpec, env: Env<'_>) -> Result<Option<Arc<Chat>>, Error> {
        let given = |setting: &Option<String>, name: &str| match setting {
            Some(text) => expand_env(text, env),
            None => Ok(env(name).unwrap_or_default()),
        };
        let base = given(&settings.api_base_url, "OPENAI_BASE_URL")?;
        let key = Some(given(&settings.api_key, "OPENAI_API_KEY")?).filter(|key| !key.is_empty());
        if base.trim().is_empty() {
            return Ok(None);
        }
        let url = format!("{}/chat/completions", base.trim().trim_end_matches('/'));
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            return Err(Error::config(format!("apiBaseUrl {base:?} is no URL: it begins with http:// or https://")));
        }
        Ok(Some(Arc::new(Chat {
            model: model.to_owned(),
            url,
            key: key.map(Secret),
            settings: settings.clone(),
            http: self.http.clone(),
            config: self.config.clone(),
            failures_in_a_row: AtomicUsize::new(0),
        })))
    }
}

impl Chat {
    /// Asks the model, and asks again after a passing fault (429, 5xx, a broken connection or answer), no sooner than `Retry-After` says.
    pub(crate) async fn complete(&self, request: &Request) -> Result<Completion, CallError> {
        let failed = self.failures_in_a_row.load(Ordering::Relaxed);
        if failed >= self.config.failures_in_a_row_max {
            return Err(CallError::Dead(failed));
        }
        let body = self.body(request).map_err(|error| CallError::Malformed(error.to_string()))?;
        let mut attempt = 0;
        let outcome = loop {
            let begun = Instant::now();
            let (error, wait) = match self.call(&body).await {
                Ok((text, usage)) => break Ok(Completion { text, usage, latency_ms: begun.elapsed().as_secs_f64() * 1e3 }),
                Err(failure) => failure,
            };
            attempt += 1;
            let Some(wait) = wait.filter(|_| attempt < self.config.attempts_max) else { break Err(error) };
            let pause = wait.unwrap_or_else(|| self.backoff(&body, attempt));
            if pause > Duration::from_secs(self.config.backoff_max_s) {
                break Err(error);
            }
            tracing::debug!(model = %self.model, attempt, pause_ms = pause.as_millis(), error = %error.class(), "asking again");
            tokio::time::sleep(pause).await;
        };
        match &outcome {
            // A refused request says nothing about the endpoint's health.
            Ok(_) | Err(CallError::Status { status: 400..=428, .. }) => self.failures_in_a_row.store(0, Ordering::Relaxed),
            Err(_) => {
                self.failures_in_a_row.fetch_add(1, Ordering::Relaxed);
            }
        }
        outcome
    }

    /// One attempt. A failure comes with whether, and after which pause, another one makes sense.
    async fn call(&self, body: &str) -> Result<(String, Usage), (CallError, Option<Option<Duration>>)> {
        let mut request = self.http.post(&self.url).header("content-type", "application/json").body(body.to_owned());
        if let Some(Secret(key)) = &self.key {
            request = request.bearer_auth(key);
        }
        let unreachable = |error: reqwest::Error| (CallError::Unreachable(innermost(&error)), Some(None));
        let response = request.send().await.map_err(unreachable)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = self.read(response).await?;
        if !status.is_success() {
            let passing = status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
            let error = CallError::Status { status: status.as_u16(), message: message_of(&bytes) };
            return Err((error, passing.then(|| retry_after(&headers))));
        }
        answer_of(&bytes, self.settings.price).map_err(|what| (CallError::Malformed(what), Some(None)))
    }

    /// Reads the body up to its bound.
    async fn read(&self, mut response: Response) -> Result<Vec<u8>, (CallError, Option<Option<Duration>>)> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| (CallError::Unreachable(innermost(&error)), Some(None)))? {
            if bytes.len() + chunk.len() > self.config.answer_bytes_max {
                return Err((CallError::Malformed(format!("it has more than {} bytes", self.config.answer_bytes_max)), None));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn body(&self, request: &Request) -> Result<String, serde_json::Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            model: &'a str,
            messages: &'a [Value],
            #[serde(skip_serializing_if = "Option::is_none")]
            temperature: Option<f64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            top_p: Option<f64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            max_tokens: Option<u32>,
            #[serde(skip_serializing_if = "Option::is_none")]
            seed: Option<i64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            response_format: Option<&'a RawValue>,
        }
        serde_json::to_string(&Body {
            model: &self.model,
            messages: &request.messages,
            temperature: request.temperature.or(self.settings.temperature),
            top_p: self.settings.top_p,
            max_tokens: self.settings.max_tokens,
            seed: request.seed.or(self.settings.seed),
            response_format: request.response_format.as_deref(),
        })
    }

    /// The pause before the next attempt: doubling, and a random half of it, so that callers do not come back together.
    fn backoff(&self, body: &str, attempt: u32) -> Duration {
        let full = self.config.backoff_ms.saturating_mul(1 << (attempt - 1).min(16));
        let share = Seed::of([body, &attempt.to_string()]).unit();
        Duration::from_millis(full.min(self.config.backoff_max_s * 1000)).mul_f64(0.5 + share / 2.0)
    }
}

/// The delay that a `Retry-After` header asks for: seconds, or a date, which is read against the answer's own `Date`.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = |text: &str| chrono::DateTime::parse_from_rfc2822(text).ok();
    let now = date(headers.get(DATE)?.to_str().ok()?)?;
    (date(text)? - now).to_std().ok()
}

/// The text and the usage of a chat completion.
fn answer_of(bytes: &[u8], price: Option<PriceSpec>) -> Result<(String, Usage), String> {
    #[derive(Deserialize)]
    struct Answer {
        choices: Vec<Choice>,
        usage: Option<Used>,
    }
    #[derive(Deserialize)]
    struct Choice {
        message: Message,
    }
    #[derive(Deserialize)]
    struct Message {
        content: Option<Value>,
        refusal: Option<String>,
        tool_calls: Option<Value>,
    }
    #[derive(Deserialize)]
    struct Used {
        prompt_tokens: Option<i64>,
        completion_tokens: Option<i64>,
    }
    let answer: Answer = serde_json::from_slice(bytes).map_err(|error| format!("{error}, in {:?}", excerpt(bytes)))?;
    let message = answer.choices.into_iter().next().ok_or("it has no choices")?.message;
    let text = match (message.content, message.refusal, message.tool_calls) {
        (Some(Value::String(text)), _, None) => text,
        (Some(Value::String(text)), _, Some(_)) if !text.is_empty() => text,
        (Some(Value::Array(parts)), _, _) => parts.iter().filter_map(|part| part.get("text")?.as_str()).collect(),
        (_, Some(refusal), _) => refusal,
        (_, _, Some(calls)) => calls.to_string(),
        _ => return Err("its message has no content".to_owned()),
    };
    let (input_tokens, output_tokens) = answer.usage.map_or((None, None), |used| (used.prompt_tokens, used.completion_tokens));
    let cost = price.map(|price| cost_of(price, input_tokens.unwrap_or(0), output_tokens.unwrap_or(0)));
    Ok((text, Usage { input_tokens, output_tokens, cost }))
}

/// Dollars a million tokens are a thousand nano-dollars a token.
fn cost_of(price: PriceSpec, input: i64, output: i64) -> NanoUsd {
    let nanos = (input as f64 * price.input + output as f64 * price.output) * 1e3;
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and no run costs 9 billion dollars")]
    let nanos = nanos.round() as i64;
    NanoUsd(nanos)
}

/// What an error body says, whatever its shape.
fn message_of(bytes: &[u8]) -> String {
    let json: Option<Value> = serde_json::from_slice(bytes).ok();
    let said = json.as_ref().and_then(|json| json.pointer("/error/message").or_else(|| json.get("message")).or_else(|| json.get("detail")));
    match said.and_then(Value::as_str) {
        Some(message) => message.chars().take(300).collect(),
        None => excerpt(bytes),
    }
}

fn excerpt(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(120).collect()
}

/// reqwest's own message hides what happened; the innermost cause says it.
fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (reqwest::header::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after(&headers(&[("retry-after", "7")])), Some(Duration::from_secs(7)));
        let dated = headers(&[("retry-after", "Fri, 20 Nov 2026 10:00:30 GMT"), ("date", "Fri, 20 Nov 2026 10:00:00 GMT")]);
        assert_eq!(retry_after(&dated), Some(Duration::from_secs(30)));
        assert_eq!(retry_after(&headers(&[("retry-after", "soon")])), None);
    }

    #[test]
    fn answers_are_read_in_every_shape() {
        let read = |json: &str| answer_of(json.as_bytes(), Some(PriceSpec { input: 0.15, output: 0.6 }));
        let (text, usage) = read(r#"{"choices":[{"message":{"content":"hi"}}],"usage":{"prompt_tokens":10,"completion_tokens":2}}"#).unwrap();
        assert_eq!((text.as_str(), usage.cost), ("hi", Some(NanoUsd(2_700))));
        assert_eq!(read(r#"{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"text":"b"}]}}]}"#).unwrap().0, "ab");
        assert_eq!(read(r#"{"choices":[{"message":{"content":null,"refusal":"no"}}]}"#).unwrap().0, "no");
        assert!(read(r#"{"choices":[]}"#).is_err());
        assert!(read("<html>").is_err());
    }
}
