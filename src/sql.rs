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
use crate::config::Config;
use crate::{client, clock};

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
        (None, None) => client::running_server(config).await,
    };
    let answer = match url {
        Some(url) => client::ask(&url, &query, args.max_rows, Duration::from_secs(args.timeout)).await?,
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
