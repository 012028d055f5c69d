//! The calls as rows of `spans` and `scores`, and a store to put them in.

use std::path::Path;
use std::sync::Arc;

use schema::{Micros, NanoUsd, Score, Span, SpanId, Tenant, TraceId};
use store::{Decode, DecodeError, Record, Rows, Store, StoreConfig};

use super::Call;

/// No bytes come in here: the rows are appended as rows.
struct NoBytes;

impl Decode for NoBytes {
    fn decode(&self, record: &Record<'_>) -> Result<Rows, DecodeError> {
        Err(format!("nothing was sent, and yet record {} came", record.seq).into())
    }
}

pub async fn open(data: &Path) -> Store {
    let config = StoreConfig { data: data.to_owned(), ..StoreConfig::default() };
    let now = Micros(super::START + 365 * super::DAY);
    Store::open(config, Arc::new(NoBytes), Arc::new(move || now)).await.unwrap()
}

pub async fn fill(store: &Store, tenant: &Tenant, calls: &[Call]) {
    let spans: Vec<Span> = calls.iter().enumerate().map(|(i, call)| span(i, call)).collect();
    let scores: Vec<Score> = calls.iter().enumerate().filter_map(|(i, call)| score(i, call)).collect();
    let now = calls.last().map_or(Micros(0), |call| Micros(call.time));
    store.append(tenant, &spans, now).await.unwrap();
    store.append(tenant, &scores, now).await.unwrap();
    store.flush().await.unwrap();
}

fn ids(i: usize) -> (TraceId, SpanId) {
    let number = i as u64 + 1;
    let mut trace = [7; 16];
    trace[8..].copy_from_slice(&number.to_be_bytes());
    (TraceId(trace), SpanId(number.to_be_bytes()))
}

fn span(i: usize, call: &Call) -> Span {
    let (trace_id, span_id) = ids(i);
    let start = Micros(call.time);
    Span {
        trace_id,
        span_id,
        start_time: start,
        start_unix_nano: call.time * 1_000,
        duration_ns: (call.seconds * 1e9) as i64,
        ingested_at: start,
        date: start.day(),
        service_name: Some(call.service.to_owned()),
        name: "chat".to_owned(),
        kind: "client".to_owned(),
        status: if call.failed { "error" } else { "ok" }.to_owned(),
        operation: Some("chat".to_owned()),
        is_llm_call: true,
        response_model: Some(call.model.to_owned()),
        input_tokens: Some(100),
        output_tokens: (!call.failed).then_some(50),
        cost_nanousd: (!call.failed).then_some(NanoUsd((call.usd * 1e9) as i64)),
        cost_source: Some("priced".to_owned()),
        session_id: Some(call.session.to_string()),
        ..Span::default()
    }
}

fn score(i: usize, call: &Call) -> Option<Score> {
    let (trace_id, span_id) = ids(i);
    let time = Micros(call.time);
    Some(Score {
        id: format!("score-{i}"),
        time,
        date: time.day(),
        target_time: time,
        evaluator: "groundedness".to_owned(),
        evaluator_version: "1".to_owned(),
        trace_id: Some(trace_id),
        span_id: Some(span_id),
        outcome: "value".to_owned(),
        value: Some(call.groundedness?),
        source: "check".to_owned(),
        ..Score::default()
    })
}
