//! The checks on landing spans, over a real store.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use evaluator::online::{OnlineCheck, Progress, Rule, Rules, Scored, score_new, score_on};
use schema::{Micros, Span, SpanId, Tenant, TraceId};
use serde::Deserialize;
use store::{Decode, DecodeError, Record, Rows, Store, StoreConfig};

const NOW: Micros = Micros(1_795_000_000_000_000);

/// No bytes come in here: the rows are appended as rows.
struct NoBytes;

impl Decode for NoBytes {
    fn decode(&self, record: &Record<'_>) -> Result<Rows, DecodeError> {
        Err(format!("nothing was sent, and yet record {} came", record.seq).into())
    }
}

async fn open(dir: &std::path::Path) -> Store {
    let config = StoreConfig { data: dir.to_owned(), ..StoreConfig::default() };
    Store::open(config, Arc::new(NoBytes), Arc::new(|| NOW)).await.unwrap()
}

fn call(number: u8, answer: &str) -> Span {
    let start = Micros(NOW.0 - 20 * 86_400_000_000 + i64::from(number) * 1_000_000);
    Span {
        trace_id: TraceId([number; 16]),
        span_id: SpanId([1; 8]),
        start_time: start,
        start_unix_nano: start.0 * 1000,
        ingested_at: Micros(NOW.0 - 30_000_000),
        date: start.day(),
        name: "chat".to_owned(),
        kind: "client".to_owned(),
        status: "ok".to_owned(),
        operation: Some("chat".to_owned()),
        is_llm_call: true,
        session_id: Some(format!("s{number}")),
        output_messages: Some("[]".to_owned()),
        output_text: Some(answer.to_owned()),
        ..Span::default()
    }
}

/// The retrieval before the call of the same number.
fn retrieval(number: u8, document: &str) -> Span {
    let call = call(number, "");
    Span {
        span_id: SpanId([2; 8]),
        start_unix_nano: call.start_unix_nano - 1_000,
        operation: Some("retrieval".to_owned()),
        is_llm_call: false,
        documents: Some(serde_json::json!([{"id": "d", "content": document}]).to_string()),
        output_text: None,
        output_messages: None,
        ..call
    }
}

#[derive(Debug, PartialEq, Deserialize)]
struct Row {
    trace_id: String,
    evaluator: String,
    outcome: String,
    value: Option<f64>,
    session_id: Option<String>,
}

async fn scores(store: &Store, tenant: &Tenant) -> Vec<Row> {
    let sql = "select trace_id, evaluator, outcome, value, session_id from scores order by trace_id, evaluator";
    store.query(tenant, sql, &store.query_options()).await.unwrap().rows().unwrap()
}

fn row(number: u8, evaluator: &str, outcome: &str, value: Option<f64>) -> Row {
    let trace_id = TraceId([number; 16]).to_string();
    Row { trace_id, evaluator: evaluator.to_owned(), outcome: outcome.to_owned(), value, session_id: Some(format!("s{number}")) }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_scored_once() {
    let dir = tempfile::tempdir().unwrap();
    let (store, tenant) = (open(dir.path()).await, Tenant::default());
    let spans = [
        retrieval(1, "Refunds take 5 business days."),
        call(1, "Refunds take 5 business days. They are paid in shells."),
        call(2, "I'm sorry, but I can't help with that."),
        Span { operation: Some("embeddings".to_owned()), ..call(3, "") },
        Span { status: "error".to_owned(), output_text: None, ..call(4, "") },
    ];
    store.append(&tenant, &spans, NOW).await.unwrap();
    let scored = score_new(&store, &tenant, &Rules::default(), NOW).await.unwrap();
    assert_eq!(scored, Scored { n_targets: 3, n_scores: 9, more: false });
    let expected = [
        row(1, "answered", "value", Some(1.0)),
        row(1, "groundedness", "value", Some(0.5)),
        row(1, "json_valid", "not_applicable", None),
        row(2, "answered", "value", Some(0.0)),
        row(2, "groundedness", "not_applicable", None),
        row(2, "json_valid", "not_applicable", None),
        row(4, "answered", "not_applicable", None),
        row(4, "groundedness", "not_applicable", None),
        row(4, "json_valid", "not_applicable", None),
    ];
    assert_eq!(scores(&store, &tenant).await, expected);

    assert_eq!(score_new(&store, &tenant, &Rules::default(), Micros(NOW.0 + 60_000_000)).await.unwrap(), Scored::default());
    store.append(&tenant, &[call(5, "Yes.")], NOW).await.unwrap();
    assert_eq!(score_new(&store, &tenant, &Rules::default(), NOW).await.unwrap().n_scores, 3);
    assert_eq!(scores(&store, &Tenant::new("other").unwrap()).await, []);
}

/// A call waits for the rest of its trace: its documents may be in the exporter's next request.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_waits_for_its_documents() {
    let dir = tempfile::tempdir().unwrap();
    let (store, tenant) = (open(dir.path()).await, Tenant::default());
    let rules = Rules { checks: vec![Rules::default().checks[0].clone()], ..Rules::default() };
    let late = |seconds: i64| Micros(NOW.0 + seconds * 1_000_000);
    store.append(&tenant, &[Span { ingested_at: NOW, ..call(1, "Refunds take 5 business days.") }], NOW).await.unwrap();
    assert_eq!(score_new(&store, &tenant, &rules, late(5)).await.unwrap().n_scores, 0);
    store.append(&tenant, &[Span { ingested_at: late(6), ..retrieval(1, "Refunds take 5 business days.") }], late(6)).await.unwrap();
    assert_eq!(score_new(&store, &tenant, &rules, late(15)).await.unwrap().n_scores, 1);
    assert_eq!(scores(&store, &tenant).await, [row(1, "groundedness", "value", Some(1.0))]);
}

/// A backlog is worked off in batches, and nothing in it is scored twice or left out.
#[tokio::test(flavor = "multi_thread")]
async fn batches_cover_a_backlog() {
    let dir = tempfile::tempdir().unwrap();
    let (store, tenant) = (open(dir.path()).await, Tenant::default());
    let spans: Vec<Span> = (1..=50).map(|number| call(number, "Yes.")).collect();
    store.append(&tenant, &spans, NOW).await.unwrap();
    let rules = Rules { batch: 20, checks: Rules::default().checks.into_iter().take(2).collect(), ..Rules::default() };
    let mut passes = Vec::new();
    loop {
        let scored = score_new(&store, &tenant, &rules, NOW).await.unwrap();
        if scored.n_scores == 0 {
            break;
        }
        passes.push((scored.n_targets, scored.more));
    }
    assert_eq!(passes, [(20, true), (20, true), (10, false)]);
    assert_eq!(scores(&store, &tenant).await.len(), 100);
}

/// What comes in is walked through in the order of its arrival; what came late is found once nothing else waits, and after a start.
#[tokio::test(flavor = "multi_thread")]
async fn a_walk_leaves_nothing_out() {
    let dir = tempfile::tempdir().unwrap();
    let (store, tenant) = (open(dir.path()).await, Tenant::default());
    let arrived = |number: u8, micros_ago: i64| Span { ingested_at: Micros(NOW.0 - micros_ago), ..call(number, "Yes.") };
    // Two arrive at a time, but seven at once in the middle, which is more than a batch.
    let spans: Vec<Span> =
        (1..=30).map(|number| arrived(number, 20_000_000 - i64::from(if (10..17).contains(&number) { 10 } else { number / 2 }))).collect();
    store.append(&tenant, &spans, NOW).await.unwrap();
    let rules = Rules { batch: 5, batches: 3, checks: Rules::default().checks.into_iter().take(2).collect(), ..Rules::default() };
    let walk = async |progress: &Progress, now: Micros| {
        let mut n_scores = Vec::new();
        loop {
            let scored = score_on(&store, &tenant, &rules, progress, now).await.unwrap();
            n_scores.push(scored.n_scores);
            if !scored.more {
                return n_scores;
            }
        }
    };
    let progress = Progress::default();
    let passes = walk(&progress, NOW).await;
    assert!(passes.len() > 2 && passes.iter().sum::<usize>() == 60, "{passes:?}");
    assert_eq!(walk(&progress, NOW).await, [0]);

    store.append(&tenant, &[arrived(40, 25_000_000)], NOW).await.unwrap();
    assert_eq!(walk(&progress, Micros(NOW.0 + 1_000_000)).await.iter().sum::<usize>(), 2, "it came late");
    store.append(&tenant, &[arrived(41, 3_600_000_000)], NOW).await.unwrap();
    assert_eq!(walk(&progress, Micros(NOW.0 + 2_000_000)).await, [0], "it is too far back");
    assert_eq!(walk(&Progress::default(), NOW).await.iter().sum::<usize>(), 2, "a start looks through everything");
    let rows = scores(&store, &tenant).await;
    assert_eq!(rows.iter().map(|row| (&row.trace_id, &row.evaluator)).collect::<std::collections::BTreeSet<_>>().len(), rows.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_pick_by_sql_and_by_share() {
    let dir = tempfile::tempdir().unwrap();
    let (store, tenant) = (open(dir.path()).await, Tenant::default());
    let spans: Vec<Span> = (1..=250).map(|number| Span { service_name: Some(format!("app-{}", number % 2)), ..call(number, "Yes.") }).collect();
    store.append(&tenant, &spans, NOW).await.unwrap();
    let spans = "select trace_id, span_id from llm_calls where ingested_at >= $since and service_name = 'app-1';";
    let rules = Rules { checks: vec![Rule { check: OnlineCheck::Answered, spans: spans.to_owned(), share: 0.5 }], ..Rules::default() };
    // Odd numbers below 128: half of the ids by their last digits, half of those by the service.
    assert_eq!(score_new(&store, &tenant, &rules, NOW).await.unwrap().n_scores, 64);
    assert_eq!(score_new(&store, &tenant, &rules, NOW).await.unwrap().n_scores, 0);
    let broken = Rules { checks: vec![Rule { spans: "select nothing".to_owned(), ..rules.checks[0].clone() }], ..rules };
    let error = score_new(&store, &tenant, &broken, NOW).await.unwrap_err();
    assert_eq!(error.kind(), evaluator::ErrorKind::Input, "{error}");
}
