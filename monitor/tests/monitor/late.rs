//! Data that comes late re-opens its window, and what is missing is never read as good.

use monitor::{Limits, Monitor, Notifier, Rule, inspect};
use schema::{Micros, MonitorState, Row as _, Span, SpanId, Tenant, TraceId};
use std::sync::Arc;
use store::{QueryOptions, Store};

use crate::traffic::rows::open;
use crate::traffic::{HOUR, START};

const NOBODY: &[Arc<dyn Notifier>] = &[];

fn monitor(more: &str) -> Monitor {
    let yaml = format!(
        "{{name: late, select: \"select start_time as time, duration_ns / 1e9 as value, trace_id from spans\", watch: threshold, \
         level: mean, above: 5, every: 1h, window: 3h, min_n: 2, {more}}}"
    );
    Monitor { rule: Rule::parse(&yaml).unwrap(), file: "late.yaml".to_owned(), limits: Limits::default() }
}

/// One span `minute` minutes after the start; a duration of 0 stands for one that is not known.
async fn send(store: &Store, number: u64, minute: i64, seconds: f64) {
    let start = Micros(START + minute * HOUR / 60);
    let mut trace = [3; 16];
    trace[8..].copy_from_slice(&number.to_be_bytes());
    let span = Span {
        trace_id: TraceId(trace),
        span_id: SpanId((number + 1).to_be_bytes()),
        start_time: start,
        start_unix_nano: start.0 * 1_000,
        duration_ns: (seconds * 1e9) as i64,
        ingested_at: start,
        date: start.day(),
        name: "work".to_owned(),
        status: "ok".to_owned(),
        ..Span::default()
    };
    store.append(&Tenant::default(), &[span], start).await.unwrap();
}

async fn states(store: &Store) -> Vec<(i64, i64, String)> {
    let sql = "select * from monitor_states order by time, evaluated_at";
    let answer = store.query(&Tenant::default(), sql, &QueryOptions::default()).await.unwrap();
    let rows = answer.batches.iter().flat_map(|batch| MonitorState::decode(batch).unwrap());
    rows.map(|row| ((row.time.0 - START) / HOUR, row.n, row.state)).collect()
}

fn row(hour: i64, n: i64, state: &str) -> (i64, i64, String) {
    (hour, n, state.to_owned())
}

async fn look(store: &Store, monitor: &Monitor, minute: i64) -> Vec<String> {
    let now = Micros(START + minute * HOUR / 60);
    let looked = inspect(store, &Tenant::default(), std::slice::from_ref(monitor), NOBODY, now).await.unwrap();
    looked.transitions.into_iter().map(|transition| transition.state).collect()
}

#[tokio::test]
async fn late_spans_reopen_their_window() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let monitor = monitor("for: 2");
    send(&store, 1, 61, 1.0).await;
    send(&store, 2, 62, 1.0).await;
    assert!(look(&store, &monitor, 125).await.is_empty());
    assert_eq!(states(&store).await, [row(2, 2, "OK")]);

    // Slow calls of the second hour arrive after it was looked at; the third hour is slow in time.
    for number in 3..6 {
        send(&store, number, 70, 60.0).await;
    }
    send(&store, 6, 130, 60.0).await;
    // The window of the second hour is looked at again, so that both looks agree and the alert fires, at the latest look.
    assert_eq!(look(&store, &monitor, 185).await, ["firing"]);
    assert_eq!(states(&store).await, [row(2, 2, "OK"), row(2, 5, "ALERT"), row(3, 6, "ALERT")]);

    // What did not change is not looked at again, nor is it after a restart.
    store.close().await.unwrap();
    let store = open(dir.path()).await;
    assert!(look(&store, &monitor, 190).await.is_empty());
    assert!(look(&store, &monitor, 245).await.is_empty());
    assert_eq!(states(&store).await.len(), 4);
    store.close().await.unwrap();
}

// A judge that fails on the bad answers leaves only good ones: that must be seen.
#[tokio::test]
async fn too_little_coverage_is_no_data() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut monitor = monitor("min_coverage: 0.6");
    monitor.rule.select = "select start_time as time, case when duration_ns > 0 then duration_ns / 1e9 end as value, trace_id from spans".to_owned();
    for (number, seconds) in [(1, 1.0), (2, 1.0), (3, 0.0), (4, 0.0)] {
        send(&store, number, 61, seconds).await;
    }
    look(&store, &monitor, 125).await;
    let sql = "select state, coverage, reason from monitor_states";
    let rows: Vec<serde_json::Value> = store.query(&Tenant::default(), sql, &QueryOptions::default()).await.unwrap().rows().unwrap();
    assert_eq!((rows[0]["state"].as_str(), rows[0]["coverage"].as_f64()), (Some("NO_DATA"), Some(0.5)));
    assert!(rows[0]["reason"].as_str().unwrap().starts_with("50 % of the observations in the last 3h have a value, 60 % are needed"), "{rows:?}");
    store.close().await.unwrap();
}
