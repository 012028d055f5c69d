//! Measures one pass of many monitors over one day of spans: twenty services, ten questions each, which share ten SELECTs.
//!
//! `cargo run --release -p karat-monitor --example many_monitors -- [spans] [monitors]`

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a measurement for the terminal"
)]

#[path = "../tests/monitor/traffic/mod.rs"]
mod traffic;

use std::sync::Arc;
use std::time::Instant;

use monitor::{Limits, Monitor, Notifier, Rule, inspect};
use schema::{Micros, Span, SpanId, Tenant, TraceId};
use traffic::rows::open;
use traffic::{DAY, START};

/// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SERVICES: usize = 20;
const BATCH: usize = 50_000;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>().unwrap());
    let n_spans = arguments.next().unwrap_or(200_000);
    let n_monitors = arguments.next().unwrap_or(200);
    let dir = tempfile::tempdir().unwrap();
    let (store, tenant) = (open(dir.path()).await, Tenant::default());
    for first in (0..n_spans).step_by(BATCH) {
        let spans: Vec<Span> = (first..n_spans.min(first + BATCH)).map(|i| span(i, n_spans)).collect();
        store.append(&tenant, &spans, Micros(START + DAY)).await.unwrap();
    }
    store.flush().await.unwrap();
    let monitors: Vec<Monitor> = (0..n_monitors).map(monitor).collect();
    let nobody: &[Arc<dyn Notifier>] = &[];
    let begin = Instant::now();
    let looked = inspect(&store, &tenant, &monitors, nobody, Micros(START + DAY)).await.unwrap();
    let seconds = begin.elapsed().as_secs_f64();
    let n_seen = looked.states.iter().filter(|row| row.slice.is_empty() && row.n > 0).count();
    println!("one pass of {n_monitors} monitors over a day of {n_spans} spans: {seconds:.2} s, {n_seen} saw data, {:.0} MB at most", rss_max_mb());
    store.close().await.unwrap();
}

fn span(i: usize, n: usize) -> Span {
    let start = Micros(START + (i as i64 * (DAY - 1)) / n as i64);
    let mixed = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut trace = [5; 16];
    trace[..8].copy_from_slice(&(i as u64).to_be_bytes());
    trace[8..].copy_from_slice(&mixed.to_be_bytes());
    Span {
        trace_id: TraceId(trace),
        span_id: SpanId((i as u64 + 1).to_be_bytes()),
        start_time: start,
        start_unix_nano: start.0 * 1_000,
        duration_ns: 100_000_000 + (mixed % 900_000_000) as i64,
        ingested_at: start,
        date: start.day(),
        service_name: Some(format!("service-{}", mixed as usize % SERVICES)),
        name: "chat".to_owned(),
        status: if mixed.is_multiple_of(100) { "error" } else { "ok" }.to_owned(),
        ..Span::default()
    }
}

/// A monitor of one service; every ten of them ask something else.
fn monitor(i: usize) -> Monitor {
    let (service, question) = (i % SERVICES, i / SERVICES % 10);
    let yaml = format!(
        "{{name: m{i}, select: \"select start_time as time, duration_ns / {}e9 as value, service_name, trace_id from spans\", only: {{service_name: service-{service}}}, \
         watch: anomaly, scale: log, every: 1h, window: 1h, baseline: {{trailing: 23h, min_n: 100}}, min_n: 30, effect_floor: 0.5, q: 0.001}}",
        question + 1
    );
    Monitor { rule: Rule::parse(&yaml).unwrap(), file: format!("m{i}.yaml"), limits: Limits::default() }
}

fn rss_max_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}
