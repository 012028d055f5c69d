//! A real store in a directory of its own, and spans to put into it.

use std::sync::Arc;

use schema::{Clock, Day, Micros, Row, Span, SpanId, Tenant, TraceId};
use store::{Answer, Decode, DecodeError, Error, QueryOptions, Record, Rows, Store, StoreConfig};
use tempfile::TempDir;

/// Noon of the day that the tests' `now()` is: 2026-11-21 in UTC.
pub const NOON: Micros = Micros(1_795_262_400_000_000);
/// A second.
pub const SECOND: i64 = 1_000_000;
/// An hour.
pub const HOUR: i64 = 3_600 * SECOND;
/// A day.
pub const DAY: i64 = 24 * HOUR;

pub struct Fixture {
    pub store: Store,
    pub tenant: Tenant,
    #[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "it is only held"))]
    directory: TempDir,
}

/// Rows come in by `append` alone.
struct NoDecode;

impl Decode for NoDecode {
    fn decode(&self, _: &Record<'_>) -> Result<Rows, DecodeError> {
        Err("these tests send no bodies".into())
    }
}

impl Fixture {
    pub async fn open() -> Fixture {
        Fixture::open_with(|_| ()).await
    }

    pub async fn open_with(change: impl FnOnce(&mut StoreConfig)) -> Fixture {
        let directory = TempDir::new().unwrap();
        let mut config = StoreConfig { data: directory.path().to_owned(), flush_interval_ms: 3_600_000, ..StoreConfig::default() };
        change(&mut config);
        let clock: Clock = Arc::new(|| NOON);
        let store = Store::open(config, Arc::new(NoDecode), clock).await.unwrap();
        Fixture { store, tenant: Tenant::default(), directory }
    }

    /// Returns the data directory.
    #[cfg(feature = "cluster")]
    pub fn path(&self) -> &std::path::Path {
        self.directory.path()
    }

    pub async fn add<R: Row>(&self, rows: &[R]) {
        self.store.append(&self.tenant, rows, NOON).await.unwrap();
    }

    /// Adds rows that come to lie in a file of their own.
    pub async fn add_file<R: Row>(&self, rows: &[R]) {
        self.add(rows).await;
        self.store.flush().await.unwrap();
    }

    pub async fn ask(&self, sql: &str) -> Result<Answer, Error> {
        self.store.query(&self.tenant, sql, &QueryOptions::default()).await
    }

    /// Runs a query that must succeed and returns its rows as text, cells divided by `|`.
    #[track_caller]
    pub fn rows(&self, sql: &str) -> impl Future<Output = Vec<String>> {
        let caller = std::panic::Location::caller();
        async move {
            let answer = self.ask(sql).await.unwrap_or_else(|error| panic!("at {caller}: {error}\n{sql}"));
            text_rows(&answer).into_iter().map(|row| row.join("|")).collect()
        }
    }

    /// Runs a query that must fail and returns what it says.
    pub async fn error(&self, sql: &str) -> String {
        match self.ask(sql).await {
            Err(error) => error.to_string(),
            Ok(answer) => panic!("{sql} gave {} rows", answer.n_rows()),
        }
    }
}

/// Formats every cell; a null is `null`.
pub fn text_rows(answer: &Answer) -> Vec<Vec<String>> {
    use arrow::util::display::{ArrayFormatter, FormatOptions};
    let options = FormatOptions::default().with_null("null");
    let mut rows = Vec::new();
    for batch in &answer.batches {
        let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect::<Vec<_>>();
        rows.extend((0..batch.num_rows()).map(|row| columns.iter().map(|column| column.value(row).to_string()).collect()));
    }
    rows
}

pub fn trace(n: u8) -> TraceId {
    TraceId([n; 16])
}

pub fn span_id(n: u8) -> SpanId {
    SpanId([n; 8])
}

/// A span of trace `t` that begins `offset` after noon and takes a second.
pub fn span(t: u8, n: u8, offset: i64) -> Span {
    let start = NOON.0 + offset;
    Span {
        trace_id: trace(t),
        span_id: span_id(n),
        start_time: Micros(start),
        start_unix_nano: start * 1_000,
        duration_ns: 1_000_000_000,
        ingested_at: Micros(start + 2 * SECOND),
        date: day_of(start),
        service_name: Some("bot".to_owned()),
        name: format!("span {n}"),
        kind: "internal".to_owned(),
        status: "ok".to_owned(),
        ..Span::default()
    }
}

/// A model call of 100 input and 10 output tokens for a millidollar.
pub fn call(t: u8, n: u8, offset: i64) -> Span {
    Span {
        operation: Some("chat".to_owned()),
        is_llm_call: true,
        provider: Some("openai".to_owned()),
        request_model: Some("gpt".to_owned()),
        response_model: Some("gpt-5".to_owned()),
        input_tokens: Some(100),
        output_tokens: Some(10),
        cost_nanousd: Some(schema::NanoUsd(1_000_000)),
        cost_source: Some("priced".to_owned()),
        input_text: Some(format!("question {n}")),
        output_text: Some(format!("answer {n}")),
        ..span(t, n, offset)
    }
}

fn day_of(start: i64) -> Day {
    Micros(start).day()
}
