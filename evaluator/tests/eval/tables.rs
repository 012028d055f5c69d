//! Tables of a test's own, with spans in them.

use std::path::Path;
use std::sync::Arc;

use schema::{Micros, Span, SpanId, Tenant, TraceId};
use serde::de::DeserializeOwned;
use store::{Decode, DecodeError, Record, Rows, Store, StoreConfig};

use crate::workspace::NOW;

/// No bytes come in here: the rows are appended as rows.
struct NoBytes;

impl Decode for NoBytes {
    fn decode(&self, record: &Record<'_>) -> Result<Rows, DecodeError> {
        Err(format!("nothing was sent, and yet record {} came", record.seq).into())
    }
}

pub async fn open(dir: &Path) -> Store {
    let config = StoreConfig { data: dir.to_owned(), ..StoreConfig::default() };
    Store::open(config, Arc::new(NoBytes), Arc::new(|| NOW)).await.unwrap()
}

/// Tables with a call of a model for each of these answers, of 2.5 ms, in traces that are numbered from 1.
pub async fn with_answers(dir: &Path, answers: &[&str]) -> Store {
    let store = open(dir).await;
    let spans: Vec<Span> = answers.iter().enumerate().map(|(index, answer)| call(u8::try_from(index + 1).unwrap(), answer)).collect();
    store.append(&Tenant::default(), &spans, NOW).await.unwrap();
    store
}

/// The id of a trace by its number.
pub fn trace_id(number: u8) -> String {
    TraceId([number; 16]).to_string()
}

fn call(number: u8, answer: &str) -> Span {
    let start = Micros(NOW.0 - 3_600_000_000 + i64::from(number) * 1_000_000);
    Span {
        trace_id: TraceId([number; 16]),
        span_id: SpanId([number; 8]),
        start_time: start,
        start_unix_nano: start.0 * 1000,
        duration_ns: 2_500_000,
        ingested_at: start,
        date: start.day(),
        name: "chat".to_owned(),
        kind: "client".to_owned(),
        status: "ok".to_owned(),
        operation: Some("chat".to_owned()),
        is_llm_call: true,
        finish_reason: Some("stop".to_owned()),
        input_text: Some(format!("question {number}")),
        output_text: Some(answer.to_owned()),
        ..Span::default()
    }
}

/// Reads rows.
pub async fn rows<T: DeserializeOwned>(store: &Store, sql: &str) -> Vec<T> {
    store.query(&Tenant::default(), sql, &store.query_options()).await.unwrap().rows().unwrap()
}
