//! Asking a running server.

use std::time::Duration;

use anyhow::Context as _;
use store::Answer;

use crate::config::Config;

/// How long a server may take to answer beyond the deadline that it was given.
const GRACE: Duration = Duration::from_secs(10);

/// Returns the URL of the server of these settings, if one answers.
pub async fn running_server(config: &Config) -> Option<String> {
    let url = format!("http://{}", config.listen.http);
    let client = reqwest::Client::builder().timeout(Duration::from_millis(500)).no_proxy().build().ok()?;
    let answer = client.get(format!("{url}/healthz")).send().await.ok()?;
    answer.status().is_success().then_some(url)
}

/// Gets a page of the API; the token is read from KARAT_TOKEN.
pub async fn get(url: &str, path: &str) -> anyhow::Result<reqwest::Response> {
    let client = reqwest::Client::builder().timeout(GRACE).no_proxy().build()?;
    send(url, client.get(format!("{}{path}", url.trim_end_matches('/')))).await
}

/// Asks a server whether it is ready; an answer that it is not is one, too.
pub async fn ready(url: &str) -> anyhow::Result<reqwest::Response> {
    let client = reqwest::Client::builder().timeout(GRACE).no_proxy().build()?;
    let answer = client.get(format!("{}/ready", url.trim_end_matches('/'))).send().await;
    answer.with_context(|| format!("cannot reach {url}; is karat serving there?"))
}

/// Asks one query.
pub async fn ask(url: &str, sql: &str, max_rows: usize, deadline: Duration) -> anyhow::Result<Answer> {
    let client = reqwest::Client::builder().timeout(deadline + GRACE).no_proxy().build()?;
    let body = serde_json::json!({"sql": sql, "max_rows": max_rows, "timeout_ms": deadline.as_millis()});
    let request = client.post(format!("{}/api/v1/sql", url.trim_end_matches('/')));
    let response = send(url, request.header("accept", "application/vnd.apache.arrow.stream").json(&body)).await?;
    let truncated = response.headers().get("x-karat-truncated").is_some_and(|value| value == "true");
    Ok(Answer::from_arrow_stream(&response.bytes().await?, truncated)?)
}

/// Sends a request with the token, and makes an answer that is none an error.
pub async fn send(url: &str, mut request: reqwest::RequestBuilder) -> anyhow::Result<reqwest::Response> {
    if let Ok(token) = std::env::var("KARAT_TOKEN") {
        request = request.bearer_auth(token);
    }
    let response = request.send().await.with_context(|| format!("cannot reach {url}; is karat serving there?"))?;
    let status = response.status();
    if !status.is_success() {
        let bytes = response.bytes().await?;
        anyhow::bail!("{}", message_of(&bytes).unwrap_or_else(|| format!("{url} answered {status}")));
    }
    Ok(response)
}

/// Reads the message out of an error body of the API.
fn message_of(body: &[u8]) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let error = body.get("error")?;
    let message = error.get("message")?.as_str()?;
    Some(match error.get("hint").and_then(serde_json::Value::as_str) {
        Some(hint) if !hint.is_empty() => format!("{message}\n{hint}"),
        _ => message.to_owned(),
    })
}
