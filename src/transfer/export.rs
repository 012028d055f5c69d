//! Writing spans as OTLP.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use schema::{Row as _, Span, Tenant};
use store::{Answer, QueryOptions, Store};

use super::otlp;
use crate::config::Config;
use crate::{client, clock};

/// Spans of one line.
const LINE_SPANS: usize = 500;

/// Flags of `karat export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Data directory to read; without it, a running server is asked if there is one.
    #[arg(long, env = "KARAT_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Tenant whose spans are written, with --data.
    #[arg(long, default_value = "default")]
    pub tenant: String,
    /// Which spans: a condition in SQL, such as `start_time >= now() - interval '1 day' and session_id = 's1'`.
    #[arg(long = "where", default_value = "true", value_name = "SQL")]
    pub condition: String,
    /// File to write; `-` is standard output.
    #[arg(default_value = "-")]
    pub file: String,
}

/// Where the spans are read from.
enum Source {
    Server(String),
    Directory(Box<Store>, Tenant),
}

/// Writes the spans in the order of their start, each as it was sent last.
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
    // The place behind the last span that was written; a page begins there.
    let mut after = (i64::MIN, String::new(), String::new());
    loop {
        let answer = source.page(&args.condition, &after).await?;
        let spans: Vec<Span> = answer.batches.iter().map(Span::decode).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        let Some(last) = spans.last() else { break };
        after = (last.start_unix_nano, last.trace_id.to_string(), last.span_id.to_string());
        serde_json::to_writer(&mut out, &otlp::request_of(&spans))?;
        writeln!(out)?;
    }
    out.flush()?;
    Ok(0)
}

impl Source {
    async fn page(&self, condition: &str, after: &(i64, String, String)) -> anyhow::Result<Answer> {
        let (nanos, trace_id, span_id) = after;
        let sql = format!(
            "select * from spans where ({condition}) and start_unix_nano >= {nanos} and (start_unix_nano > {nanos} or trace_id > '{trace_id}' \
             or (trace_id = '{trace_id}' and span_id > '{span_id}')) order by start_unix_nano, trace_id, span_id limit {LINE_SPANS}"
        );
        let deadline = Duration::from_secs(300);
        match self {
            Source::Server(url) => client::ask(url, &sql, LINE_SPANS, Duration::from_secs(60)).await,
            Source::Directory(store, tenant) => {
                Ok(store.query(tenant, &sql, &QueryOptions { max_rows: LINE_SPANS, deadline, ..store.query_options() }).await?)
            }
        }
    }
}
