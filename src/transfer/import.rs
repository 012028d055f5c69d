//! Sending OTLP from files.

use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde_json::Value;

use super::known::Known;
use crate::client;
use crate::config::Config;

/// Flags of `karat import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Data directory to import into, when no server runs; a server for the moment takes the lines.
    #[arg(long, env = "KARAT_DATA", value_name = "DIR", conflicts_with_all = ["url", "otlp"])]
    pub data: Option<PathBuf>,
    /// Address of the API of a running server, such as http://127.0.0.1:4319; the token is read from KARAT_TOKEN.
    #[arg(long, env = "KARAT_URL", value_name = "URL", requires = "otlp")]
    pub url: Option<String>,
    /// Address of its OTLP over HTTP, such as http://127.0.0.1:4318.
    #[arg(long, value_name = "URL", requires = "url")]
    pub otlp: Option<String>,
    /// Files with one export request in JSON a line; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
}

/// What came of an import.
#[derive(Debug, Default, PartialEq, Eq)]
struct Imported {
    n_lines: usize,
    n_sent: usize,
    n_known: usize,
}

/// Sends every line that is not there yet.
pub async fn run(config: &Config, args: &ImportArgs) -> anyhow::Result<u8> {
    let (running, url, otlp) = match (&args.url, &args.otlp, &args.data) {
        (Some(url), Some(otlp), _) => (None, url.clone(), otlp.clone()),
        (_, _, None) if client::running_server(config).await.is_some() => {
            (None, format!("http://{}", config.listen.http), format!("http://{}", config.listen.otlp_http))
        }
        _ => {
            let running = crate::serve::start(at_rest(config, args)).await?;
            let (url, otlp) = (format!("http://{}", running.addresses.http), format!("http://{}", running.addresses.otlp_http));
            (Some(running), url, otlp)
        }
    };
    let imported = import(&url, &otlp, &args.files).await;
    if let Some(running) = running {
        running.stop().await?;
    }
    let Imported { n_lines, n_sent, n_known } = imported?;
    writeln!(std::io::stdout().lock(), "read {n_lines} lines: sent {n_sent} spans and log records, left out {n_known} that were there already")?;
    Ok(0)
}

/// Settings of a server that serves this import alone.
fn at_rest(config: &Config, args: &ImportArgs) -> Config {
    let mut config = config.clone();
    if let Some(data) = &args.data {
        config.store.data.clone_from(data);
    }
    for address in [&mut config.listen.otlp_grpc, &mut config.listen.otlp_http, &mut config.listen.http] {
        *address = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    }
    config.stages = crate::config::Stages { score_every_s: 0, inspect_every_s: 0 };
    config
}

async fn import(url: &str, otlp: &str, files: &[String]) -> anyhow::Result<Imported> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let (mut imported, mut known) = (Imported::default(), Known::new(url));
    for file in files {
        let input: Box<dyn BufRead> = match file.as_str() {
            "-" => Box::new(std::io::stdin().lock()),
            file => Box::new(BufReader::new(std::fs::File::open(file).with_context(|| format!("cannot open {file}"))?)),
        };
        for (number, line) in (1..).zip(input.lines()) {
            let line = line.with_context(|| format!("cannot read {file}"))?;
            if line.trim().is_empty() {
                continue;
            }
            let place = || format!("line {number} of {file}");
            let mut request: Value = serde_json::from_str(&line).with_context(|| format!("{} is not JSON", place()))?;
            let path = path_of(&request).with_context(|| format!("{} is no OTLP export request", place()))?;
            let (n_new, n_known) = known.leave_out(&mut request).await?;
            imported.n_lines += 1;
            imported.n_known += n_known;
            if n_new > 0 || path == "/v1/metrics" {
                send(&client, otlp, path, &request).await.with_context(place)?;
                imported.n_sent += n_new;
            }
        }
    }
    Ok(imported)
}

/// Returns where a request is sent, by what it holds.
fn path_of(request: &Value) -> Option<&'static str> {
    [("resourceSpans", "/v1/traces"), ("resourceLogs", "/v1/logs"), ("resourceMetrics", "/v1/metrics")]
        .into_iter()
        .find_map(|(key, path)| request.get(key).map(|_| path))
}

/// Sends a request until it is taken; a server that is busy says when to come back.
async fn send(client: &reqwest::Client, otlp: &str, path: &str, request: &Value) -> anyhow::Result<()> {
    loop {
        let mut post = client.post(format!("{}{path}", otlp.trim_end_matches('/'))).json(request);
        if let Ok(token) = std::env::var("KARAT_TOKEN") {
            post = post.bearer_auth(token);
        }
        let response = post.send().await.with_context(|| format!("cannot reach {otlp}"))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        match after {
            Some(seconds) => tokio::time::sleep(std::time::Duration::from_secs(seconds)).await,
            None => anyhow::bail!("{otlp} answered {status}: {}", response.text().await.unwrap_or_default()),
        }
    }
}
