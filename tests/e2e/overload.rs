//! More than the server can take: its memory stays within its bound, what it takes it keeps, the rest is told when to come back, and
//! a quiet sender is not starved by a noisy one.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use tokio::task::JoinSet;

use crate::server::Server;

/// What karat.toml promises where nothing else is set: `store.ingest_bytes_max`.
const RSS_MAX: u64 = 512_000_000;
const LOAD_TIME: Duration = Duration::from_secs(8);
/// Requests that the noisy sender has under way at any time: far more than are taken at once.
const NOISY: u64 = 64;
const SPANS: u64 = 100;

/// A request of [`SPANS`] spans of 2 KB.
fn body(number: u64, service: &str) -> Vec<u8> {
    let text = |key: &str, value: String| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(Any::StringValue(value)) }),
        ..KeyValue::default()
    };
    let span = |row: u64| Span {
        trace_id: (u128::from(row) << 7 | 1).to_be_bytes().to_vec(),
        span_id: row.to_be_bytes().to_vec(),
        name: service.to_owned(),
        start_time_unix_nano: 1_793_491_200_000_000_000 + row * 1_000,
        end_time_unix_nano: 1_793_491_200_000_000_000 + row * 1_000 + 1,
        attributes: vec![text("gen_ai.operation.name", "chat".to_owned()), text("gen_ai.prompt", format!("{row:08} ").repeat(210))],
        ..Span::default()
    };
    let first = 1 + number * SPANS;
    let scope = ScopeSpans { spans: (first..first + SPANS).map(span).collect(), ..ScopeSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() }] }.encode_to_vec()
}

struct Sender {
    client: reqwest::Client,
    url: String,
    next: Arc<AtomicU64>,
    n_acked: AtomicU64,
    n_refused: AtomicU64,
}

impl Sender {
    fn new(server: &Server, address: Ipv4Addr, next: &Arc<AtomicU64>) -> Arc<Self> {
        let client = reqwest::Client::builder().no_proxy().local_address(IpAddr::V4(address)).build().unwrap();
        let url = format!("http://{}/v1/traces", server.otlp_http);
        Arc::new(Self { client, url, next: Arc::clone(next), n_acked: AtomicU64::new(0), n_refused: AtomicU64::new(0) })
    }

    /// Sends one request until it is acked or it is to `give_up`; waits for `pause`, or else for as long as the server asks.
    async fn send(&self, service: &str, pause: Option<Duration>, give_up: &AtomicBool) {
        let body = body(self.next.fetch_add(1, Ordering::Relaxed), service);
        loop {
            let response = self.client.post(&self.url).header("content-type", "application/x-protobuf").body(body.clone()).send().await.unwrap();
            if response.status().is_success() {
                self.n_acked.fetch_add(1, Ordering::Relaxed);
                return;
            }
            assert!(matches!(response.status().as_u16(), 429 | 503), "{}", response.status());
            let asked: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
            assert!(asked >= 1, "the sender is told when to come back");
            self.n_refused.fetch_add(1, Ordering::Relaxed);
            if give_up.load(Ordering::Relaxed) {
                return;
            }
            tokio::time::sleep(pause.unwrap_or(Duration::from_secs(asked))).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_bounded_and_a_quiet_sender_gets_through() {
    let dir = tempfile::tempdir().unwrap();
    let settings = dir.path().join("karat.toml");
    std::fs::write(&settings, "[stages]\nscore_every_s = 0\ninspect_every_s = 0\n[log]\nfilter = \"error\"\n").unwrap();
    let server = Server::start(&dir.path().join("data"), Some(&settings));
    let (next, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let noisy = Sender::new(&server, Ipv4Addr::LOCALHOST, &next);
    let quiet = Sender::new(&server, Ipv4Addr::new(127, 0, 0, 2), &next);
    let mut tasks = JoinSet::new();
    for _ in 0..NOISY {
        let (noisy, done) = (Arc::clone(&noisy), Arc::clone(&done));
        // It does not wait as it is told to: the worst of exporters.
        tasks.spawn(async move {
            while !done.load(Ordering::Relaxed) {
                noisy.send("noisy", Some(Duration::from_millis(20)), &done).await;
            }
        });
    }
    let began = Instant::now();
    let mut waits = Vec::new();
    while began.elapsed() < LOAD_TIME {
        let sent = Instant::now();
        quiet.send("quiet", None, &AtomicBool::new(false)).await;
        waits.push(sent.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    done.store(true, Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    waits.sort_unstable();
    let n = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (n_acked, n_refused, n_quiet, n_quiet_refused) = (n(&noisy.n_acked), n(&noisy.n_refused), n(&quiet.n_acked), n(&quiet.n_refused));
    let rss = server.rss_max();
    eprintln!(
        "noisy: {n_acked} acked, {n_refused} refused; quiet: {n_quiet} acked, {n_quiet_refused} refused, waits {:?} to {:?}; RSS {} MB",
        waits[0],
        waits[waits.len() - 1],
        rss / 1_000_000
    );
    assert!(rss < RSS_MAX, "RSS rose to {rss} bytes");
    assert!(n_refused > n_acked, "the load was not too much: {n_acked} acked, {n_refused} refused");
    assert_eq!(n_quiet_refused, 0, "who sends little is let in beside one who sends much");
    assert!(waits[waits.len() - 1] < Duration::from_secs(5), "a quiet sender waited for {:?}", waits[waits.len() - 1]);

    let expected = (n_acked + n_quiet) * SPANS;
    let sql = "select count(*) as n, count(distinct span_id) as d from spans";
    let mut seen = server.sql(None, sql).await;
    let deadline = Instant::now() + Duration::from_secs(120);
    while seen[0]["n"].as_u64() != Some(expected) && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(100)).await;
        seen = server.sql(None, sql).await;
    }
    assert_eq!((seen[0]["n"].as_u64(), seen[0]["d"].as_u64()), (Some(expected), Some(expected)), "what was acked is there, once");
    server.stop();
}
