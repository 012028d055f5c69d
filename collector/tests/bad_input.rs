//! Everything that a hostile or broken sender may send, and the exact answer to each, over real sockets and a real store.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "bad_input/corpus.rs"]
mod corpus;
#[path = "bad_input/requests.rs"]
mod requests;
#[path = "bad_input/server.rs"]
mod server;

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use collector::CollectorConfig;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use requests::{attribute, gauge, logs, nested, point, span, text, traces};
use schema::{Keys, Tenant};
use server::{
    EXPORT_LOGS, EXPORT_METRICS, EXPORT_TRACES, Grpc, GrpcAnswer, HttpAnswer, JSON, LOGS, METRICS, PROTOBUF, START, Server, TRACES, call, frame, post,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tonic::Code;

const MIB: usize = 1024 * 1024;

/// Small limits, so that what exceeds them is quickly made.
fn small() -> CollectorConfig {
    CollectorConfig { body_bytes_max: 4 * MIB, request_memory_bytes_max: 64 * MIB, body_timeout_ms: 500, ..CollectorConfig::default() }
}

/// What a body must be answered with, over either protocol.
enum Outcome {
    /// All of it is kept, so many rows.
    Kept(u64),
    /// Some of it is kept, so many rows; the rest is counted, with this message.
    Partly(u64, i64, &'static str),
    /// Nothing is kept.
    Refused(u16, Code, &'static str),
}
use Outcome::{Kept, Partly, Refused};

#[derive(Clone, Copy, PartialEq)]
enum Signal {
    Traces,
    Logs,
    Metrics,
}

impl Signal {
    fn paths(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Signal::Traces => (TRACES, EXPORT_TRACES, "spans"),
            Signal::Logs => (LOGS, EXPORT_LOGS, "logs"),
            Signal::Metrics => (METRICS, EXPORT_METRICS, "metrics"),
        }
    }
}

/// Every body of a case carries ids made from `id`, so that no two are the same and none is taken for a repetition.
fn bodies(id: u64) -> Vec<(&'static str, Signal, Vec<u8>, Outcome)> {
    use Signal::{Logs, Metrics, Traces};
    let cut = |mut body: Vec<u8>, n: usize| {
        body.truncate(body.len() - n);
        body
    };
    let one = |spoil: &dyn Fn(&mut Span)| {
        let mut bad = span(id);
        spoil(&mut bad);
        traces(vec![span(id + 1), bad])
    };
    let not_utf8 = |mut body: Vec<u8>| {
        let at = body.windows(4).position(|bytes| bytes == b"\xf0\x9f\x98\x80").unwrap();
        body[at + 3] = b'!';
        body
    };
    let many: Vec<_> = (0..10_000).map(|n| attribute(format!("key {n}"), Value::IntValue(n))).collect();
    let ids = "1 of 2 spans rejected; the first: ";
    let leak = |message: String| -> &'static str { message.leak() };
    vec![
        ("empty request", Traces, vec![], Kept(0)),
        ("empty logs", Logs, vec![], Kept(0)),
        (
            "truncated",
            Traces,
            cut(traces(vec![span(id)]), 1),
            Refused(400, Code::InvalidArgument, "the protobuf message ends in the middle of a field; was the body cut?"),
        ),
        (
            "truncated logs",
            Logs,
            cut(logs(vec![LogRecord { severity_text: "warn".to_owned(), ..LogRecord::default() }]), 2),
            Refused(400, Code::InvalidArgument, "the protobuf message ends in the middle of a field; was the body cut?"),
        ),
        (
            "text",
            Traces,
            b"not protobuf at all".to_vec(),
            Refused(400, Code::InvalidArgument, "protobuf field 13 is not of the type that OTLP declares; is the body of this signal?"),
        ),
        (
            "another signal's body",
            Metrics,
            traces(vec![span(id)]),
            Refused(400, Code::InvalidArgument, "protobuf field 13 is not of the type that OTLP declares; is the body of this signal?"),
        ),
        (
            "nested 200,000 deep",
            Traces,
            nested(200_000),
            Refused(400, Code::InvalidArgument, "values nest more than 64 deep; flatten them or send them as JSON text"),
        ),
        (
            "many tiny spans",
            Traces,
            many_tiny_spans(1_000_000),
            Refused(413, Code::ResourceExhausted, "the request takes more than 67108864 bytes of memory once it is read; send smaller batches"),
        ),
        (
            "a body over the limit",
            Traces,
            traces(vec![Span { name: "x".repeat(4 * MIB), ..span(id) }]),
            Refused(413, Code::ResourceExhausted, "the body has more than 4194304 bytes once it is decompressed; send smaller batches"),
        ),
        (
            "invalid UTF-8",
            Traces,
            not_utf8(traces(vec![Span { name: "grin \u{1f600}".to_owned(), ..span(id) }])),
            Partly(1, 0, "1 strings were not UTF-8 and are kept with U+FFFD in place of the bad bytes"),
        ),
        ("missing trace id", Traces, one(&|bad| bad.trace_id.clear()), Partly(1, 1, leak(format!("{ids}trace id has 0 bytes; OTLP wants 16")))),
        ("missing span id", Traces, one(&|bad| bad.span_id.clear()), Partly(1, 1, leak(format!("{ids}span id has 0 bytes; OTLP wants 8")))),
        ("short trace id", Traces, one(&|bad| bad.trace_id.truncate(15)), Partly(1, 1, leak(format!("{ids}trace id has 15 bytes; OTLP wants 16")))),
        ("long span id", Traces, one(&|bad| bad.span_id.push(1)), Partly(1, 1, leak(format!("{ids}span id has 9 bytes; OTLP wants 8")))),
        (
            "all-zero trace id",
            Traces,
            one(&|bad| bad.trace_id.fill(0)),
            Partly(1, 1, leak(format!("{ids}trace id is all zero, which OTLP calls invalid"))),
        ),
        (
            "all-zero span id",
            Traces,
            one(&|bad| bad.span_id.fill(0)),
            Partly(1, 1, leak(format!("{ids}span id is all zero, which OTLP calls invalid"))),
        ),
        (
            "short parent id",
            Traces,
            one(&|bad| bad.parent_span_id = vec![1; 3]),
            Partly(1, 1, leak(format!("{ids}parent span id has 3 bytes; OTLP wants 8"))),
        ),
        ("all-zero parent id", Traces, one(&|bad| bad.parent_span_id = vec![0; 8]), Kept(2)),
        (
            "no span is good",
            Traces,
            traces(vec![Span { trace_id: vec![], ..span(id) }]),
            Partly(0, 1, "1 of 1 spans rejected; the first: trace id has 0 bytes; OTLP wants 16"),
        ),
        (
            "bad ids of a log record",
            Logs,
            logs(vec![LogRecord { trace_id: vec![1; 3], time_unix_nano: START + id, ..LogRecord::default() }]),
            Kept(1),
        ),
        ("end before start", Traces, traces(vec![Span { end_time_unix_nano: START - 1_000, ..span(id) }]), Kept(1)),
        ("start at 0", Traces, traces(vec![Span { start_time_unix_nano: 0, ..span(id) }]), Kept(1)),
        (
            "start at u64::MAX",
            Traces,
            one(&|bad| bad.start_time_unix_nano = u64::MAX),
            Partly(
                1,
                1,
                leak(format!("{ids}startTimeUnixNano is 18446744073709551615, which is after the year 2262; OTLP wants nanoseconds since 1970")),
            ),
        ),
        (
            "end at u64::MAX",
            Traces,
            one(&|bad| bad.end_time_unix_nano = u64::MAX),
            Partly(
                1,
                1,
                leak(format!("{ids}endTimeUnixNano is 18446744073709551615, which is after the year 2262; OTLP wants nanoseconds since 1970")),
            ),
        ),
        (
            "log at u64::MAX",
            Logs,
            logs(vec![LogRecord { time_unix_nano: u64::MAX, ..LogRecord::default() }]),
            Partly(
                0,
                1,
                "1 of 1 log records rejected; the first: timeUnixNano is 18446744073709551615, which is after the year 2262; OTLP wants nanoseconds since 1970",
            ),
        ),
        ("log without a time", Logs, logs(vec![LogRecord { severity_text: format!("{id}"), ..LogRecord::default() }]), Kept(1)),
        (
            "NaN and infinity",
            Traces,
            traces(vec![Span {
                attributes: vec![attribute("nan", Value::DoubleValue(f64::NAN)), attribute("inf", Value::DoubleValue(f64::INFINITY))],
                ..span(id)
            }]),
            Kept(1),
        ),
        (
            "NaN and infinity measured",
            Metrics,
            gauge(vec![
                point(f64::NAN),
                point(f64::NEG_INFINITY),
                opentelemetry_proto::tonic::metrics::v1::NumberDataPoint { start_time_unix_nano: id, ..point(1.5) },
            ]),
            Kept(3),
        ),
        ("10,000 attributes", Traces, traces(vec![Span { attributes: many, ..span(id) }]), Kept(1)),
        ("a key of 1 MB", Traces, traces(vec![Span { attributes: vec![attribute("k".repeat(1_000_000), text("v"))], ..span(id) }]), Kept(1)),
        (
            "duplicate keys",
            Traces,
            traces(vec![Span { attributes: vec![attribute("k", text("first")), attribute("k", text("last"))], ..span(id) }]),
            Kept(1),
        ),
        ("a NUL in text", Traces, traces(vec![Span { name: "a\0b".to_owned(), ..span(id) }]), Kept(1)),
    ]
}

/// `12 00` is a whole span: two bytes that become hundreds in memory.
fn many_tiny_spans(n: usize) -> Vec<u8> {
    let mut body = [0x12, 0x00].repeat(n);
    for key in [0x12, 0x0a] {
        let mut outer = vec![key];
        prost::encoding::encode_varint(body.len() as u64, &mut outer);
        outer.append(&mut body);
        body = outer;
    }
    body
}

/// The table: each body over both protocols, and after each a good request, which is kept.
#[tokio::test(flavor = "multi_thread")]
async fn every_body_has_its_answer_and_good_requests_beside_it_are_kept() {
    let server = Server::start(small(), Keys::default()).await;
    let mut n_good = 0;
    for (name, signal, body, outcome) in bodies(1 << 32) {
        let (path, _, table) = signal.paths();
        let before = server.n_rows(table).await;
        check_http(name, &post(path, PROTOBUF, body).send(&server).await, &outcome);
        assert_eq!(server.n_rows(table).await - before, n_kept(&outcome), "{name} over HTTP");
        n_good += 1;
        assert_eq!(post(TRACES, PROTOBUF, traces(vec![span(n_good)])).send(&server).await.partial(), None, "after {name}");
    }
    for (name, signal, body, outcome) in bodies(2 << 32) {
        let (_, path, table) = signal.paths();
        let before = server.n_rows(table).await;
        check_grpc(name, &call(path, &body).send(&server).await, &outcome);
        assert_eq!(server.n_rows(table).await - before, n_kept(&outcome), "{name} over gRPC");
        n_good += 1;
        assert_eq!(call(EXPORT_TRACES, &traces(vec![span(n_good)])).send(&server).await.partial(), None, "after {name}");
    }
    let good: Vec<(i64, i64)> = server.sql("select count(*), count(distinct span_id) from spans where span_id < '0000000100000000'").await;
    assert_eq!(good, [(n_good.cast_signed(), n_good.cast_signed())], "every good request is found by SQL, once");
    server.stop().await;
}

fn n_kept(outcome: &Outcome) -> u64 {
    match outcome {
        Kept(n_rows) | Partly(n_rows, _, _) => *n_rows,
        Refused(..) => 0,
    }
}

fn check_http(name: &str, answer: &HttpAnswer, outcome: &Outcome) {
    match outcome {
        Kept(_) => assert_eq!(answer.partial(), None, "{name} over HTTP"),
        Partly(_, n_rejected, message) => assert_eq!(answer.partial(), Some((*n_rejected, (*message).to_owned())), "{name} over HTTP"),
        Refused(status, code, message) => {
            assert_eq!(answer.error(), (*status, i32::from(*code), (*message).to_owned()), "{name} over HTTP");
            assert_eq!(answer.header("retry-after"), "", "{name} over HTTP");
        }
    }
}

fn check_grpc(name: &str, answer: &GrpcAnswer, outcome: &Outcome) {
    match outcome {
        Kept(_) => assert_eq!(answer.partial(), None, "{name} over gRPC"),
        Partly(_, n_rejected, message) => assert_eq!(answer.partial(), Some((*n_rejected, (*message).to_owned())), "{name} over gRPC"),
        Refused(_, code, message) => {
            assert_eq!(answer.error(), (*code, (*message).to_owned()), "{name} over gRPC");
            assert_eq!(answer.retry_s(), None, "{name} over gRPC");
        }
    }
}

/// What was kept of odd input, as SQL shows it.
#[tokio::test(flavor = "multi_thread")]
async fn odd_input_is_kept_as_the_tables_promise() {
    let server = Server::start(small(), Keys::default()).await;
    for (_, signal, body, _) in bodies(1 << 32) {
        post(signal.paths().0, PROTOBUF, body).send(&server).await;
    }
    let text_of = async |sql: &str| server.sql::<(Option<String>,)>(sql).await.into_iter().map(|(text,)| text).collect::<Vec<_>>();
    let durations: Vec<(i64,)> = server.sql("select duration_ns from spans where duration_ns <> 1000").await;
    assert!(durations.contains(&(0,)), "a span that ends before it begins took no time: {durations:?}");
    let dates = text_of("select cast(date as varchar) from spans where start_unix_nano = 0").await;
    assert_eq!(dates, [Some("2026-11-20".to_owned())], "a span of 1970 lies in the partition of its arrival");
    assert_eq!(text_of("select distinct cast(date as varchar) from spans").await.len(), 1);
    assert_eq!(text_of("select name from spans where name like 'grin%'").await, [Some("grin \u{fffd}!".to_owned())]);
    assert_eq!(text_of("select name from spans where name like 'a%b'").await, [Some("a\0b".to_owned())]);
    assert_eq!(text_of("select attributes->>'k' from spans where attributes like '%last%'").await, [Some("last".to_owned())]);
    assert_eq!(
        text_of("select attributes->>'key 9999' from spans where length(attributes) between 100000 and 900000").await,
        [Some("9999".to_owned())]
    );
    assert_eq!(text_of("select substr(attributes, 1, 5) from spans where length(attributes) > 1000000").await, [Some("{\"kkk".to_owned())]);
    let measured: Vec<(i64, Option<f64>)> = server.sql("select count(*), sum(value) from metrics where name = 'gauge'").await;
    assert_eq!(measured, [(3, Some(1.5))], "NaN and the infinities are no measurements");
    server.stop().await;
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_bodies_are_kept_and_bombs_are_not() {
    let server = Server::start(small(), Keys::default()).await;
    type Pack = fn(&[u8]) -> Vec<u8>;
    let packers: [(&'static str, Pack); 3] = [("gzip", gzip), ("zstd", zstd), ("deflate", zlib)];
    let too_large = "the body has more than 4194304 bytes once it is decompressed; send smaller batches".to_owned();
    for (id, (coding, pack)) in (1..).zip(packers) {
        let send = |body: Vec<u8>| post(TRACES, PROTOBUF, body).with("content-encoding", coding).send(&server);
        let framed = |flag, body: &[u8]| Grpc { path: EXPORT_TRACES, headers: vec![("grpc-encoding", coding)], framed: frame(flag, body) };
        assert_eq!(send(pack(&traces(vec![span(id)]))).await.partial(), None, "{coding}");
        assert_eq!(framed(1, &pack(&traces(vec![span(10 + id)]))).send(&server).await.partial(), None, "{coding}");
        assert_eq!(framed(0, &traces(vec![span(20 + id)])).send(&server).await.partial(), None, "{coding}, but this message is plain");

        let bomb = pack(&vec![0; 64 * MIB]);
        assert!(bomb.len() < MIB, "the bomb must be small");
        assert_eq!(send(bomb.clone()).await.error(), (413, 8, too_large.clone()), "{coding}");
        let answer = framed(1, &bomb).send(&server).await;
        assert_eq!((answer.error(), answer.retry_s()), ((Code::ResourceExhausted, too_large.clone()), None), "{coding}");

        let mut cut = pack(&traces(vec![span(99)]));
        cut.truncate(cut.len() - 5);
        let (status, code, message) = send(cut.clone()).await.error();
        assert!(message.starts_with(&format!("the body is not {coding}: ")), "{message}");
        assert_eq!((status, code), (400, 3), "{coding}");
        assert_eq!(framed(1, &cut).send(&server).await.error(), (Code::InvalidArgument, message), "{coding}");
    }
    let answer = post(TRACES, PROTOBUF, vec![]).with("content-encoding", "br").send(&server).await;
    let unknown = r#"content encoding "br" is not known here; send gzip, zstd, deflate or none"#.to_owned();
    assert_eq!((answer.error(), answer.header("accept-encoding")), ((415, 12, unknown.clone()), "gzip, zstd, deflate"));
    let answer = call(EXPORT_TRACES, b"").with("grpc-encoding", "br").send(&server).await;
    assert_eq!(answer.error(), (Code::Unimplemented, unknown));
    assert_eq!(answer.status.metadata().get("grpc-accept-encoding").unwrap(), "gzip,zstd,deflate,identity");
    assert_eq!(server.n_rows("spans").await, 9);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_answered_in_json() {
    let server = Server::start(CollectorConfig { body_bytes_max: 8 * MIB, ..small() }, Keys::default()).await;
    let json = |path, body: &str| post(path, "application/json; charset=utf-8", body).send(&server);
    let spans = |spans: &str| format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
    let good = |id: u8| format!(r#"{{"traceId":"07070707070707070707070707070707","spanId":"{id:016x}","startTimeUnixNano":"{START}"}}"#);

    for body in ["{}", &spans(&good(1)), &spans(&good(2).replace("07", "0A").replace(&START.to_string(), "0"))] {
        let answer = json(TRACES, body).await;
        assert_eq!((answer.status, answer.text()), (200, "{}"), "{body}");
    }
    assert_eq!(server.n_rows("spans").await, 2);

    let answer = json(TRACES, &spans(&format!(r#"{},{{"traceId":"xyz","spanId":"0000000000000001"}}"#, good(3)))).await;
    let partial = r#"{"partialSuccess":{"errorMessage":"1 of 2 spans rejected; the first: trace id holds a character that is not a hex digit","rejectedSpans":"1"}}"#;
    assert_eq!((answer.status, answer.text()), (200, partial));

    let mut bytes = spans(&good(4).replace('}', r#","name":"caf-"}"#)).into_bytes();
    let at = bytes.windows(4).position(|window| window == b"caf-").unwrap();
    bytes[at + 3] = 0xe9;
    let answer = post(TRACES, JSON, bytes).send(&server).await;
    let partial = r#"{"partialSuccess":{"errorMessage":"1 strings were not UTF-8 and are kept with U+FFFD in place of the bad bytes"}}"#;
    assert_eq!((answer.status, answer.text()), (200, partial));

    let log = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"18446744073709551615"}]}]}]}"#;
    assert!(json(LOGS, log).await.text().contains(r#""rejectedLogRecords":"1""#));
    let point =
        r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{"timeUnixNano":"18446744073709551615","asInt":"1"}]}}]}]}]}"#;
    assert!(json(METRICS, point).await.text().contains(r#""rejectedDataPoints":"1""#));

    let deep = format!("{}{{}}{}", r#"{"arrayValue":{"values":["#.repeat(200_000), "]}}".repeat(200_000));
    let deep = spans(&format!(r#"{{"attributes":[{{"key":"k","value":{deep}}}]}}"#));
    for (body, expect) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("{", "EOF while parsing an object at line 1 column 1"),
        ("[]", "invalid type: sequence, expected an object at line 1 column 0"),
        (deep.as_str(), "recursion limit exceeded at line 1 column 1067"),
    ] {
        let answer = json(TRACES, body).await;
        let message = format!(r#"{{"code":3,"message":"the body is not OTLP/JSON: {expect}"}}"#);
        assert_eq!((answer.status, answer.text()), (400, message.as_str()));
    }
    assert_eq!(server.n_rows("spans").await, 4);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_types_paths_and_methods_are_told_what_would_be_right() {
    let server = Server::start(small(), Keys::default()).await;
    let not_otlp =
        |name: &str| format!(r#"{{"code":12,"message":"content type \"{name}\" is not OTLP; send application/x-protobuf or application/json"}}"#);
    for name in ["text/plain", "application/grpc"] {
        let answer = post(TRACES, name, traces(vec![span(1)])).send(&server).await;
        assert_eq!((answer.status, answer.text()), (415, not_otlp(name).as_str()));
    }
    let mut untyped = post(TRACES, "", traces(vec![span(1)]));
    untyped.headers.clear();
    assert_eq!(untyped.send(&server).await.text(), not_otlp(""));

    let answer = post("/v1/trace", PROTOBUF, traces(vec![span(1)])).send(&server).await;
    assert_eq!(answer.error(), (404, 12, "/v1/trace is not here: export OTLP with POST /v1/traces, /v1/logs or /v1/metrics".to_owned()));
    let mut get = post("/", "", vec![]);
    (get.method, get.headers) = ("GET", vec![]);
    let answer = get.clone().send(&server).await;
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("the dashboard has a port of its own (4319)"));
    for method in ["GET", "PUT", "OPTIONS", "DELETE"] {
        let answer = server::Http { method, path: LOGS, ..get.clone() }.send(&server).await;
        let message = format!(r#"{{"code":12,"message":"/v1/logs {method} is not served here; export OTLP with POST /v1/logs"}}"#);
        assert_eq!((answer.status, answer.header("allow"), answer.text()), (405, "POST", message.as_str()));
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }

    let answer = call("/opentelemetry.proto.collector.trace.v1.TraceService/Import", b"").send(&server).await;
    let message = "/opentelemetry.proto.collector.trace.v1.TraceService/Import is not served here; this port takes OTLP's TraceService, \
                   LogsService and MetricsService";
    assert_eq!(answer.error(), (Code::Unimplemented, message.to_owned()));
    let swapped = reqwest::Client::new().post(format!("http://{}{TRACES}", server.grpc)).header("content-type", PROTOBUF).body(vec![]);
    let answer = swapped.send().await.unwrap();
    assert_eq!(answer.status(), 415);
    assert!(answer.text().await.unwrap().contains("this port speaks gRPC; OTLP over HTTP has a port of its own (4318)"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_messages_that_do_not_follow_the_framing_are_refused() {
    let server = Server::start(small(), Keys::default()).await;
    let framed = |framed: Vec<u8>| Grpc { path: EXPORT_TRACES, headers: vec![], framed }.send(&server);
    let invalid = |message: &str| (Code::InvalidArgument, format!("the gRPC message {message}"));
    let body = traces(vec![span(1)]);
    assert_eq!(framed(vec![]).await.error(), invalid("is missing"));
    assert_eq!(framed(vec![0, 0, 0]).await.error(), invalid("is missing"));
    assert_eq!(framed(frame(0, &body)[..body.len()].to_vec()).await.error(), invalid("is shorter than its length says"));
    assert_eq!(framed(frame(2, &body)).await.error(), invalid("begins with a flag that gRPC does not have"));
    assert_eq!(framed(frame(1, &body)).await.error(), invalid("is marked as compressed, but grpc-encoding names no compression"));
    let answer = framed(vec![0, 0xff, 0xff, 0xff, 0xff]).await;
    assert_eq!((answer.status.code(), answer.retry_s()), (Code::ResourceExhausted, None));
    assert_eq!(call(EXPORT_TRACES, &body).send(&server).await.partial(), None);
    assert_eq!(server.n_rows("spans").await, 1);
    server.stop().await;
}

/// A body that does not come is a passing fault: the answer must make the client send it again.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_is_given_up_and_asked_for_again() {
    let server = Server::start(small(), Keys::default()).await;
    let mut stream = TcpStream::connect(server.http).await.unwrap();
    stream.write_all(b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
    assert!(answer.contains("\r\nretry-after: 5\r\n") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert!(answer.ends_with(r#"{"code":14,"message":"the body did not arrive within 0.5 seconds; send it again"}"#), "{answer}");

    let never = futures::stream::pending::<Result<bytes::Bytes, tonic::Status>>();
    let body = tonic::body::Body::new(axum::body::Body::from_stream(never));
    let answer = call(EXPORT_TRACES, b"").send_body(&server, body).await;
    assert_eq!(answer.error(), (Code::Unavailable, "the body did not arrive within 0.5 seconds; send it again".to_owned()));
    assert_eq!(answer.retry_s(), Some(5));
    assert_eq!(post(TRACES, PROTOBUF, traces(vec![span(1)])).send(&server).await.partial(), None);
    server.stop().await;
}

/// A connection that breaks in the middle of a body leaves nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_is_not_kept() {
    let server = Server::start(small(), Keys::default()).await;
    let body = traces(vec![span(1)]);
    let mut stream = TcpStream::connect(server.http).await.unwrap();
    let head = format!("POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: {PROTOBUF}\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body[..body.len() - 1]).await.unwrap();
    drop(stream);
    assert_eq!(post(TRACES, PROTOBUF, body).send(&server).await.partial(), None);
    assert_eq!(server.n_rows("spans").await, 1);
    server.stop().await;
}

/// What is over the limit is refused before its body is sent, where the client asks first.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_is_refused_before_it_is_sent() {
    let server = Server::start(small(), Keys::default()).await;
    let mut stream = TcpStream::connect(server.http).await.unwrap();
    let head = format!("POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: {JSON}\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n", 5 * MIB);
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let n_read = stream.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..n_read]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 413 Payload Too Large\r\n"), "{answer}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_pressure_senders_are_told_to_come_back() {
    let server = Server::start(small(), Keys::default()).await;
    let memory = server.store.memory();
    let others = memory.take(memory.limit() - 100_000).unwrap();
    let body = traces(vec![Span { name: "x".repeat(200_000), ..span(1) }]);
    let busy = "the server is busy with other requests; send this one again".to_owned();
    let answer = post(TRACES, PROTOBUF, body.clone()).send(&server).await;
    assert_eq!((answer.error(), answer.header("retry-after")), ((429, 14, busy.clone()), "1"));
    let answer = call(EXPORT_TRACES, &body).send(&server).await;
    assert_eq!((answer.error(), answer.retry_s()), ((Code::Unavailable, busy.clone()), Some(1)));
    let bomb = post(TRACES, PROTOBUF, gzip(&body)).with("content-encoding", "gzip").send(&server).await;
    assert_eq!(bomb.error(), (429, 14, busy), "memory for decompression is asked for too");
    for id in 1..20 {
        // Until its rows are committed, a request that was taken holds memory too.
        server.store.flush().await.unwrap();
        assert_eq!(post(TRACES, PROTOBUF, traces(vec![span(id)])).send(&server).await.partial(), None, "what a refused request held is free again");
    }
    drop(others);
    assert_eq!(post(TRACES, PROTOBUF, body).send(&server).await.partial(), None);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_keep_is_a_passing_fault() {
    let server = Server::start(small(), Keys::default()).await;
    server.store.close().await.unwrap();
    let closed = "the store is closed; send again when karat is back".to_owned();
    let answer = post(TRACES, PROTOBUF, traces(vec![span(1)])).send(&server).await;
    assert_eq!((answer.error(), answer.header("retry-after")), ((503, 14, closed.clone()), "5"));
    let answer = call(EXPORT_TRACES, &traces(vec![span(1)])).send(&server).await;
    assert_eq!((answer.error(), answer.retry_s()), ((Code::Unavailable, closed), Some(5)));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_right_token_writes_and_to_its_tenant() {
    let tenant = |name| Tenant::new(name).unwrap();
    let keys = || Keys::new(vec![("key-a".to_owned(), tenant("a")), ("key-b".to_owned(), tenant("b"))]);
    let server = Server::start(small(), keys()).await;
    let http = |id| post(TRACES, PROTOBUF, traces(vec![span(id)]));
    let grpc = |id| call(EXPORT_TRACES, &traces(vec![span(id)]));
    let missing = "this server wants a token: send the header `authorization: Bearer <token>`".to_owned();
    let wrong = "the token is not one of this server's; see [[keys]] in karat.toml".to_owned();

    let answer = http(1).send(&server).await;
    assert_eq!((answer.error(), answer.header("www-authenticate")), ((401, 16, missing.clone()), "Bearer"));
    assert_eq!(http(1).with("authorization", "Bearer key-c").send(&server).await.error(), (401, 16, wrong.clone()));
    assert_eq!(grpc(1).send(&server).await.error(), (Code::Unauthenticated, missing));
    assert_eq!(grpc(1).with("authorization", "Bearer key-c").send(&server).await.error(), (Code::Unauthenticated, wrong));

    assert_eq!(http(2).with("authorization", "Bearer key-a").send(&server).await.partial(), None);
    assert_eq!(grpc(3).with("authorization", "Bearer key-b").send(&server).await.partial(), None);
    assert_eq!(http(4).with("authorization", "Bearer key-a").with("x-karat-tenant", "b").send(&server).await.partial(), None);
    assert_eq!(server.n_rows_of("a", "spans").await, 2, "a header that is not trusted does not count");
    assert_eq!(server.n_rows_of("b", "spans").await, 1);
    server.stop().await;

    let server = Server::start(CollectorConfig { trust_tenant_header: true, ..small() }, Keys::default()).await;
    assert_eq!(http(5).with("x-karat-tenant", "team-7").send(&server).await.partial(), None);
    assert_eq!(grpc(6).with("x-karat-tenant", "team-7").send(&server).await.partial(), None);
    assert_eq!(server.n_rows_of("team-7", "spans").await, 2);
    let (status, code, message) = http(7).with("x-karat-tenant", "../up").send(&server).await.error();
    assert_eq!((status, code), (400, 3));
    assert!(message.starts_with(r#"header x-karat-tenant: tenant "../up" must be 1 to 64 of a-z"#), "{message}");
    server.stop().await;
}

/// Connects from an address of this machine.
async fn connect_from(last: u8, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
    socket.connect(to).await.unwrap()
}

/// An exporter that opens connection after connection leaves some for the others.
#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_take_every_connection() {
    let config = CollectorConfig { connections_max: 8, ..small() };
    let server = Server::start(config, Keys::default()).await;
    let mut greedy = Vec::new();
    for _ in 0..20 {
        greedy.push(connect_from(9, server.http).await);
    }
    let answer = tokio::time::timeout(Duration::from_secs(20), post(TRACES, PROTOBUF, traces(vec![span(1)])).send(&server)).await.unwrap();
    assert_eq!(answer.partial(), None);
    drop(greedy);
    server.stop().await;
}

/// More connections than may be open wait, and are served when others close.
#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_make_room() {
    let config = CollectorConfig { connections_max: 4, connection_idle_ms: 300, ..small() };
    let server = Server::start(config, Keys::default()).await;
    let mut silent = Vec::new();
    for last in 2..6 {
        silent.push(connect_from(last, server.http).await);
    }
    let answer = tokio::time::timeout(Duration::from_secs(20), post(TRACES, PROTOBUF, traces(vec![span(1)])).send(&server)).await.unwrap();
    assert_eq!(answer.partial(), None);
    drop(silent);
    server.stop().await;
}

/// A stop does not wait for ever for a sender that does not finish.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_in_time() {
    let config = CollectorConfig { body_timeout_ms: 600_000, stop_grace_ms: 200, ..small() };
    let server = Server::start(config, Keys::default()).await;
    let mut stream = TcpStream::connect(server.http).await.unwrap();
    stream.write_all(b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{").await.unwrap();
    assert_eq!(call(EXPORT_TRACES, &traces(vec![span(1)])).send(&server).await.partial(), None);
    tokio::time::timeout(Duration::from_secs(60), server.stop()).await.unwrap();
}
