//! Drives an OTLP server with pre-encoded GenAI spans, and prints what it measured as one JSON line.
//!
//! `cargo run --release --example loadgen -- --help`. The same program drives karat and its peers, so that a ratio compares the
//! servers and nothing else. Bodies are encoded before the clock starts; only the ids inside are changed between two sends.

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

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use tonic::codec::CompressionEncoding;

#[derive(Debug, Clone, Parser)]
struct Args {
    /// OTLP/gRPC endpoint.
    #[arg(long, default_value = "http://127.0.0.1:4317")]
    endpoint: String,
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
    /// Newest start time, nanoseconds since 1970; the spans lie in the hour before it.
    #[arg(long)]
    now_nanos: Option<u64>,
}

fn text(key: &str, value: impl Into<String>) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(Any::StringValue(value.into())) }), ..KeyValue::default() }
}

fn int(key: &str, value: i64) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(Any::IntValue(value)) }), ..KeyValue::default() }
}

/// A chat span with a question and an answer that are not the same twice, as real ones are not.
fn span(number: u64, bytes: usize, now_nanos: u64) -> Span {
    let words = ["ledger", "carat", "assay", "refine", "invoice", "metal", "weight", "stamp", "alloy", "vault", "customs", "parcel"];
    let pick = |salt: u64, i: usize| {
        let hash = (number ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(i as u64).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        words[(hash >> 33) as usize % words.len()]
    };
    let prose = |salt: u64, len: usize| {
        let mut out = String::with_capacity(len + 10);
        for i in 0.. {
            if out.len() >= len {
                break;
            }
            out.push_str(pick(salt, i));
            out.push(' ');
        }
        out
    };
    let body = bytes.saturating_sub(700) / 2;
    let (question, answer) = (prose(1, body), prose(2, body));
    let start = now_nanos - 3_600_000_000_000 + (number % 3_500_000) * 1_000_000;
    Span {
        trace_id: (u128::from(number / 5) << 64 | 0xabcdef).to_be_bytes().to_vec(),
        span_id: number.to_be_bytes().to_vec(),
        name: "chat gpt-4o-mini".to_owned(),
        kind: 3,
        start_time_unix_nano: start,
        end_time_unix_nano: start + 800_000_000 + number % 700_000_000,
        attributes: vec![
            text("gen_ai.operation.name", "chat"),
            text("gen_ai.provider.name", "openai"),
            text("gen_ai.request.model", "gpt-4o-mini"),
            text("gen_ai.response.model", "gpt-4o-mini-2024-07-18"),
            text("gen_ai.response.id", format!("chatcmpl-{number:016x}")),
            int("gen_ai.usage.input_tokens", 200 + (number % 800) as i64),
            int("gen_ai.usage.output_tokens", 50 + (number % 300) as i64),
            text("gen_ai.conversation.id", format!("session-{}", number / 20)),
            text("gen_ai.input.messages", serde_json::json!([{"role": "user", "parts": [{"type": "text", "content": question}]}]).to_string()),
            text(
                "gen_ai.output.messages",
                serde_json::json!([{"role": "assistant", "parts": [{"type": "text", "content": answer}], "finish_reason": "stop"}]).to_string(),
            ),
        ],
        ..Span::default()
    }
}

fn request(args: &Args, number: u64, now_nanos: u64) -> ExportTraceServiceRequest {
    let first = args.first + number * args.batch;
    let spans = (first..first + args.batch).map(|number| span(number, args.bytes, now_nanos)).collect();
    let resource =
        Resource { attributes: vec![text("service.name", "loadgen"), text("deployment.environment.name", "bench")], ..Resource::default() };
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

#[tokio::main]
async fn main() {
    let args = Args::parse();
    let now_nanos =
        args.now_nanos.unwrap_or_else(|| std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64));
    let n_requests = args.spans / args.batch;
    let requests: Arc<Vec<_>> = Arc::new((0..n_requests).map(|number| request(&args, number, now_nanos)).collect());
    let bytes: usize = requests.iter().map(prost::Message::encoded_len).sum();

    let next = Arc::new(AtomicU64::new(0));
    let n_retries = Arc::new(AtomicU64::new(0));
    let begin = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..args.clients {
        let (args, requests, next, n_retries) = (args.clone(), Arc::clone(&requests), Arc::clone(&next), Arc::clone(&n_retries));
        tasks.push(tokio::spawn(async move {
            let mut client =
                TraceServiceClient::connect(args.endpoint.clone()).await.expect("cannot reach the endpoint").max_encoding_message_size(64 << 20);
            client = match args.compression.as_str() {
                "gzip" => client.send_compressed(CompressionEncoding::Gzip),
                "zstd" => client.send_compressed(CompressionEncoding::Zstd),
                _ => client,
            };
            let mut latencies_ms = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(request) = requests.get(number as usize) else { return latencies_ms };
                // At a set rate the wait is counted from when the request was due: a stall must not hide behind a slow sender.
                let due =
                    if args.rate > 0 { begin + Duration::from_secs_f64((number * args.batch) as f64 / args.rate as f64) } else { Instant::now() };
                tokio::time::sleep_until(due.into()).await;
                while let Err(status) = client.export(request.clone()).await {
                    assert!(matches!(status.code(), tonic::Code::Unavailable | tonic::Code::ResourceExhausted), "{status:?}");
                    n_retries.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(50)).await;
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
    let spans = n_requests * args.batch;
    println!(
        "{}",
        serde_json::json!({
            "spans": spans, "seconds": seconds, "spans_per_s": spans as f64 / seconds, "mb_per_s": bytes as f64 / 1e6 / seconds, "bytes_per_span": bytes as f64 / spans as f64,
            "ack_p50_ms": percentile(&latencies_ms, 0.5), "ack_p99_ms": percentile(&latencies_ms, 0.99), "ack_max_ms": latencies_ms.last(), "retries": n_retries.load(Ordering::Relaxed),
        })
    );
}
