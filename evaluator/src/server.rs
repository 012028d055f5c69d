//! A running karat, asked over HTTP.

use std::fmt;
use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};
use store::{Answer, Param};

use crate::error::Error;

/// How long a server may take to answer beyond the deadline that it was given.
const GRACE: Duration = Duration::from_secs(10);
const ARROW: &str = "application/vnd.apache.arrow.stream";

/// A running karat: its address, and the token that says whose tables are meant.
#[derive(Clone)]
pub struct Server {
    url: String,
    token: Option<String>,
    client: reqwest::Client,
}

impl Server {
    /// Names a server, such as `http://127.0.0.1:4319`; nobody is asked yet.
    pub fn new(url: &str, token: Option<String>) -> Result<Self, Error> {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(Error::config(format!("{url:?} is no address of a server: it begins with http:// or https://")));
        }
        let client = reqwest::Client::builder().connect_timeout(GRACE).no_proxy().build()?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), token, client })
    }

    /// Returns its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Gets a page.
    pub async fn get(&self, path: &str) -> Result<Response, Error> {
        self.send(self.client.get(format!("{}{path}", self.url)).timeout(GRACE)).await
    }

    /// Posts a body as JSON; the answer may take `patience`.
    pub async fn post(&self, path: &str, body: &impl Serialize, patience: Duration) -> Result<Response, Error> {
        self.send(self.client.post(format!("{}{path}", self.url)).json(body).timeout(patience)).await
    }

    /// Answers one SQL query; an answer of more rows than asked for, or than the server gives, is cut and says so.
    pub async fn query(&self, sql: &str, params: &[(String, Param)], max_rows: usize, deadline: Duration) -> Result<Answer, Error> {
        let params: Map<String, Value> = params.iter().map(|(name, value)| (name.clone(), json_of(value))).collect();
        let body = json!({"sql": sql, "params": params, "max_rows": max_rows, "timeout_ms": deadline.as_millis()});
        let request = self.client.post(format!("{}/api/v1/sql", self.url)).header("accept", ARROW).json(&body);
        let response = self.send(request.timeout(deadline + GRACE)).await?;
        let truncated = response.headers().get("x-karat-truncated").is_some_and(|value| value == "true");
        let bytes = response.bytes().await.map_err(|source| self.unreachable(source))?;
        Ok(Answer::from_arrow_stream(&bytes, truncated)?)
    }

    /// Sends a request with the token, and makes an answer that is none an error.
    async fn send(&self, mut request: RequestBuilder) -> Result<Response, Error> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.bytes().await.map_err(|source| self.unreachable(source))?;
        let message = message_of(&body).unwrap_or_else(|| format!("{} answered {status}", self.url));
        Err(Error::Server { status: status.as_u16(), message })
    }

    pub(crate) fn unreachable(&self, source: reqwest::Error) -> Error {
        Error::Unreachable { url: self.url.clone(), source }
    }
}

/// Tokens never reach a log line.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Reads the message out of an error body of the API.
fn message_of(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let error = body.get("error")?;
    let message = error.get("message")?.as_str()?;
    Some(match error.get("hint").and_then(Value::as_str) {
        Some(hint) if !hint.is_empty() => format!("{message}\n{hint}"),
        _ => message.to_owned(),
    })
}

/// A parameter as the API takes it.
fn json_of(param: &Param) -> Value {
    match param {
        Param::Text(text) => json!(text),
        Param::Int(number) => json!(number),
        Param::Float(number) => json!(number),
        Param::Bool(value) => json!(value),
        Param::Time(time) => json!(time.to_datetime().to_rfc3339()),
        Param::Null => Value::Null,
    }
}
