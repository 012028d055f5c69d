//! How commits, planning and the lookup of a trace hold up while history grows: 30 days of it in the end.
//!
//! `cargo run --release --example history -- [--commits 10000] [--no-compaction] [--data DIR]` prints one
//! JSON line at 10, 100, 1,000 and 10,000 commits; `--data` keeps the tables. The clock is the example's own, so that 30 days take minutes.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "an example ends where it fails, and prints what it measured"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use schema::{Clock, Micros, Span, SpanId, Tenant, TraceId};
use store::{Decode, DecodeError, Param, QueryOptions, Record, Rows, Store, StoreConfig};

const DAYS: i64 = 30;
const DAY_MICROS: i64 = 86_400_000_000;
/// 2026-10-22, so that the last commit is of 2026-11-21.
const FIRST: i64 = 1_792_627_200_000_000;
const TRACES_A_COMMIT: u64 = 10;
const SPANS_A_TRACE: u64 = 5;
/// Times that each query is asked.
const ASKED: u64 = 100;

/// The query behind the page of a trace.
const TRACE: &str = "select span_id, parent_span_id, name, start_unix_nano, duration_ns, status, operation, response_model, input_tokens, output_tokens, \
                     cost_nanousd from spans where trace_id = $id";
/// A query over an hour of the last day, of which `explain` measures the planning alone.
const PLAN: &str = "explain select request_model, count(*), sum(cost_nanousd) from spans where start_time >= $since group by request_model";
/// The same over the whole history: every file is in the plan.
const PLAN_ALL: &str = "explain select request_model, count(*), sum(cost_nanousd) from spans group by request_model";

struct NoBodies;

impl Decode for NoBodies {
    fn decode(&self, _: &Record<'_>) -> Result<Rows, DecodeError> {
        Err("this example appends rows".into())
    }
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |flag: &str| arguments.iter().position(|a| a == flag).map(|at| arguments[at + 1].clone());
    let commits = value("--commits").map_or(10_000, |commits| commits.parse().unwrap());
    let compacts = !arguments.iter().any(|a| a == "--no-compaction");
    let dir = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicI64::new(FIRST));
    let config = StoreConfig {
        data: value("--data").map_or_else(|| dir.path().to_owned(), PathBuf::from),
        flush_interval_ms: 3_600_000,
        compact_files: if compacts { 16 } else { usize::MAX / 16 },
        ..StoreConfig::default()
    };
    let store = open(&config, &now).await;
    let mut latencies = Vec::new();
    for n in 0..commits {
        now.store(FIRST + i64::try_from(n).unwrap() * (DAYS * DAY_MICROS / i64::try_from(commits).unwrap()), Ordering::Relaxed);
        let rows = spans_of(n, now.load(Ordering::Relaxed));
        store.append(&Tenant::default(), &rows, Micros(now.load(Ordering::Relaxed))).await.unwrap();
        let started = Instant::now();
        store.flush().await.unwrap();
        latencies.push(started.elapsed());
        if [10, 100, 1_000, 10_000].contains(&(n + 1)) || n + 1 == commits {
            report(&store, n + 1, &now, &latencies[latencies.len() * 9 / 10..]).await;
        }
    }
    store.close().await.unwrap();
    let started = Instant::now();
    let store = open(&config, &now).await;
    println!("{{\"reopen_ms\": {:.1}}}", started.elapsed().as_secs_f64() * 1e3);
    store.close().await.unwrap();
}

async fn open(config: &StoreConfig, now: &Arc<AtomicI64>) -> Store {
    let now = Arc::clone(now);
    let clock: Clock = Arc::new(move || Micros(now.load(Ordering::Relaxed)));
    Store::open(config.clone(), Arc::new(NoBodies), clock).await.unwrap()
}

async fn report(store: &Store, commits: u64, now: &AtomicI64, last: &[Duration]) {
    let since = Micros(now.load(Ordering::Relaxed) - 3_600_000_000);
    let lookups = timed(store, TRACE, |n| ("id", Param::Text(trace_id((n * 7_919) % (commits * TRACES_A_COMMIT)).to_string()))).await;
    let plans = timed(store, PLAN, |_| ("since", Param::Time(since))).await;
    let all = timed(store, PLAN_ALL, |_| ("since", Param::Time(since))).await;
    let table = store.status().tables.into_iter().find(|table| table.table == "spans").unwrap();
    println!(
        "{{\"commits\": {commits}, \"files\": {}, \"day_files_max\": {}, \"commit_ms\": {}, \"plan_hour_ms\": {}, \"plan_all_ms\": {}, \"trace_ms\": {}}}",
        table.files,
        table.day_files_max,
        quantiles(last),
        quantiles(&plans),
        quantiles(&all),
        quantiles(&lookups)
    );
}

async fn timed(store: &Store, sql: &str, param: impl Fn(u64) -> (&'static str, Param)) -> Vec<Duration> {
    let mut times = Vec::new();
    // What is measured is warm: the first round fills the caches.
    for n in 0..2 * ASKED {
        let (name, value) = param(n % ASKED);
        let params = if sql.contains(&format!("${name}")) { vec![(name.to_owned(), value)] } else { Vec::new() };
        let options = QueryOptions { params, ..store.query_options() };
        let started = Instant::now();
        let answer = store.query(&Tenant::default(), sql, &options).await.unwrap();
        if n >= ASKED {
            times.push(started.elapsed());
        }
        assert!(answer.n_rows() > 0);
    }
    times
}

fn quantiles(times: &[Duration]) -> String {
    let mut sorted = times.to_vec();
    sorted.sort();
    let at = |percent: usize| sorted[(sorted.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    format!("{{\"p50\": {:.1}, \"p99\": {:.1}}}", at(50), at(99))
}

fn trace_id(number: u64) -> TraceId {
    // Ids are random in the real world: a filter, and not a range, must find them.
    let mix = |salt: u64| (number ^ salt).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    TraceId([mix(1).to_be_bytes(), mix(2).to_be_bytes()].concat().try_into().unwrap())
}

fn spans_of(commit: u64, now: i64) -> Vec<Span> {
    let traces = commit * TRACES_A_COMMIT..(commit + 1) * TRACES_A_COMMIT;
    let ids = traces.flat_map(|trace| (0..SPANS_A_TRACE).map(move |span| (trace, span)));
    let row = |(trace, number): (u64, u64)| {
        let start = now - 2_000_000 + i64::try_from(trace % TRACES_A_COMMIT * 100_000 + number * 10_000).unwrap();
        Span {
            trace_id: trace_id(trace),
            span_id: SpanId((trace * SPANS_A_TRACE + number + 1).to_be_bytes()),
            start_time: Micros(start),
            start_unix_nano: start * 1_000,
            duration_ns: 5_000_000,
            ingested_at: Micros(now),
            date: Micros(start).day(),
            service_name: Some("shop".to_owned()),
            name: "chat gpt-5-mini".to_owned(),
            kind: "client".to_owned(),
            status: "ok".to_owned(),
            operation: Some("chat".to_owned()),
            is_llm_call: true,
            request_model: Some(["gpt-5-mini", "claude-sonnet-4-5"][usize::try_from(trace % 2).unwrap()].to_owned()),
            input_tokens: Some(i64::try_from(trace % 900).unwrap()),
            input_text: Some(format!("question {trace} {}", "of the customer about an order ".repeat(20))),
            output_text: Some(format!("answer {trace} {}", "to the customer about the order ".repeat(20))),
            ..Span::default()
        }
    };
    ids.map(row).collect()
}
