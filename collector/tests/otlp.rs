//! The OTLP readers against prost, over every request of the corpus and over damaged ones.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use collector::otlp::limits::{Admitted, DEPTH_MAX, Meter};
use collector::otlp::{Malformed, Read, Request, Signal, read_json, read_protobuf};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

fn corpus(suffix: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let dialects = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let files = dialects.flat_map(|dialect| fs::read_dir(dialect).unwrap().map(|entry| entry.unwrap().path()));
    let mut found: Vec<PathBuf> = files.filter(|path| path.to_string_lossy().ends_with(suffix)).collect();
    found.sort();
    assert!(!found.is_empty(), "no *{suffix} in tests/corpus");
    found
}

fn signal_of(path: &Path) -> Signal {
    let name = path.to_string_lossy();
    match () {
        () if name.contains(".traces.") => Signal::Traces,
        () if name.contains(".logs.") => Signal::Logs,
        () => Signal::Metrics,
    }
}

fn by_prost(signal: Signal, body: &[u8]) -> Option<Request> {
    Some(match signal {
        Signal::Traces => Request::Traces(ExportTraceServiceRequest::decode(body).ok()?),
        Signal::Logs => Request::Logs(ExportLogsServiceRequest::decode(body).ok()?),
        Signal::Metrics => Request::Metrics(ExportMetricsServiceRequest::decode(body).ok()?),
    })
}

fn protobuf(signal: Signal, body: &[u8]) -> Result<Read, Malformed> {
    read_protobuf(signal, body, &mut Meter::new(&mut Admitted, usize::MAX))
}

fn json(signal: Signal, body: &[u8]) -> Result<Read, Malformed> {
    read_json(signal, body, &mut Meter::new(&mut Admitted, usize::MAX))
}

#[test]
fn every_protobuf_request_reads_as_prost_reads_it() {
    for path in corpus(".bin") {
        let body = fs::read(&path).unwrap();
        let read = protobuf(signal_of(&path), &body).unwrap();
        assert_eq!(Some(&read.request), by_prost(signal_of(&path), &body).as_ref(), "{}", path.display());
        assert_eq!(read.n_repaired, 0, "{}", path.display());
        assert_eq!(by_prost(signal_of(&path), &read.request.to_protobuf()), Some(read.request), "{}", path.display());
    }
}

/// Wherever a body is cut or a byte of it is changed, both readers agree on whether it is a request, and on which one.
#[test]
fn damaged_requests_read_as_prost_reads_them() {
    let mut n_refused = 0;
    for path in corpus("-01.traces.bin").into_iter().chain(corpus("-01.metrics.bin")).chain(corpus("-01.logs.bin")).step_by(9) {
        let (signal, body) = (signal_of(&path), fs::read(&path).unwrap());
        let check = |body: &[u8]| {
            let read = protobuf(signal, body);
            match (&read, by_prost(signal, body)) {
                (Ok(read), Some(request)) => assert!(same(&read.request, &request), "{}", path.display()),
                (Ok(read), None) => assert!(read.n_repaired > 0, "{}: prost refuses what was read", path.display()),
                (Err(_), None) => {}
                (Err(fault), Some(_)) => panic!("{}: {fault}", path.display()),
            }
            usize::from(read.is_err())
        };
        for at in (0..body.len()).step_by(body.len() / 40 + 1) {
            n_refused += check(&body[..at]);
            for change in [0x01, 0x80, 0xff] {
                let mut damaged = body.clone();
                damaged[at] ^= change;
                n_refused += check(&damaged);
            }
        }
    }
    assert!(n_refused > 500, "only {n_refused} bodies were refused");
}

/// Equal, where NaN equals itself.
fn same(a: &Request, b: &Request) -> bool {
    a == b || format!("{a:?}") == format!("{b:?}")
}

#[test]
fn json_requests_read_as_the_protobuf_beside_them() {
    for path in corpus(".otlp.json") {
        let name = path.to_string_lossy().replace(".otlp.json", ".bin");
        let read = json(signal_of(&path), &fs::read(&path).unwrap()).unwrap();
        let expect = by_prost(signal_of(&path), &fs::read(name).unwrap()).unwrap();
        assert!(read.request == expect, "{}", path.display());
    }
}

/// The other half of the JSON reader's fields: logs and metrics, of which the corpus has no JSON as sent.
#[test]
fn decoded_requests_read_as_the_protobuf_beside_them() {
    for path in corpus(".json").into_iter().filter(|path| path.with_extension("bin").exists()) {
        let read = json(signal_of(&path), &fs::read(&path).unwrap()).unwrap();
        let expect = by_prost(signal_of(&path), &fs::read(path.with_extension("bin")).unwrap()).unwrap();
        assert!(same(&read.request, &expect), "{}", path.display());
    }
}

fn request_with(value: AnyValue) -> ExportTraceServiceRequest {
    let attributes = vec![KeyValue { key: "k".to_owned(), value: Some(value), key_strindex: 0 }];
    let spans = vec![Span { attributes, ..Span::default() }];
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }
}

fn nested(depth: u32) -> AnyValue {
    let inner = if depth > 1 { vec![nested(depth - 1)] } else { vec![] };
    AnyValue { value: Some(Value::ArrayValue(ArrayValue { values: inner })) }
}

#[test]
fn values_nest_64_deep_and_no_deeper() {
    let body = request_with(nested(DEPTH_MAX)).encode_to_vec();
    assert!(protobuf(Signal::Traces, &body).is_ok());
    let body = request_with(nested(DEPTH_MAX + 1)).encode_to_vec();
    assert_eq!(protobuf(Signal::Traces, &body).unwrap_err(), Malformed::TooDeep);
}

#[test]
fn groups_in_unknown_fields_nest_no_deeper() {
    let body = [0xfb, 0x01].repeat(200_000);
    assert_eq!(protobuf(Signal::Traces, &body).unwrap_err(), Malformed::TooDeep);
}

/// Two bytes of protobuf, `12 00`, are a whole span in memory; a small body must not take all of it.
#[test]
fn a_small_body_cannot_become_a_large_structure() {
    let spans = [0x12, 0x00].repeat(1_000_000);
    let mut scope = vec![0x12];
    prost::encoding::encode_varint(spans.len() as u64, &mut scope);
    scope.extend(&spans);
    let mut body = vec![0x0a];
    prost::encoding::encode_varint(scope.len() as u64, &mut body);
    body.extend(&scope);
    let read = read_protobuf(Signal::Traces, &body, &mut Meter::new(&mut Admitted, 64 << 20));
    assert_eq!(read.unwrap_err(), Malformed::TooLarge { bytes_max: 64 << 20 });
}

#[test]
fn text_that_is_not_utf8_is_repaired() {
    let text = AnyValue { value: Some(Value::StringValue("caf\u{e9}!".to_owned())) };
    let mut body = request_with(text).encode_to_vec();
    let at = body.windows(2).position(|pair| pair == "\u{e9}".as_bytes()).unwrap();
    body[at] = b'f';
    assert_eq!(by_prost(Signal::Traces, &body), None);
    let read = protobuf(Signal::Traces, &body).unwrap();
    assert_eq!(read.n_repaired, 1);
    let expect = request_with(AnyValue { value: Some(Value::StringValue("caff\u{fffd}!".to_owned())) });
    assert_eq!(read.request, Request::Traces(expect));
}

#[track_caller]
fn check_json(value: &str, expect: Option<Value>) {
    let body =
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"attributes":[{{"key":"k","value":{value}}}]}}]}}]}}],"new":{{"x":[1]}}}}"#);
    let read = json(Signal::Traces, body.as_bytes());
    assert_eq!(read.unwrap().request, Request::Traces(request_with(AnyValue { value: expect })));
}

#[test]
fn json_values_read_as_the_specification_says() {
    check_json(r#"{"intValue":"-5"}"#, Some(Value::IntValue(-5)));
    check_json(r#"{"intValue":9007199254740993}"#, Some(Value::IntValue(9_007_199_254_740_993)));
    check_json(r#"{"intValue":1e3}"#, Some(Value::IntValue(1000)));
    check_json(r#"{"doubleValue":0.037877174999999964}"#, Some(Value::DoubleValue(0.037_877_174_999_999_964)));
    check_json(r#"{"doubleValue":3}"#, Some(Value::DoubleValue(3.0)));
    check_json(r#"{"doubleValue":"-Infinity"}"#, Some(Value::DoubleValue(f64::NEG_INFINITY)));
    check_json(r#"{"bytesValue":"AP8"}"#, Some(Value::BytesValue(vec![0, 255])));
    check_json(r#"{"boolValue":false}"#, Some(Value::BoolValue(false)));
    check_json(r#"{"stringValue":"\ud83d\ude00"}"#, Some(Value::StringValue("\u{1f600}".to_owned())));
    check_json(r#"{"arrayValue":{}}"#, Some(Value::ArrayValue(ArrayValue::default())));
    check_json(r#"{"unknownValue":{"deep":[[[]]]}}"#, None);
    check_json(r#"{"stringValue":null}"#, None);
    check_json(r"{}", None);
}

/// JavaScript cuts strings in the middle of an emoji; the batch must not be lost for it.
#[test]
fn half_a_surrogate_pair_becomes_a_replacement_character() {
    check_json(r#"{"stringValue":"cut \ud83d"}"#, Some(Value::StringValue("cut \u{fffd}".to_owned())));
}

#[track_caller]
fn check_bad_json(body: &str, expect: &str) {
    let fault = json(Signal::Traces, body.as_bytes()).unwrap_err().to_string();
    assert!(fault.contains(expect), "{fault}");
}

#[test]
fn what_is_not_otlp_json_is_refused_with_the_place() {
    check_bad_json("", "EOF while parsing");
    check_bad_json("{", "EOF while parsing");
    check_bad_json("[]", "expected an object");
    check_bad_json("{} {}", "trailing characters at line 1 column 4");
    check_bad_json(r#"{"resourceSpans":[{"resource":{"attributes":[{"value":{"doubleValue":1e999}}]}}]}"#, "1e999 is not a number");
    check_bad_json(r#"{"resourceSpans":[{"resource":{"attributes":[{"value":{"doubleValue":NaN}}]}}]}"#, "expected value");
    check_bad_json(r#"{"resourceSpans":{}}"#, "expected an array");
    check_bad_json(r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"SPAN_KIND_CLIENT"}]}]}]}"#, "not an integer");
    check_bad_json(r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"-1"}]}]}]}"#, "beyond the field's range");
}

#[test]
fn json_may_not_nest_without_bound() {
    let value = |depth: usize| format!("{}{}{}", r#"{"arrayValue":{"values":["#.repeat(depth), "{}", "]}}".repeat(depth));
    let body = |depth| format!(r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"k","value":{}}}]}}}}]}}"#, value(depth));
    assert!(json(Signal::Traces, body(30).as_bytes()).is_ok());
    check_bad_json(&body(200_000), "recursion limit exceeded");
    check_bad_json(&"[".repeat(200_000), "expected an object");
}

/// Ids that are not hex spoil their span, not the batch.
#[test]
fn json_ids_that_are_not_hex_are_ids_of_a_wrong_length() {
    let body = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz","spanId":"0102030405060708"}]}]}]}"#;
    let Request::Traces(request) = json(Signal::Traces, body.as_bytes()).unwrap().request else { panic!("not traces") };
    let span = &request.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!((span.trace_id.len(), span.span_id.len()), (1, 8));
}
