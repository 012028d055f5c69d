//! `karat sql` and `karat schema`.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use collector::Decoder;
use schema::Tenant;
use store::{Answer, Format, QueryOptions, Store};

use crate::cli::Usage;
use crate::clock;
use crate::config::Config;

/// Flags of `karat sql`.
#[derive(Debug, Args)]
pub struct SqlArgs {
    /// Data directory to read: with no server on it also what is not committed yet, beside a server what is committed.
    #[arg(long, env = "KARAT_DATA", value_name = "DIR", conflicts_with = "url")]
    pub data: Option<PathBuf>,
    /// Address of a running server, such as http://127.0.0.1:4319; the token is read from KARAT_TOKEN.
    #[arg(long, env = "KARAT_URL", value_name = "URL")]
    pub url: Option<String>,
    /// How to print the answer.
    #[arg(long, value_enum, default_value_t = OutputFormat::Table)]
    pub format: OutputFormat,
    /// Rows to print at most; a cut is said on stderr.
    #[arg(long, default_value_t = 10_000, value_name = "ROWS")]
    pub max_rows: usize,
    /// Seconds that the query may take.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub timeout: u64,
    /// Tenant whose tables are read, with --data.
    #[arg(long, default_value = "default")]
    pub tenant: String,
    /// The query; `-` reads it from standard input.
    pub query: String,
}

/// Forms in which an answer can be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// A table for people.
    Table,
    /// Comma-separated values with a header.
    Csv,
    /// One JSON array of objects.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// A Parquet file.
    Parquet,
    /// An Arrow IPC stream.
    Arrow,
}

impl From<OutputFormat> for Format {
    fn from(format: OutputFormat) -> Self {
        match format {
            OutputFormat::Table => Format::Table,
            OutputFormat::Csv => Format::Csv,
            OutputFormat::Json => Format::Json,
            OutputFormat::Jsonl => Format::Jsonl,
            OutputFormat::Parquet => Format::Parquet,
            OutputFormat::Arrow => Format::Arrow,
        }
    }
}

/// Flags of `karat schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Only this table, view or function.
    pub name: Option<String>,
    /// JSON instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Runs the query and prints the answer on stdout; notes go to stderr.
pub async fn run(config: &Config, args: &SqlArgs) -> anyhow::Result<u8> {
    let mut query = args.query.clone();
    if query == "-" {
        query.clear();
        std::io::stdin().lock().read_to_string(&mut query).context("cannot read the query from standard input")?;
    }
    if matches!(args.format, OutputFormat::Parquet | OutputFormat::Arrow) && std::io::stdout().is_terminal() {
        return Err(Usage(
            "parquet and arrow are binary: send the output to a file, as in `karat sql --format parquet \"...\" > answer.parquet`".to_owned(),
        )
        .into());
    }
    let url = match (&args.url, &args.data) {
        (Some(url), _) => Some(url.clone()),
        (None, Some(_)) => None,
        (None, None) => running_server(config).await,
    };
    let answer = match url {
        Some(url) => ask_server(&url, &query, args).await?,
        None => ask_directory(config, &query, args).await?,
    };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    answer.write(args.format.into(), &mut out)?;
    out.flush()?;
    if answer.truncated {
        note(&format!("only the first {} rows are shown; ask for more with --max-rows, or for less with a where or a limit", answer.n_rows()))?;
    }
    Ok(0)
}

/// Returns the URL of the server of these settings, if one answers.
async fn running_server(config: &Config) -> Option<String> {
    let url = format!("http://{}", config.listen.http);
    let client = reqwest::Client::builder().timeout(Duration::from_millis(500)).no_proxy().build().ok()?;
    let answer = client.get(format!("{url}/healthz")).send().await.ok()?;
    answer.status().is_success().then_some(url)
}

async fn ask_directory(config: &Config, query: &str, args: &SqlArgs) -> anyhow::Result<Answer> {
    let mut config = config.clone();
    if let Some(data) = &args.data {
        config.store.data.clone_from(data);
    }
    anyhow::ensure!(
        config.data().is_dir(),
        Usage(format!(
            "there is no data directory {}, and no server answers on {}; name one with --data or --url",
            config.data().display(),
            config.listen.http
        ))
    );
    let decoder = Arc::new(Decoder::new(crate::serve::prices(&config)?, config.collector.decode.clone()));
    let store = Store::open_read_only(config.store.clone(), decoder, clock::wall_clock()).await?;
    if let Some(notice) = store.notice() {
        note(notice)?;
    }
    let options = QueryOptions { max_rows: args.max_rows, deadline: Duration::from_secs(args.timeout), ..QueryOptions::default() };
    Ok(store.query(&Tenant::new(&args.tenant)?, query, &options).await?)
}

async fn ask_server(url: &str, query: &str, args: &SqlArgs) -> anyhow::Result<Answer> {
    let deadline = Duration::from_secs(args.timeout);
    let client = reqwest::Client::builder().timeout(deadline + Duration::from_secs(10)).no_proxy().build()?;
    let body = serde_json::json!({"sql": query, "max_rows": args.max_rows, "timeout_ms": deadline.as_millis()});
    let mut request =
        client.post(format!("{}/api/v1/sql", url.trim_end_matches('/'))).header("accept", "application/vnd.apache.arrow.stream").json(&body);
    if let Ok(token) = std::env::var("KARAT_TOKEN") {
        request = request.bearer_auth(token);
    }
    let response = request.send().await.with_context(|| format!("cannot reach {url}; is karat serving there?"))?;
    let truncated = response.headers().get("x-karat-truncated").is_some_and(|value| value == "true");
    let status = response.status();
    let bytes = response.bytes().await?;
    if !status.is_success() {
        anyhow::bail!("{}", message_of(&bytes).unwrap_or_else(|| format!("{url} answered {status}")));
    }
    Ok(Answer::from_arrow_stream(&bytes, truncated)?)
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

/// Prints the tables, views and functions.
pub fn schema(args: &SchemaArgs) -> anyhow::Result<u8> {
    let mut described = store::describe();
    if let Some(name) = &args.name {
        described.retain(|item| item.name == name.as_str());
        anyhow::ensure!(!described.is_empty(), Usage(format!("there is no table, view or function {name:?}; `karat schema` lists them all")));
    }
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &described)?;
        writeln!(out)?;
    } else {
        for item in &described {
            write!(out, "{item}")?;
        }
    }
    Ok(0)
}

fn note(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stderr().lock(), "karat: {text}")?;
    Ok(())
}
