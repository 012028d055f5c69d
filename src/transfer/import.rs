//! Sending OTLP from files.

use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use collector::Decoder;
use collector::otlp::Signal;
use serde_json::Value;

use super::known::{Known, Sifted};
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
    let decoder = Decoder::new(crate::serve::prices(config)?, config.collector.decode.clone());
    let imported = import(Known::new(&url, decoder), &otlp, &args.files).await;
    if let Some(running) = running {
        running.stop().await?;
    }
    let Imported { n_lines, n_sent, n_known } = imported?;
    writeln!(
        std::io::stdout().lock(),
        "read {n_lines} lines: sent {n_sent} spans, log records and data points, left out {n_known} that were there already"
    )?;
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

async fn import(mut known: Known, otlp: &str, files: &[String]) -> anyhow::Result<Imported> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut imported = Imported::default();
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
            let (signal, path) = signal_of(&request).with_context(|| format!("{} is no OTLP export request", place()))?;
            let Sifted { n_new, n_known } = known.leave_out(signal, &mut request).await.with_context(place)?;
            imported.n_lines += 1;
            imported.n_known += n_known;
            if n_new > 0 {
                send(&client, otlp, path, &request).await.with_context(place)?;
                imported.n_sent += n_new;
            }
        }
    }
    Ok(imported)
}

/// Tells what a request holds, and where it is sent.
fn signal_of(request: &Value) -> Option<(Signal, &'static str)> {
    let signals = [
        ("resourceSpans", Signal::Traces, "/v1/traces"),
        ("resourceLogs", Signal::Logs, "/v1/logs"),
        ("resourceMetrics", Signal::Metrics, "/v1/metrics"),
    ];
    signals.into_iter().find_map(|(key, signal, path)| request.get(key).map(|_| (signal, path)))
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
