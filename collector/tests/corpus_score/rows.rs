//! What the tables hold after the requests of a scenario.

use std::collections::HashMap;
use std::path::Path;

use collector::conventions::{Conventions, LogInput, SpanInput, interpret_log, scores_of_log, scores_of_span, settle};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use schema::{LogRecord, Score, Span, SpanId, TraceId};
use serde::Deserialize;
use serde_json::Value;

use crate::expected::Scenario;

macro_rules! row {
    ($($field:ident : $type:ty),+ $(,)?) => {
        /// The columns of `spans` and of `llm_calls` that the ground truth speaks of.
        #[derive(Debug, Clone, Default, Deserialize)]
        #[serde(default)]
        pub struct Row {
            pub span_id: String,
            pub name: String,
            pub status: String,
            $(pub $field: $type,)+
        }

        impl From<&Span> for Row {
            fn from(span: &Span) -> Self {
                let span = span.clone();
                Self { span_id: span.span_id.to_string(), name: span.name, status: span.status, $($field: span.$field,)+ }
            }
        }
    };
}

row!(
    is_llm_call: bool,
    dialect: Option<String>,
    operation: Option<String>,
    provider: Option<String>,
    request_model: Option<String>,
    response_model: Option<String>,
    response_id: Option<String>,
    streaming: Option<bool>,
    ttft_ns: Option<i64>,
    finish_reason: Option<String>,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    cache_read_tokens: Option<i64>,
    cache_write_tokens: Option<i64>,
    reasoning_tokens: Option<i64>,
    session_id: Option<String>,
    user_id: Option<String>,
    agent_name: Option<String>,
    tool_name: Option<String>,
    system_instructions: Option<String>,
    input_messages: Option<String>,
    output_messages: Option<String>,
    tool_definitions: Option<String>,
    tool_arguments: Option<String>,
    tool_result: Option<String>,
    documents: Option<String>,
    input_text: Option<String>,
    output_text: Option<String>,
);

/// The columns of `scores` that the ground truth speaks of.
#[derive(Debug, Clone, Deserialize)]
pub struct Verdict {
    pub id: String,
    pub evaluator: String,
    pub value: Option<f64>,
    pub label: Option<String>,
    pub reason: Option<String>,
    pub outcome: String,
}

impl From<&Score> for Verdict {
    fn from(score: &Score) -> Self {
        let score = score.clone();
        Self { id: score.id, evaluator: score.evaluator, value: score.value, label: score.label, reason: score.reason, outcome: score.outcome }
    }
}

/// What the tables hold after a scenario.
#[derive(Default)]
pub struct Rows {
    /// Rows of the view `llm_calls`.
    pub calls: Vec<Row>,
    /// Rows of `spans`.
    pub spans: Vec<Row>,
    /// Rows of `scores`, each id once.
    pub scores: Vec<Verdict>,
    /// What came for each span, as text to search.
    pub raw: HashMap<String, String>,
}

impl Rows {
    /// The attributes and events of a span and of the records that belong to it, as they came.
    pub fn raw(&self, row: &Row) -> &str {
        self.raw.get(&row.span_id).map_or("", String::as_str)
    }

    /// Keeps one verdict of each id: a record and a span event may both tell of it.
    pub fn without_repeated_scores(mut self) -> Self {
        self.scores.sort_by(|a, b| a.id.cmp(&b.id));
        self.scores.dedup_by(|a, b| a.id == b.id);
        self
    }
}

/// Interprets the requests of a scenario with one dialect's file switched off, or all, and joins records to spans as the view does.
pub fn interpreted(folder: &Path, scenario: &Scenario, disabled: Option<&str>) -> Rows {
    let (mut spans, mut logs, mut rows) = (Vec::new(), Vec::new(), Rows::default());
    for file in scenario.requests() {
        let bytes = std::fs::read(folder.join(file)).unwrap();
        let (mut new_spans, mut new_logs) = (Vec::new(), Vec::new());
        if file.contains(".traces.") {
            new_spans = read_spans(&ExportTraceServiceRequest::decode(&*bytes).unwrap(), disabled, &mut rows);
        } else if file.contains(".logs.") {
            new_logs = read_logs(&ExportLogsServiceRequest::decode(&*bytes).unwrap(), &mut rows);
        }
        settle(&mut new_spans, &mut new_logs);
        spans.extend(new_spans);
        logs.extend(new_logs);
    }
    rows.spans = spans.iter().map(Row::from).collect();
    let mut calls: Vec<Span> = spans.into_iter().filter(|span| span.is_llm_call).collect();
    calls.sort_by_key(|call| call.start_unix_nano);
    calls.iter_mut().for_each(|call| join(call, &logs));
    rows.calls = calls.iter().map(Row::from).collect();
    rows.without_repeated_scores()
}

/// Everything that came for each span of a scenario, as text.
pub fn raw(folder: &Path, scenario: &Scenario) -> HashMap<String, String> {
    interpreted(folder, scenario, Some("*")).raw
}

fn read_spans(request: &ExportTraceServiceRequest, disabled: Option<&str>, rows: &mut Rows) -> Vec<Span> {
    let mut spans = Vec::new();
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
                    status: ["unset", "ok", "error"][usize::try_from(span.status.as_ref().map_or(0, |status| status.code)).unwrap()].to_owned(),
                    scope_name: scope.scope.as_ref().map(|scope| scope.name.clone()),
                    scope_version: scope.scope.as_ref().map(|scope| scope.version.clone()),
                    ..Span::default()
                };
                rows.raw.entry(row.span_id.to_string()).or_default().push_str(&serde_json::to_string(span).unwrap());
                let input = SpanInput { resource: attributes, scope: scope.scope.as_ref(), span };
                Conventions { disabled }.interpret_span(&input, &mut row);
                rows.scores.extend(scores_of_span(&input, &row).iter().map(Verdict::from));
                spans.push(row);
            }
        }
    }
    spans
}

fn read_logs(request: &ExportLogsServiceRequest, rows: &mut Rows) -> Vec<LogRecord> {
    let mut logs = Vec::new();
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
                    rows.raw.entry(id.to_string()).or_default().push_str(&serde_json::to_string(record).unwrap());
                }
                let input = LogInput { resource: attributes, scope: scope.scope.as_ref(), record };
                interpret_log(&input, &mut row);
                rows.scores.extend(scores_of_log(&input, &row).iter().map(Verdict::from));
                logs.push(row);
            }
        }
    }
    logs
}

/// Content of the records that belong to a call.
fn join(call: &mut Span, logs: &[LogRecord]) {
    let mut own: Vec<&LogRecord> = logs
        .iter()
        .filter(|log| log.trace_id == Some(call.trace_id))
        .filter(|log| log.span_id == Some(call.span_id) || (log.response_id.is_some() && log.response_id == call.response_id))
        .collect();
    own.sort_by_key(|log| log.time_unix_nano);
    let lists = |pick: fn(&LogRecord) -> Option<&String>| {
        let items: Vec<Value> = own.iter().filter_map(|log| pick(log)).flat_map(|text| serde_json::from_str::<Vec<Value>>(text).unwrap()).collect();
        (!items.is_empty()).then(|| Value::Array(items).to_string())
    };
    if call.input_messages.is_none() {
        call.input_messages = lists(|log| log.input_messages.as_ref());
    }
    call.output_messages = call.output_messages.take().or(lists(|log| log.output_messages.as_ref()));
    call.system_instructions = call.system_instructions.take().or(lists(|log| log.system_instructions.as_ref()));
    call.tool_definitions = call.tool_definitions.take().or(lists(|log| log.tool_definitions.as_ref()));
    let texts = |messages: &Option<String>, role: &str| -> Vec<String> {
        let messages: Vec<Value> = messages.as_ref().map(|messages| serde_json::from_str(messages).unwrap()).unwrap_or_default();
        let text = |message: &Value| {
            let parts = message["parts"].as_array()?.iter().filter(|part| part["type"] == "text");
            let parts: Vec<&str> = parts.filter_map(|part| part["content"].as_str()).collect();
            (!parts.is_empty()).then(|| parts.join("\n"))
        };
        messages.iter().filter(|message| message["role"] == role).filter_map(text).collect()
    };
    call.input_text = call.input_text.take().or_else(|| texts(&call.input_messages, "user").pop());
    call.output_text = call.output_text.take().or_else(|| texts(&call.output_messages, "assistant").into_iter().next());
    for log in own {
        call.session_id = call.session_id.take().or_else(|| log.session_id.clone());
        call.user_id = call.user_id.take().or_else(|| log.user_id.clone());
    }
}
