//! What real SDKs send must be kept, whichever way it comes in.

use std::fs;
use std::path::{Path, PathBuf};

use collector::CollectorConfig;
use collector::decode::fault::Rejected;
use collector::otlp::limits::{Admitted, Meter};
use collector::otlp::{Signal, read_protobuf};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use schema::{Keys, Tenant};
use tonic::Code;
use tonic::codec::CompressionEncoding;
use tonic_types::StatusExt;

use crate::requests::{span, traces};

use crate::server::{EXPORT_LOGS, EXPORT_METRICS, EXPORT_TRACES, JSON, LOGS, METRICS, PROTOBUF, Server, TRACES, call, post};
use crate::{gzip, zstd};

fn files(suffix: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let dialects = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let files = dialects.flat_map(|dialect| fs::read_dir(dialect).unwrap().map(|entry| entry.unwrap().path()));
    let mut found: Vec<PathBuf> = files.filter(|path| path.to_string_lossy().ends_with(suffix)).collect();
    found.sort();
    found
}

struct Ways {
    signal: Signal,
    http: &'static str,
    grpc: &'static str,
    table: &'static str,
}

fn ways(path: &Path) -> Ways {
    let name = path.file_name().unwrap().to_string_lossy();
    match () {
        () if name.contains(".traces.") => Ways { signal: Signal::Traces, http: TRACES, grpc: EXPORT_TRACES, table: "spans" },
        () if name.contains(".logs.") => Ways { signal: Signal::Logs, http: LOGS, grpc: EXPORT_LOGS, table: "logs" },
        () => Ways { signal: Signal::Metrics, http: METRICS, grpc: EXPORT_METRICS, table: "metrics" },
    }
}

/// The tables after the corpus has come in by one way.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    spans: u64,
    logs: u64,
    metrics: u64,
}

async fn counts(server: &Server, tenant: &str) -> Counts {
    let rows = |table| server.n_rows_of(tenant, table);
    Counts { spans: rows("spans").await, logs: rows("logs").await, metrics: rows("metrics").await }
}

fn expected(paths: &[PathBuf]) -> Counts {
    let mut counts = Counts::default();
    for path in paths {
        let (ways, body) = (ways(path), fs::read(path).unwrap());
        let read = read_protobuf(ways.signal, &body, &mut Meter::new(&mut Admitted, usize::MAX)).unwrap();
        let n_items = Rejected::of(&read.request).n_items as u64;
        match ways.signal {
            Signal::Traces => counts.spans += n_items,
            Signal::Logs => counts.logs += n_items,
            Signal::Metrics => counts.metrics += n_items,
        }
    }
    counts
}

/// Every span, record and point of the corpus is a row, over HTTP and gRPC, plain and compressed; sent again, nothing doubles.
#[tokio::test(flavor = "multi_thread")]
async fn the_corpus_is_kept_by_every_way_in() {
    let tenant = |name: &str| (format!("key-{name}"), Tenant::new(name).unwrap());
    let keys = Keys::new(["http", "http-gzip", "grpc", "grpc-zstd"].map(tenant).to_vec());
    let server = Server::start(CollectorConfig::default(), keys).await;
    let paths: Vec<PathBuf> = files(".bin").into_iter().step_by(5).collect();
    for _ in 0..2 {
        for path in &paths {
            let (ways, body) = (ways(path), fs::read(path).unwrap());
            let http = |body| post(ways.http, PROTOBUF, body);
            let sent = http(body.clone()).with("authorization", "Bearer key-http").send(&server).await;
            assert_eq!(sent.partial(), None, "{}", path.display());
            let sent = http(gzip(&body)).with("content-encoding", "gzip").with("authorization", "Bearer key-http-gzip").send(&server).await;
            assert_eq!(sent.partial(), None, "{}", path.display());
            let sent = call(ways.grpc, &body).with("authorization", "Bearer key-grpc").send(&server).await;
            assert_eq!(sent.partial(), None, "{}", path.display());
            let mut packed = call(ways.grpc, &zstd(&body)).with("grpc-encoding", "zstd").with("authorization", "Bearer key-grpc-zstd");
            packed.framed[0] = 1;
            assert_eq!(packed.send(&server).await.partial(), None, "{}", path.display());
        }
    }
    let expect = expected(&paths);
    assert!(expect.spans > 100 && expect.logs > 20 && expect.metrics > 20, "{expect:?}");
    for name in ["http", "http-gzip", "grpc", "grpc-zstd"] {
        assert_eq!(counts(&server, name).await, expect, "{name}");
    }
    server.stop().await;
}

/// The client that everybody generates from OTLP's .proto files, compressing as it does.
#[tokio::test(flavor = "multi_thread")]
async fn a_generated_client_understands_the_answers() {
    let server = Server::start(CollectorConfig::default(), Keys::default()).await;
    let client = || TraceServiceClient::connect(format!("http://{}", server.grpc));
    let good = span(1);
    let bad = Span { span_id: vec![], ..span(2) };
    let request = |spans| ExportTraceServiceRequest::decode(&*traces(spans)).unwrap();
    let mut plain = client().await.unwrap();
    let response = plain.export(request(vec![good])).await.unwrap().into_inner();
    assert_eq!(response.partial_success, None);
    for (id, encoding) in (10..).zip([CompressionEncoding::Gzip, CompressionEncoding::Zstd]) {
        let mut packing = client().await.unwrap().send_compressed(encoding).accept_compressed(encoding);
        let response = packing.export(request(vec![span(id), bad.clone()])).await.unwrap().into_inner();
        assert_eq!(response.partial_success.unwrap().rejected_spans, 1);
    }
    let status = plain.export(request(vec![Span { name: "x".repeat(65 << 20), ..span(3) }])).await.unwrap_err();
    assert_eq!((status.code(), status.get_details_retry_info().is_none()), (Code::ResourceExhausted, true));
    assert_eq!(server.n_rows("spans").await, 3);
    server.stop().await;
}

/// Requests as they came: JSON from JavaScript, and a body that was gzipped.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_as_received_are_kept() {
    let server = Server::start(CollectorConfig::default(), Keys::default()).await;
    let mut n_spans = 0;
    for path in files(".otlp.json") {
        let before = server.n_rows(ways(&path).table).await;
        let answer = post(ways(&path).http, JSON, fs::read(&path).unwrap()).send(&server).await;
        assert_eq!((answer.status, answer.text()), (200, "{}"), "{}", path.display());
        n_spans = server.n_rows("spans").await;
        let beside = PathBuf::from(path.to_string_lossy().replace(".otlp.json", ".bin"));
        assert_eq!(n_spans - before, expected(&[beside]).spans, "{}", path.display());
    }
    assert!(n_spans > 0);
    for path in files(".bin.gz") {
        let answer = post(ways(&path).http, PROTOBUF, fs::read(&path).unwrap()).with("content-encoding", "gzip").send(&server).await;
        assert_eq!(answer.partial(), None, "{}", path.display());
        assert_eq!(server.n_rows("spans").await - n_spans, expected(&[path.with_extension("")]).spans, "{}", path.display());
    }
    server.stop().await;
}
