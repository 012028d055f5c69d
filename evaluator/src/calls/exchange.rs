//! One exchange over HTTP: a request sent, its answer read up to a bound, and what went wrong told apart.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Request, Response, StatusCode};
use serde_json::Value;

use crate::calls::retry::{Again, CallError, Failure, retry_after};

/// An answer that is one: its status says that all is well.
#[derive(Debug)]
pub(crate) struct Received {
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Received {
    /// The answer as text.
    pub(crate) fn text(self) -> Result<String, Failure> {
        String::from_utf8(self.bytes).map_err(|_| Failure::lasting(CallError::Malformed("it is not UTF-8".to_owned())))
    }
}

/// Sends a request and reads the answer. Overload, faults of the server and broken connections pass; everything else stays as it is.
pub(crate) async fn exchange(http: &Client, request: Request, bytes_max: usize) -> Result<Received, Failure> {
    let limit = request.timeout().copied();
    let response = http.execute(request).await.map_err(|error| failed(&error, limit, CallError::Unreachable))?;
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = read(response, limit, bytes_max).await?;
    if status.is_success() {
        return Ok(Received { headers, bytes });
    }
    let may_pass = status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
    let again = match retry_after(&headers) {
        _ if !may_pass => Again::Never,
        Some(pause) => Again::After(pause),
        None => Again::Later,
    };
    Err(Failure { error: CallError::Status { status: status.as_u16(), message: message_of(&bytes) }, again })
}

async fn read(mut response: Response, limit: Option<Duration>, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error, limit, CallError::BrokenOff))? {
        if bytes.len() + chunk.len() > bytes_max {
            return Err(Failure::lasting(CallError::Malformed(format!("it has more than {bytes_max} bytes"))));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// reqwest's own message hides what happened, and names the address, which may hold a key; the innermost cause says what it was.
fn failed(error: &reqwest::Error, limit: Option<Duration>, told: impl Fn(String) -> CallError) -> Failure {
    if error.is_timeout() {
        return Failure::passing(CallError::TimedOut(limit));
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    Failure::passing(told(cause.to_string()))
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

/// The beginning of an answer, for messages.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(120).collect()
}
