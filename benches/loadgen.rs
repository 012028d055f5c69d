//! Drives an OTLP server with pre-encoded GenAI spans, and prints what it measured as one JSON line.
//!
//! `cargo run --release --example loadgen -- --help`. The same program drives karat and its peers, so that a ratio compares the
//! servers and nothing else. Before the clock starts all spans are made, encoded and compressed, and over gRPC framed as well: the generator takes
//! little of the CPU that it shares with the server.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    reason = "a measurement stops at the first surprise"
)]

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::{BufMut as _, Bytes, BytesMut};
use clap::Parser;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::{BodyExt as _, Full};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;
use tonic::transport::{Channel, Endpoint};
use tower::{Service as _, ServiceExt as _};

#[derive(Debug, Clone, Parser)]
struct Args {
    /// Address of the server: OTLP/gRPC, or with `--http` the base URL of OTLP/HTTP.
    #[arg(long, default_value = "http://127.0.0.1:4317")]
    endpoint: String,
    /// Sends protobuf over HTTP to `/v1/traces` below the endpoint.
    #[arg(long)]
    http: bool,
    /// Header of every HTTP request, as `name=value`.
    #[arg(long)]
    header: Option<String>,
    /// Spans to send in all.
    #[arg(long, default_value_t = 200_000)]
    spans: u64,
    /// Spans a request.
    #[arg(long, default_value_t = 100)]
    batch: u64,
    /// Bytes of a span, about.
    #[arg(long, default_value_t = 2_048)]
    bytes: usize,
    /// Requests in flight.
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Spans a second to offer; 0 sends as fast as acks come.
    #[arg(long, default_value_t = 0)]
    rate: u64,
    /// Compression: none, gzip or zstd.
    #[arg(long, default_value = "none")]
    compression: String,
    /// First span id, so that several runs against one server do not collide.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Sends again at once when told to come back later.
    #[arg(long)]
    impatient: bool,
    /// Newest start time, nanoseconds since 1970; now where it is not given.
    #[arg(long)]
    now_nanos: Option<u64>,
    /// The spans lie in so many hours before the newest.
    #[arg(long, default_value_t = 1)]
    hours: u64,
}

/// Bytes of a span's own fields and short attributes, beside question and answer.
const FRAME_BYTES: usize = 560;
/// Model asked for, model that answered, and how many of ten calls it gets.
const MODELS: [(&str, &str, &str, u64); 4] = [
    ("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18", 5),
    ("openai", "gpt-4o", "gpt-4o-2024-08-06", 2),
    ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", 2),
    ("mistral_ai", "mistral-large-latest", "mistral-large-2411", 1),
];
const SERVICES: [&str; 5] = ["checkout", "support", "search", "reports", "onboarding"];

fn text(key: &str, value: impl Into<String>) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(Any::StringValue(value.into())) }), ..KeyValue::default() }
}

fn int(key: &str, value: i64) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(Any::IntValue(value)) }), ..KeyValue::default() }
}

/// Spreads `number` over all of `u64`, another way for each `salt`.
fn hash(number: u64, salt: u64) -> u64 {
    let mixed = (number ^ salt.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 16
}

/// Words without end, not the same twice, as real prose is not.
fn prose(number: u64, salt: u64, len: usize) -> String {
    let words = ["ledger", "carat", "assay", "refine", "invoice", "metal", "weight", "stamp", "alloy", "vault", "customs", "parcel"];
    let mut out = String::with_capacity(len + 10);
    for i in 0.. {
        if out.len() >= len {
            break;
        }
        out.push_str(words[hash(number, salt << 32 | i) as usize % words.len()]);
        out.push(' ');
    }
    out
}

/// One chat call; five make a trace, twenty a session.
fn span(args: &Args, number: u64, now_nanos: u64) -> Span {
    let share = hash(number, 1) % 10;
    let mut below = 0;
    let (provider, asked, answered, _) = *MODELS
        .iter()
        .find(|model| {
            below += model.3;
            share < below
        })
        .unwrap();
    let body = args.bytes.saturating_sub(FRAME_BYTES) / 2;
    let window_ms = args.hours * 3_600_000;
    let start = now_nanos - window_ms * 1_000_000 + hash(number / 5, 2) % window_ms * 1_000_000 + number % 5 * 1_000;
    let failed = hash(number, 3).is_multiple_of(50);
    let mut attributes = vec![
        text("gen_ai.operation.name", "chat"),
        text("gen_ai.provider.name", provider),
        text("gen_ai.request.model", asked),
        text("gen_ai.response.model", answered),
        int("gen_ai.usage.input_tokens", 200 + (hash(number, 4) % 800) as i64),
        int("gen_ai.usage.output_tokens", 50 + (hash(number, 5) % 300) as i64),
    ];
    if args.bytes > FRAME_BYTES {
        let message = |role: &str, text: String| serde_json::json!([{"role": role, "parts": [{"type": "text", "content": text}]}]).to_string();
        attributes.push(text("gen_ai.response.id", format!("chatcmpl-{number:016x}")));
        attributes.push(text("gen_ai.conversation.id", format!("session-{}", number / 20)));
        attributes.push(text("user.id", format!("user-{}", hash(number / 20, 6) % 5_000)));
        attributes.push(text("gen_ai.input.messages", message("user", prose(number, 1, body))));
        attributes.push(text("gen_ai.output.messages", message("assistant", prose(number, 2, body))));
    }
    if failed {
        attributes.push(text("error.type", "timeout"));
    }
    Span {
        trace_id: (u128::from(number / 5) << 64 | 0xabcdef).to_be_bytes().to_vec(),
        span_id: number.to_be_bytes().to_vec(),
        name: format!("chat {asked}"),
        kind: 3,
        start_time_unix_nano: start,
        end_time_unix_nano: start + 300_000_000 + hash(number, 7) % 1_500_000_000,
        attributes,
        status: failed.then(|| Status { code: 2, message: "the model did not answer in time".to_owned() }),
        ..Span::default()
    }
}

fn request(args: &Args, number: u64, now_nanos: u64) -> ExportTraceServiceRequest {
    let first = args.first + number * args.batch;
    let spans = (first..first + args.batch).map(|number| span(args, number, now_nanos)).collect();
    let service = SERVICES[hash(first, 8) as usize % SERVICES.len()];
    let resource = Resource { attributes: vec![text("service.name", service), text("deployment.environment.name", "bench")], ..Resource::default() };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }],
    }
}

fn percentile(sorted: &[f64], share: f64) -> f64 {
    let index = ((sorted.len() as f64 - 1.0) * share).round();
    sorted.get(index as usize).copied().unwrap_or(f64::NAN)
}

/// Makes the bodies of all requests, ready to be sent; returns them with the bytes of their protobuf before compression.
fn bodies(args: &Args, now_nanos: u64) -> (Vec<Bytes>, usize) {
    let mut bytes = 0;
    let bodies = (0..args.spans / args.batch).map(|number| {
        let body = request(args, number, now_nanos).encode_to_vec();
        bytes += body.len();
        let body = compressed(&args.compression, body);
        if args.http { body.into() } else { framed(args, &body) }
    });
    let bodies = bodies.collect();
    (bodies, bytes)
}

/// Puts a flag and a length before a message, as gRPC does.
fn framed(args: &Args, message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(5 + message.len());
    frame.put_u8(u8::from(args.compression != "none"));
    frame.put_u32(message.len() as u32);
    frame.put_slice(message);
    frame.freeze()
}

fn compressed(how: &str, body: Vec<u8>) -> Vec<u8> {
    match how {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&body).and_then(|()| encoder.finish()).expect("gzip")
        }
        "zstd" => zstd::encode_all(body.as_slice(), 1).expect("zstd"),
        _ => body,
    }
}

/// One sender with a connection of its own.
enum Client {
    Grpc { channel: Channel, headers: HeaderMap },
    Http { client: reqwest::Client, url: String },
}

impl Client {
    async fn connect(args: &Args) -> Client {
        let mut headers = HeaderMap::new();
        if args.compression != "none" {
            let name = if args.http { CONTENT_ENCODING } else { HeaderName::from_static("grpc-encoding") };
            headers.insert(name, args.compression.parse().expect("a compression"));
        }
        if !args.http {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            headers.insert(TE, HeaderValue::from_static("trailers"));
            let endpoint = Endpoint::from_shared(args.endpoint.clone()).expect("an address");
            return Client::Grpc { channel: endpoint.connect().await.expect("cannot reach the endpoint"), headers };
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        if let Some((name, value)) = args.header.as_deref().and_then(|header| header.split_once('=')) {
            headers.insert(name.parse::<HeaderName>().expect("a header"), value.parse().expect("a header's value"));
        }
        let client = reqwest::Client::builder().no_proxy().default_headers(headers).build().expect("an HTTP client");
        Client::Http { client, url: format!("{}/v1/traces", args.endpoint) }
    }

    /// Sends a body; false where the server says to come back later.
    async fn send(&mut self, body: Bytes) -> bool {
        match self {
            Client::Grpc { channel, headers } => export(channel, headers.clone(), body).await,
            Client::Http { client, url } => {
                let status = client.post(&*url).body(body).send().await.expect("the server does not answer").status();
                assert!(status.is_success() || matches!(status.as_u16(), 429 | 503), "{status}");
                status.is_success()
            }
        }
    }
}

/// Sends one framed message; what is sent and answered is gRPC, without a codec in between.
async fn export(channel: &mut Channel, headers: HeaderMap, body: Bytes) -> bool {
    let mut request = http::Request::post("/opentelemetry.proto.collector.trace.v1.TraceService/Export");
    request.headers_mut().expect("a request").extend(headers);
    let request = request.body(tonic::body::Body::new(Full::new(body))).expect("a request");
    let response = channel.ready().await.expect("the server does not answer").call(request).await.expect("the server does not answer");
    let (head, body) = response.into_parts();
    let answer = body.collect().await.expect("the answer broke off");
    // A refusal has its status where headers are, and an answer after its message.
    let trailers = answer.trailers().cloned().unwrap_or_default();
    let field = |name: &str| trailers.get(name).or_else(|| head.headers.get(name)).and_then(|value| value.to_str().ok());
    let (status, message) = (field("grpc-status"), field("grpc-message"));
    assert!(matches!(status, Some("0" | "8" | "14")), "{:?} {status:?} {message:?}", head.status);
    status == Some("0")
}

#[tokio::main]
async fn main() {
    let args = Args::parse();
    let now_nanos =
        args.now_nanos.unwrap_or_else(|| std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64));
    let (bodies, bytes) = bodies(&args, now_nanos);
    let bodies = Arc::new(bodies);

    let next = Arc::new(AtomicU64::new(0));
    let n_retries = Arc::new(AtomicU64::new(0));
    let begin = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..args.clients {
        let (args, bodies, next, n_retries) = (args.clone(), Arc::clone(&bodies), Arc::clone(&next), Arc::clone(&n_retries));
        tasks.push(tokio::spawn(async move {
            let mut client = Client::connect(&args).await;
            let mut latencies_ms = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(body) = bodies.get(number as usize) else { return latencies_ms };
                // At a set rate the wait is counted from when the request was due: a stall must not hide behind a slow sender.
                let due =
                    if args.rate > 0 { begin + Duration::from_secs_f64((number * args.batch) as f64 / args.rate as f64) } else { Instant::now() };
                tokio::time::sleep_until(due.into()).await;
                while !client.send(body.clone()).await {
                    n_retries.fetch_add(1, Ordering::Relaxed);
                    if !args.impatient {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
                latencies_ms.push(due.elapsed().as_secs_f64() * 1_000.0);
            }
        }));
    }
    let mut latencies_ms = Vec::new();
    for task in tasks {
        latencies_ms.extend(task.await.expect("a client failed"));
    }
    let seconds = begin.elapsed().as_secs_f64();
    latencies_ms.sort_by(f64::total_cmp);
    let spans = args.spans / args.batch * args.batch;
    println!(
        "{}",
        serde_json::json!({
            "spans": spans, "seconds": seconds, "spans_per_s": spans as f64 / seconds, "mb_per_s": bytes as f64 / 1e6 / seconds, "bytes_per_span": bytes as f64 / spans as f64,
            "ack_p50_ms": percentile(&latencies_ms, 0.5), "ack_p99_ms": percentile(&latencies_ms, 0.99), "ack_max_ms": latencies_ms.last(), "retries": n_retries.load(Ordering::Relaxed),
        })
    );
}
