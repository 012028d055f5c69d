//! Turns the requests of a scenario into rows.

use std::collections::HashMap;
use std::path::Path;

use collector::conventions::{Conventions, LogInput, SpanInput, interpret_log, scores_of_log, scores_of_span, settle};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use schema::{LogRecord, Micros, Score, Span, SpanId, TraceId};
use serde_json::Value;

use crate::expected::Scenario;

/// What the tables hold after a scenario.
pub struct Rows {
    /// Rows of the view `llm_calls`.
    pub calls: Vec<Span>,
    /// Rows of `spans`.
    pub spans: Vec<Span>,
    /// Rows of `scores`, each id once.
    pub scores: Vec<Score>,
    /// What came for each span, as text to search.
    raw: HashMap<SpanId, String>,
}

impl Rows {
    /// The attributes and events of a span and of the records that belong to it, as they came.
    pub fn raw(&self, row: &Span) -> &str {
        self.raw.get(&row.span_id).map_or("", String::as_str)
    }
}

pub fn load(folder: &Path, scenario: &Scenario, alone: bool) -> Rows {
    let (mut spans, mut logs, mut raw) = (Vec::new(), Vec::new(), HashMap::<SpanId, String>::new());
    let mut scores: Vec<Score> = Vec::new();
    let disabled = alone.then_some("*");
    for file in scenario.files.iter().filter(|file| file.ends_with(".bin")) {
        let bytes = std::fs::read(folder.join(file)).unwrap();
        let (mut new_spans, mut new_logs) = (Vec::new(), Vec::new());
        if file.contains(".traces.") {
            new_spans = read_spans(&ExportTraceServiceRequest::decode(&*bytes).unwrap(), disabled, &mut raw, &mut scores);
        } else if file.contains(".logs.") {
            new_logs = read_logs(&ExportLogsServiceRequest::decode(&*bytes).unwrap(), &mut raw, &mut scores);
        }
        settle(&mut new_spans, &mut new_logs);
        spans.extend(new_spans);
        logs.extend(new_logs);
    }
    if std::env::var("CORPUS_SETTLE_ALL").is_ok() { settle(&mut spans, &mut logs); }
    let mut calls: Vec<Span> = spans.iter().filter(|span| span.is_llm_call).cloned().collect();
    calls.sort_by_key(|call| call.start_unix_nano);
    calls.iter_mut().for_each(|call| join(call, &logs));
    scores.sort_by(|a, b| a.id.cmp(&b.id));
    scores.dedup_by(|a, b| a.id == b.id);
    Rows { calls, spans, raw, scores }
}

fn read_spans(request: &ExportTraceServiceRequest, disabled: Option<&str>, raw: &mut HashMap<SpanId, String>, scores: &mut Vec<Score>) -> Vec<Span> {
    let mut rows = Vec::new();
    for resource in &request.resource_spans {
        let attributes = resource.resource.as_ref().map_or(&[] as &[_], |resource| &resource.attributes);
        for scope in &resource.scope_spans {
            for span in &scope.spans {
                let mut row = Span {
                    trace_id: TraceId::from_bytes(&span.trace_id).unwrap(),
                    span_id: SpanId::from_bytes(&span.span_id).unwrap(),
                    parent_span_id: SpanId::from_bytes(&span.parent_span_id).ok(),
                    duration_ns: (span.end_time_unix_nano - span.start_time_unix_nano).try_into().unwrap(),
                    start_unix_nano: span.start_time_unix_nano.try_into().unwrap(),
                    name: span.name.clone(),
                    status: ["unset", "ok", "error"][span.status.as_ref().map_or(0, |status| status.code as usize)].to_owned(),
                    scope_name: scope.scope.as_ref().map(|scope| scope.name.clone()),
                    scope_version: scope.scope.as_ref().map(|scope| scope.version.clone()),
                    ..Span::default()
                };
                let input = SpanInput { resource: attributes, scope: scope.scope.as_ref(), span };
                raw.entry(row.span_id).or_default().push_str(&serde_json::to_string(span).unwrap());
                Conventions { disabled }.interpret_span(&input, &mut row);
                scores.extend(scores_of_span(&input, &row));
                rows.push(row);
            }
        }
    }
    rows
}

fn read_logs(request: &ExportLogsServiceRequest, raw: &mut HashMap<SpanId, String>, scores: &mut Vec<Score>) -> Vec<LogRecord> {
    let mut rows = Vec::new();
    for resource in &request.resource_logs {
        let attributes = resource.resource.as_ref().map_or(&[] as &[_], |resource| &resource.attributes);
        for scope in &resource.scope_logs {
            for record in &scope.log_records {
                let mut row = LogRecord {
                    trace_id: TraceId::from_bytes(&record.trace_id).ok(),
                    span_id: SpanId::from_bytes(&record.span_id).ok(),
                    time_unix_nano: record.time_unix_nano.max(record.observed_time_unix_nano).try_into().unwrap(),
                    scope_name: scope.scope.as_ref().map(|scope| scope.name.clone()),
                    ..LogRecord::default()
                };
                if let Some(id) = row.span_id {
                    raw.entry(id).or_default().push_str(&serde_json::to_string(record).unwrap());
                }
                let input = LogInput { resource: attributes, scope: scope.scope.as_ref(), record };
                interpret_log(&input, &mut row);
                scores.extend(scores_of_log(&input, &row));
                rows.push(row);
            }
        }
    }
    rows
}

/// Content of the records that belong to a call.
fn join(call: &mut Span, logs: &[LogRecord]) {
    let mut own: Vec<&LogRecord> = logs
        .iter()
        .filter(|log| {
            log.trace_id == Some(call.trace_id)
                && (log.span_id == Some(call.span_id) || (log.response_id.is_some() && log.response_id == call.response_id))
        })
        .collect();
    own.sort_by_key(|log| log.time_unix_nano);
    let lists = |pick: fn(&LogRecord) -> Option<&String>| {
        let items: Vec<Value> = own.iter().filter_map(|log| pick(log)).flat_map(|text| serde_json::from_str::<Vec<Value>>(text).unwrap()).collect();
        (!items.is_empty()).then(|| Value::Array(items).to_string())
    };
    let input = lists(|log| log.input_messages.as_ref());
    let output = lists(|log| log.output_messages.as_ref());
    let system = lists(|log| log.system_instructions.as_ref());
    let tools = lists(|log| log.tool_definitions.as_ref());
    if call.input_messages.is_none() {
        call.input_messages = input;
        call.input_text = None;
    }
    call.output_messages = call.output_messages.take().or(output);
    call.system_instructions = call.system_instructions.take().or(system);
    call.tool_definitions = call.tool_definitions.take().or(tools);
    let text = |messages: &Option<String>, role: &str, last: bool| {
        let messages: Vec<Value> = serde_json::from_str(messages.as_ref()?).ok()?;
        let mut texts: Vec<String> = messages
            .iter()
            .filter(|message| message["role"] == role)
            .filter_map(|message| {
                let parts: Vec<&str> =
                    message["parts"].as_array()?.iter().filter(|part| part["type"] == "text").filter_map(|part| part["content"].as_str()).collect();
                (!parts.is_empty()).then(|| parts.join("\n"))
            })
            .collect();
        if last { texts.pop() } else { (!texts.is_empty()).then(|| texts.remove(0)) }
    };
    call.input_text = call.input_text.take().or_else(|| text(&call.input_messages, "user", true));
    call.output_text = call.output_text.take().or_else(|| text(&call.output_messages, "assistant", false));
    for log in own {
        call.session_id = call.session_id.take().or_else(|| log.session_id.clone());
        call.user_id = call.user_id.take().or_else(|| log.user_id.clone());
        call.response_id = call.response_id.take().or_else(|| log.response_id.clone());
        call.response_model = call.response_model.take().or_else(|| log.response_model.clone());
        call.input_tokens = call.input_tokens.or(log.input_tokens);
        call.output_tokens = call.output_tokens.or(log.output_tokens);
    }
}
