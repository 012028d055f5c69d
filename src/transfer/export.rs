//! Writing spans, log records and data points as OTLP.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use schema::{LogRecord, MetricPoint, Span, Tenant};
use store::{Answer, QueryOptions, Store};

use super::otlp::{self, Exported};
use crate::config::Config;
use crate::{client, clock};

/// Rows of one line.
const LINE_ROWS: usize = 500;
/// Rows that one question asks for.
const PAGE_ROWS: usize = 5_000;
/// Rows of one microsecond that can be exported; a server gives no more in one answer unless told to.
const MOMENT_ROWS: usize = 100_000;
/// How much time the first question asks for, in microseconds.
const FIRST_MICROS: i64 = 3_600_000_000;
/// How much time a question asks for at most.
const WIDEST_MICROS: i64 = 30 * 24 * FIRST_MICROS;
const DEADLINE: Duration = Duration::from_secs(60);
/// What a condition is about that does not say.
const SPANS_ALONE: &[ExportOf] = &[ExportOf::Spans];

/// Flags of `karat export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Data directory to read; without it, a running server is asked if there is one.
    #[arg(long, env = "KARAT_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Tenant whose rows are written, with --data.
    #[arg(long, default_value = "default")]
    pub tenant: String,
    /// What is written; everything, or with --where spans alone, if left out.
    #[arg(long, value_enum, value_name = "TABLE")]
    pub of: Vec<ExportOf>,
    /// Which rows: a condition in SQL on the columns of the table, such as `start_time >= now() - interval '1 day' and session_id = 's1'`.
    #[arg(long = "where", value_name = "SQL")]
    pub condition: Option<String>,
    /// File to write; `-` is standard output.
    #[arg(default_value = "-")]
    pub file: String,
}

/// A table that has a form in OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportOf {
    /// Spans, each as it was sent last.
    Spans,
    /// Log records.
    Logs,
    /// Data points of metrics.
    Metrics,
}

/// Where the rows are read from.
enum Source {
    Server(String),
    Directory(Box<Store>, Tenant),
}

/// Writes one table after the other, each in the order of time.
pub async fn run(config: &Config, args: &ExportArgs) -> anyhow::Result<u8> {
    let source = match (&args.data, client::running_server(config).await) {
        (None, Some(url)) => Source::Server(url),
        (data, _) => {
            let mut config = config.clone();
            if let Some(data) = data {
                config.store.data.clone_from(data);
            }
            let decoder = std::sync::Arc::new(collector::Decoder::new(crate::serve::prices(&config)?, config.collector.decode.clone()));
            let store = Store::open_read_only(config.store.clone(), decoder, clock::wall_clock()).await?;
            Source::Directory(Box::new(store), Tenant::new(&args.tenant)?)
        }
    };
    let mut out: Box<dyn Write> = match args.file.as_str() {
        "-" => Box::new(std::io::stdout().lock()),
        file => Box::new(std::io::BufWriter::new(std::fs::File::create(file)?)),
    };
    let (all, condition) = match &args.condition {
        None => (ExportOf::value_variants(), "true"),
        Some(condition) => (SPANS_ALONE, condition.as_str()),
    };
    for of in if args.of.is_empty() { all } else { args.of.as_slice() } {
        match of {
            ExportOf::Spans => source.export::<Span>(condition, &mut out).await?,
            ExportOf::Logs => source.export::<LogRecord>(condition, &mut out).await?,
            ExportOf::Metrics => source.export::<MetricPoint>(condition, &mut out).await?,
        }
    }
    out.flush()?;
    Ok(0)
}

impl Source {
    /// Writes the rows of a table. Each question is about a stretch of time, as long as about a page of rows takes, so that no row is
    /// read twice however many there are.
    async fn export<R: Exported>(&self, condition: &str, out: &mut Box<dyn Write>) -> anyhow::Result<()> {
        let (table, time) = (R::TABLE.name(), R::TABLE.time_column());
        let (mut next, mut width) = (self.first::<R>(condition, None).await?, FIRST_MICROS);
        let mut lines = Lines { waiting: Vec::<R>::new(), out };
        while let Some(from) = next {
            let end = from.saturating_add(width);
            let limit = if width > 1 { PAGE_ROWS } else { MOMENT_ROWS };
            let stretch = format!("{time} >= {} and {time} < {}", moment(from), moment(end));
            let answer = self.ask(&format!("select * from {table} where {stretch} and ({condition})"), limit).await?;
            if answer.truncated {
                anyhow::ensure!(width > 1, "there are more {table} at {time} = {from} us than an answer may hold; raise dashboard.sql_rows_max");
                width = (width / 4).max(1);
                continue;
            }
            let n_rows = answer.n_rows();
            let rows = answer.batches.iter().map(R::decode).collect::<Result<Vec<_>, _>>()?;
            let mut rows = R::latest(rows.into_iter().flatten().collect());
            otlp::sort(&mut rows);
            lines.write(rows)?;
            next = if n_rows > 0 { Some(end) } else { self.first::<R>(condition, Some(end)).await? };
            if n_rows < PAGE_ROWS / 4 {
                width = width.saturating_mul(2).min(WIDEST_MICROS);
            }
        }
        lines.end()
    }

    /// Returns the time of the first row, from a moment on; nothing where there is none.
    async fn first<R: Exported>(&self, condition: &str, from: Option<i64>) -> anyhow::Result<Option<i64>> {
        let (table, time) = (R::TABLE.name(), R::TABLE.time_column());
        let from = from.map_or("true".to_owned(), |from| format!("{time} >= {}", moment(from)));
        let answer = self.ask(&format!("select min({time}) from {table} where {from} and ({condition})"), 1).await?;
        Ok(answer.rows::<(Option<i64>,)>()?.first().and_then(|(time,)| *time))
    }

    async fn ask(&self, sql: &str, max_rows: usize) -> anyhow::Result<Answer> {
        match self {
            Source::Server(url) => client::ask(url, sql, max_rows, DEADLINE).await,
            Source::Directory(store, tenant) => {
                Ok(store.query(tenant, sql, &QueryOptions { max_rows, deadline: 5 * DEADLINE, ..store.query_options() }).await?)
            }
        }
    }
}

/// Writes a moment, in microseconds since 1970, as SQL.
fn moment(micros: i64) -> String {
    let time = chrono::DateTime::from_timestamp_micros(micros).unwrap_or(chrono::DateTime::<chrono::Utc>::MAX_UTC);
    format!("timestamp '{}'", time.format("%Y-%m-%dT%H:%M:%S%.6fZ"))
}

/// Rows on their way into lines of the same length, however they were read.
struct Lines<'a, R> {
    waiting: Vec<R>,
    out: &'a mut Box<dyn Write>,
}

impl<R: Exported> Lines<'_, R> {
    fn write(&mut self, rows: Vec<R>) -> anyhow::Result<()> {
        self.waiting.extend(rows);
        while self.waiting.len() >= LINE_ROWS {
            let rest = self.waiting.split_off(LINE_ROWS);
            self.line()?;
            self.waiting = rest;
        }
        Ok(())
    }

    fn end(mut self) -> anyhow::Result<()> {
        if self.waiting.is_empty() { Ok(()) } else { self.line() }
    }

    fn line(&mut self) -> anyhow::Result<()> {
        serde_json::to_writer(&mut *self.out, &otlp::request_of(&self.waiting))?;
        writeln!(self.out)?;
        Ok(())
    }
}
