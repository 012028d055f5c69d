//! Acked means kept: the server is killed again and again under load, and every acked row is found exactly once.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tokio::sync::watch;

use crate::server::{Server, TENANTS, service, settings_for_two_tenants, sql_at_rest};

/// How often the server is killed; the promise is at least 50.
const KILLS: u32 = 50;
const WORKERS: usize = 4;
const SEED: u64 = 0x6b61_7261_7421;
/// 2026-11-01T00:00:00Z; rows spread over three days from here, so that commits touch several partitions.
const START_NANOS: u64 = 1_793_491_200_000_000_000;
const TABLES: [(&str, &str); 3] = [("traces", "spans"), ("logs", "logs"), ("metrics", "metrics")];

/// A request that is the same, byte for byte, whenever it is built again: its number decides tenant, signal, size and rows.
struct Request {
    number: u64,
}

impl Request {
    fn tenant(&self) -> usize {
        usize::try_from(self.number % 2).unwrap()
    }

    fn signal(&self) -> usize {
        usize::try_from(self.number / 2 % 3).unwrap()
    }

    /// Rows of the request: mostly a few, now and then hundreds.
    fn n_rows(&self) -> u64 {
        if self.number % 41 == 7 { 1 } else { 1 + self.number * 7 % 90 }
    }

    /// Row ids are unique over the whole test.
    fn rows(&self) -> impl Iterator<Item = u64> {
        let first = self.number * 1_000 + 1;
        first..first + self.n_rows()
    }

    /// Text that fills each row; one request in 41 is a single row of 1 MB.
    fn filler(&self) -> String {
        let bytes = if self.number % 41 == 7 { 1 << 20 } else { 50 + usize::try_from(self.number * 13 % 900).unwrap() };
        "karat ".repeat(bytes / 6 + 1)
    }

    fn body(&self) -> Vec<u8> {
        let attributes = |row: u64| vec![text("row", format!("r{row}")), text("filler", self.filler())];
        let time = |row: u64| START_NANOS + (row % 3) * 86_400_000_000_000 + row * 1_000;
        match self.signal() {
            0 => {
                let span = |row: u64| Span {
                    trace_id: (u128::from(row) << 7 | 1).to_be_bytes().to_vec(),
                    span_id: row.to_be_bytes().to_vec(),
                    name: "work".to_owned(),
                    start_time_unix_nano: time(row),
                    end_time_unix_nano: time(row) + 1_000_000,
                    attributes: attributes(row),
                    ..Span::default()
                };
                let scope = ScopeSpans { spans: self.rows().map(span).collect(), ..ScopeSpans::default() };
                ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() }] }
                    .encode_to_vec()
            }
            1 => {
                let record = |row: u64| LogRecord { time_unix_nano: time(row), attributes: attributes(row), ..LogRecord::default() };
                let scope = ScopeLogs { log_records: self.rows().map(record).collect(), ..ScopeLogs::default() };
                ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs: vec![scope], ..ResourceLogs::default() }] }.encode_to_vec()
            }
            _ => {
                let point = |row: u64| NumberDataPoint {
                    time_unix_nano: time(row),
                    attributes: attributes(row),
                    value: Some(number_data_point::Value::AsInt(1)),
                    ..NumberDataPoint::default()
                };
                let gauge = Gauge { data_points: self.rows().map(point).collect() };
                let metric = Metric { name: "work".to_owned(), data: Some(metric::Data::Gauge(gauge)), ..Metric::default() };
                let scope = ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() };
                ExportMetricsServiceRequest { resource_metrics: vec![ResourceMetrics { scope_metrics: vec![scope], ..ResourceMetrics::default() }] }
                    .encode_to_vec()
            }
        }
    }
}

fn text(key: &str, value: String) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(Any::StringValue(value)) }), ..KeyValue::default() }
}

/// Sends requests one after the other, and each again, byte for byte, until it is acked. Returns how many were acked.
async fn work(next: Arc<AtomicU64>, address: watch::Receiver<String>, finish: Arc<AtomicBool>) -> u64 {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
    let mut n_acked = 0;
    while !finish.load(Ordering::Relaxed) {
        let request = Request { number: next.fetch_add(1, Ordering::Relaxed) };
        let body = request.body();
        loop {
            let url = format!("http://{}/v1/{}", address.borrow().clone(), TABLES[request.signal()].0);
            let sent =
                client.post(url).header("content-type", "application/x-protobuf").bearer_auth(TENANTS[request.tenant()].0).body(body.clone()).send();
            match sent.await {
                Ok(response) if response.status().is_success() => break,
                Ok(response) => {
                    assert!([429, 502, 503, 504].contains(&response.status().as_u16()), "{}: a client would drop this request", response.status())
                }
                Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        n_acked += 1;
    }
    n_acked
}

fn row_ids(rows: &[serde_json::Value]) -> Vec<u64> {
    rows.iter().map(|row| row["row"].as_str().unwrap()[1..].parse().unwrap()).collect()
}

/// Every expected row is there, and there once.
#[track_caller]
fn check(source: &str, table: &str, expected: &BTreeSet<u64>, mut found: Vec<u64>) {
    found.sort_unstable();
    let n_found = found.len();
    let found: BTreeSet<u64> = found.into_iter().collect();
    let lost: Vec<_> = expected.difference(&found).take(5).collect();
    assert!(lost.is_empty(), "{source}: {table} lost acked rows such as {lost:?} ({} of {} are there)", found.len(), expected.len());
    assert_eq!(n_found, expected.len(), "{source}: {table} holds {n_found} rows for {} that were acked", expected.len());
}

#[test]
fn every_acked_row_is_there_exactly_once_after_50_kills() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let settings = settings_for_two_tenants(dir.path());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(survive(&data, &settings));
}

async fn survive(data: &Path, settings: &Path) {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let next = Arc::new(AtomicU64::new(0));
    let finish = Arc::new(AtomicBool::new(false));
    let (announce, address) = watch::channel(String::from("127.0.0.1:1"));
    let workers: Vec<_> = (0..WORKERS).map(|_| tokio::spawn(work(Arc::clone(&next), address.clone(), Arc::clone(&finish)))).collect();

    for kill in 0..KILLS {
        let server = Server::spawn(data, Some(settings));
        if kill % 10 == 9 {
            // A crash while starting, in the middle of the replay.
            let mut server = server;
            tokio::time::sleep(Duration::from_millis(random.random_range(0..120))).await;
            server.kill().unwrap();
            server.wait().unwrap();
            continue;
        }
        let server = tokio::task::spawn_blocking(move || Server::ready(server)).await.unwrap().expect("the server did not come up after a crash");
        announce.send(server.otlp_http.clone()).unwrap();
        tokio::time::sleep(Duration::from_millis(random.random_range(20..900))).await;
        server.kill();
    }

    let server = Server::start(data, Some(settings));
    announce.send(server.otlp_http.clone()).unwrap();
    finish.store(true, Ordering::Relaxed);
    let mut n_acked = 0;
    for worker in workers {
        n_acked += worker.await.unwrap();
    }
    let n_requests = next.load(Ordering::Relaxed);
    assert_eq!(n_acked, n_requests, "every request was sent again until it was acked");
    assert!(n_requests > 200, "the load was too light to say anything: {n_requests} requests");

    let mut n_rows = 0;
    let expected: Vec<Vec<BTreeSet<u64>>> = (0..2)
        .map(|tenant| {
            let of = |signal| (0..n_requests).map(|number| Request { number }).filter(move |r| r.tenant() == tenant && r.signal() == signal);
            (0..3).map(|signal| of(signal).flat_map(|request| request.rows().collect::<Vec<_>>()).collect()).collect()
        })
        .collect();
    for (tenant, (token, name)) in TENANTS.iter().enumerate() {
        for (signal, (_, table)) in TABLES.iter().enumerate() {
            let sql = format!("select attributes->>'row' as row from {table}");
            check(&format!("{name}, server"), table, &expected[tenant][signal], row_ids(&server.sql(Some(token), &sql).await));
            n_rows += expected[tenant][signal].len();
        }
    }
    server.kill();
    at_rest(data, &expected, "at rest after a kill");
    Server::start(data, Some(settings)).stop();
    at_rest(data, &expected, "at rest after a stop");
    with_duckdb(data, &expected);
    eprintln!("{n_rows} rows of {n_requests} requests survived {KILLS} kills");
}

fn at_rest(data: &Path, expected: &[Vec<BTreeSet<u64>>], source: &str) {
    for (tenant, (_, name)) in TENANTS.iter().enumerate() {
        for (signal, (_, table)) in TABLES.iter().enumerate() {
            let rows = sql_at_rest(data, name, &format!("select attributes->>'row' as row from {table}"));
            check(&format!("{name}, {source}"), table, &expected[tenant][signal], row_ids(&rows));
        }
    }
}

fn with_duckdb(data: &Path, expected: &[Vec<BTreeSet<u64>>]) {
    for (tenant, (_, name)) in TENANTS.iter().enumerate() {
        for (signal, (_, table)) in TABLES.iter().enumerate() {
            let uri = data.join(name).join(table).display().to_string();
            let query = format!("select attributes->>'$.row' as row from delta_scan('{uri}')");
            let Some(output) = service("lake.sh", &["duckdb", "lake_read.py", "sql", &query]) else { return };
            let rows: Vec<serde_json::Value> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            check(&format!("{name}, DuckDB"), table, &expected[tenant][signal], row_ids(&rows));
        }
    }
}
