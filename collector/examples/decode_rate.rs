//! How many spans a core reads, checks and turns into rows in a second, stage by stage.
//!
//! `cargo run --release -p karat-collector --example decode_rate -- [request.bin ...]`: each file is a protobuf trace export request; without
//! any, 100 chat spans of about 2 KB are made. One thread, no network, no disk: an upper bound for what the pipeline can ingest a core.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stdout, reason = "a program for people at a terminal")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use collector::conventions::{SpanInput, interpret_span};
use collector::decode::fault::Rejected;
use collector::otlp::limits::{Admitted, Meter};
use collector::otlp::{Request, Signal, read_protobuf};
use collector::price::PriceTable;
use collector::{DecodeConfig, Decoder};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use schema::{Micros, Row};

const START: u64 = 1_795_172_400_000_000_000;
const NOW: Micros = Micros(1_795_176_000_000_000);

fn main() {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let bodies: Vec<Vec<u8>> = match files.as_slice() {
        [] => vec![chat_spans(100)],
        files => files.iter().map(|file| std::fs::read(file).unwrap()).collect(),
    };
    let decoder = Decoder::new(Arc::new(PriceTable::shipped()), DecodeConfig::default());
    let read = |body: &[u8]| read_protobuf(Signal::Traces, body, &mut Meter::new(&mut Admitted, usize::MAX)).unwrap().request;
    let requests: Vec<Request> = bodies.iter().map(|body| read(body)).collect();
    let n_spans: usize = requests.iter().map(|request| Rejected::of(request).n_items).sum();
    let n_bytes: usize = bodies.iter().map(Vec::len).sum();
    println!("{n_spans} spans, {} bytes a span", n_bytes / n_spans);

    let report = |stage: &str, each: Duration| {
        let per_span = each.as_secs_f64() / n_spans as f64;
        println!("{stage:<30} {:>8.2} us a span {:>10.0} spans/s", per_span * 1e6, 1.0 / per_span);
    };
    report("read protobuf", time(|| bodies.iter().for_each(|body| drop(black_box(read(body))))));
    report("prost, for comparison", time(|| bodies.iter().for_each(|body| drop(black_box(ExportTraceServiceRequest::decode(&**body).unwrap())))));
    report("check ids and times", time(|| requests.iter().for_each(|request| drop(black_box(Rejected::of(request))))));
    report("read the dialect", time(|| requests.iter().for_each(interpret)));
    let rows: Vec<schema::Span> = requests
        .iter()
        .flat_map(|request| decoder.rows(request, NOW).unwrap())
        .flat_map(|(_, batch)| schema::Span::decode(&batch).unwrap())
        .collect();
    report("encode the record batch", time(|| drop(black_box(schema::Span::encode(&rows).unwrap()))));
    report("all from request to batch", time(|| requests.iter().for_each(|request| drop(black_box(decoder.rows(request, NOW).unwrap())))));
}

fn interpret(request: &Request) {
    let Request::Traces(request) = request else { return };
    for resource in &request.resource_spans {
        let attributes = resource.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
        for scope in &resource.scope_spans {
            for span in &scope.spans {
                let mut row = schema::Span::default();
                interpret_span(&SpanInput { resource: attributes, scope: scope.scope.as_ref(), span }, &mut row);
                black_box(row);
            }
        }
    }
}

/// The mean of enough runs to fill a second.
fn time(mut run: impl FnMut()) -> Duration {
    run();
    let begin = Instant::now();
    let mut n_runs = 0;
    while begin.elapsed() < Duration::from_secs(1) {
        run();
        n_runs += 1;
    }
    begin.elapsed() / n_runs
}

fn chat_spans(n: u64) -> Vec<u8> {
    let attribute = |key: &str, value| KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), key_strindex: 0 };
    let text = |key: &str, value: &str| attribute(key, Value::StringValue(value.to_owned()));
    let question = "Please compare the two contracts that are attached and list each clause that differs. ".repeat(6);
    let answer = "Clause 4 differs: the first contract lets either side leave after three months. ".repeat(6);
    let span = |id: u64| Span {
        trace_id: (u128::from(id) + 1).to_be_bytes().to_vec(),
        span_id: (id + 1).to_be_bytes().to_vec(),
        name: "chat gpt-4o-mini".to_owned(),
        kind: 3,
        start_time_unix_nano: START + id * 1_000_000,
        end_time_unix_nano: START + id * 1_000_000 + 900_000_000,
        attributes: vec![
            text("gen_ai.operation.name", "chat"),
            text("gen_ai.provider.name", "openai"),
            text("gen_ai.request.model", "gpt-4o-mini"),
            text("gen_ai.response.model", "gpt-4o-mini-2024-07-18"),
            text("gen_ai.response.id", &format!("chatcmpl-{id:024}")),
            attribute("gen_ai.request.temperature", Value::DoubleValue(0.2)),
            attribute("gen_ai.request.max_tokens", Value::IntValue(512)),
            attribute("gen_ai.usage.input_tokens", Value::IntValue(311)),
            attribute("gen_ai.usage.output_tokens", Value::IntValue(120)),
            text("gen_ai.conversation.id", "conversation-17"),
            text("server.address", "api.openai.com"),
            attribute("server.port", Value::IntValue(443)),
            text("gen_ai.input.messages", &format!(r#"[{{"role":"user","parts":[{{"type":"text","content":"{question}"}}]}}]"#)),
            text(
                "gen_ai.output.messages",
                &format!(r#"[{{"role":"assistant","parts":[{{"type":"text","content":"{answer}"}}],"finish_reason":"stop"}}]"#),
            ),
        ],
        ..Span::default()
    };
    let resource = Resource {
        attributes: vec![
            text("service.name", "contracts"),
            text("deployment.environment.name", "production"),
            text("telemetry.sdk.language", "python"),
        ],
        ..Resource::default()
    };
    let scope_spans = vec![ScopeSpans { spans: (0..n).map(span).collect(), ..ScopeSpans::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }] }
        .encode_to_vec()
}
