//! More than the server can take, over HTTP and over gRPC: its memory stays within its bound while it commits and joins files, what it takes it keeps
//! and takes at full rate, the rest is told when to come back, and a quiet sender is not starved by a noisy one.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};
use tonic_types::StatusExt as _;

use crate::server::Server;

/// What karat.toml promises where nothing else is set: `store.ingest_bytes_max`.
const RSS_MAX: u64 = 512_000_000;
/// How long each load lasts.
const LOAD_TIME: Duration = Duration::from_secs(6);
/// Requests under way at any time without overload.
const FITTING: u64 = 4;
/// Requests that the noisy sender has under way at any time: far more than are taken at once.
const NOISY: u64 = 64;
const SPANS: u64 = 100;
/// Work that is accepted under overload goes on at this share of the rate without it at least: turning others away costs some CPU, of which the
/// senders in this process take a good part.
const RATE_SHARE_MIN: f64 = 0.3;
/// Requests of the quiet sender that are acked for each one that is refused: rows take more memory than their requests, and now and then, where
/// other programs want the CPU as well, what is left for the quiet is taken by them. Of the noisy sender's, most are refused.
const QUIET_ACKED_MIN: u64 = 20;
/// Files are joined all the time, so that what that takes is in the figures.
const SETTINGS: &str =
    "[store]\nflush_interval_ms = 500\ncompact_files = 2\n[stages]\nscore_every_s = 0\ninspect_every_s = 0\n[log]\nfilter = \"error\"\n";

/// A request of [`SPANS`] spans of 2 KB.
fn request(number: u64, service: &str) -> ExportTraceServiceRequest {
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
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() }] }
}

/// How requests travel.
enum Wire {
    Http { client: reqwest::Client, url: String },
    Grpc(TraceServiceClient<Channel>),
}

impl Wire {
    fn http(server: &Server, address: Ipv4Addr) -> Wire {
        let client = reqwest::Client::builder().no_proxy().local_address(IpAddr::V4(address)).build().unwrap();
        Wire::Http { client, url: format!("http://{}/v1/traces", server.otlp_http) }
    }

    async fn grpc(server: &Server) -> Wire {
        let channel = Endpoint::from_shared(format!("http://{}", server.otlp_grpc)).unwrap().connect().await.unwrap();
        Wire::Grpc(TraceServiceClient::new(channel))
    }

    /// Sends a request once; after a refusal, how many seconds the server wants to be left alone.
    async fn send(&self, request: &ExportTraceServiceRequest) -> Result<(), u64> {
        match self {
            Wire::Http { client, url } => {
                let post = client.post(url).header("content-type", "application/x-protobuf").body(request.encode_to_vec());
                let response = post.send().await.unwrap();
                if response.status().is_success() {
                    return Ok(());
                }
                assert!(matches!(response.status().as_u16(), 429 | 503), "{}", response.status());
                Err(response.headers()["retry-after"].to_str().unwrap().parse().unwrap())
            }
            Wire::Grpc(client) => {
                let Err(status) = client.clone().export(request.clone()).await else { return Ok(()) };
                assert_eq!(status.code(), tonic::Code::Unavailable, "{status:?}");
                let info = status.get_details_retry_info().expect("the sender is told when to come back");
                Err(info.retry_delay.unwrap().as_secs())
            }
        }
    }
}

struct Sender {
    wire: Wire,
    next: Arc<AtomicU64>,
    n_acked: AtomicU64,
    n_refused: AtomicU64,
}

impl Sender {
    fn new(wire: Wire, next: &Arc<AtomicU64>) -> Arc<Self> {
        Arc::new(Self { wire, next: Arc::clone(next), n_acked: AtomicU64::new(0), n_refused: AtomicU64::new(0) })
    }

    /// Sends one request until it is acked or it is to `give_up`; waits for `pause`, or else for as long as the server asks.
    async fn send(&self, service: &str, pause: Option<Duration>, give_up: &AtomicBool) {
        let request = request(self.next.fetch_add(1, Ordering::Relaxed), service);
        while let Err(asked) = self.wire.send(&request).await {
            assert!(asked >= 1, "the sender is told when to come back");
            self.n_refused.fetch_add(1, Ordering::Relaxed);
            if give_up.load(Ordering::Relaxed) {
                return;
            }
            tokio::time::sleep(pause.unwrap_or(Duration::from_secs(asked))).await;
        }
        self.n_acked.fetch_add(1, Ordering::Relaxed);
    }

    fn acked(&self) -> u64 {
        self.n_acked.load(Ordering::Relaxed)
    }

    fn refused(&self) -> u64 {
        self.n_refused.load(Ordering::Relaxed)
    }
}

/// Has `n` requests of a sender under way for as long as `beside` takes; returns how many were acked a second.
async fn load(sender: &Arc<Sender>, n: u64, beside: impl Future<Output = ()>) -> f64 {
    let done = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for _ in 0..n {
        let (sender, done) = (Arc::clone(sender), Arc::clone(&done));
        // It does not wait as it is told to: the worst of exporters.
        tasks.spawn(async move {
            while !done.load(Ordering::Relaxed) {
                sender.send("noisy", Some(Duration::from_millis(20)), &done).await;
            }
        });
    }
    let (began, before) = (Instant::now(), sender.acked());
    beside.await;
    let rate = (sender.acked() - before) as f64 / began.elapsed().as_secs_f64();
    done.store(true, Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    rate
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_bounded_and_a_quiet_sender_gets_through() {
    let dir = tempfile::tempdir().unwrap();
    let settings = dir.path().join("karat.toml");
    std::fs::write(&settings, SETTINGS).unwrap();
    let server = Server::start(&dir.path().join("data"), Some(&settings));
    let next = Arc::new(AtomicU64::new(0));
    let fitting = Sender::new(Wire::http(&server, Ipv4Addr::LOCALHOST), &next);
    let noisy = [Wire::http(&server, Ipv4Addr::LOCALHOST), Wire::grpc(&server).await].map(|wire| Sender::new(wire, &next));
    let quiet = Sender::new(Wire::http(&server, Ipv4Addr::new(127, 0, 0, 2)), &next);

    // What memory takes at first says nothing of the rate that lasts.
    load(&fitting, FITTING, tokio::time::sleep(LOAD_TIME)).await;
    let rate = load(&fitting, FITTING, tokio::time::sleep(LOAD_TIME)).await;
    let mut waits = Vec::new();
    for (noisy, wire) in noisy.iter().zip(["HTTP", "gRPC"]) {
        let beside = async {
            let began = Instant::now();
            while began.elapsed() < LOAD_TIME {
                let sent = Instant::now();
                quiet.send("quiet", None, &AtomicBool::new(false)).await;
                waits.push(sent.elapsed());
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let under_load = load(noisy, NOISY, beside).await;
        let (n_acked, n_refused) = (noisy.acked(), noisy.refused());
        eprintln!("{wire}: {n_acked} acked, {n_refused} refused; {under_load:.1} requests/s against {rate:.1} without overload");
        assert!(n_refused > n_acked, "{wire}: the load was not too much: {n_acked} acked, {n_refused} refused");
        assert!(under_load > RATE_SHARE_MIN * rate, "{wire}: accepted work slows down: {under_load:.1} requests/s against {rate:.1}");
    }
    waits.sort_unstable();
    let longest = waits[waits.len() - 1];
    let (rss, compactions) = (server.rss_max(), server.store_status().await["maintenance"]["compactions"].as_u64());
    let n_quiet = quiet.acked();
    eprintln!(
        "quiet: {n_quiet} acked, {} refused, waits {:?} to {longest:?}; {compactions:?} compactions; RSS {} MB",
        quiet.refused(),
        waits[0],
        rss / 1_000_000
    );
    assert!(rss < RSS_MAX, "RSS rose to {rss} bytes");
    assert!(compactions > Some(0), "files were joined meanwhile");
    let n_refused = quiet.refused();
    assert!(n_refused * QUIET_ACKED_MIN <= n_quiet, "who sends little is let in beside one who sends much: {n_quiet} acked, {n_refused} refused");
    assert!(longest < Duration::from_secs(5), "a quiet sender waited for {longest:?}");

    let expected = (fitting.acked() + noisy.iter().map(|noisy| noisy.acked()).sum::<u64>() + n_quiet) * SPANS;
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
