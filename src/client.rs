//! Asking a running server.

use std::time::Duration;

use anyhow::Context as _;
use evaluator::Server;
use store::Answer;

use crate::config::Config;

/// How long a server may take to say whether it is ready.
const GRACE: Duration = Duration::from_secs(10);

/// Returns the URL of the server of these settings, if one answers.
pub async fn running_server(config: &Config) -> Option<String> {
    let url = format!("http://{}", config.listen.http);
    let client = reqwest::Client::builder().timeout(Duration::from_millis(500)).no_proxy().build().ok()?;
    let answer = client.get(format!("{url}/healthz")).send().await.ok()?;
    answer.status().is_success().then_some(url)
}

/// Names a server; the token is read from KARAT_TOKEN.
pub fn server(url: &str) -> anyhow::Result<Server> {
    Ok(Server::new(url, std::env::var("KARAT_TOKEN").ok())?)
}

/// Asks a server whether it is ready; an answer that it is not is one, too.
pub async fn ready(url: &str) -> anyhow::Result<reqwest::Response> {
    let client = reqwest::Client::builder().timeout(GRACE).no_proxy().build()?;
    let answer = client.get(format!("{}/ready", url.trim_end_matches('/'))).send().await;
    answer.with_context(|| format!("cannot reach {url}; is karat serving there?"))
}

/// Asks one query.
pub async fn ask(url: &str, sql: &str, max_rows: usize, deadline: Duration) -> anyhow::Result<Answer> {
    Ok(server(url)?.query(sql, &[], max_rows, deadline).await?)
}
