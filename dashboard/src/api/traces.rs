//! `GET /api/v1/traces/{trace_id}` and below: a trace, its tree for the trace page, and a span in full.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use schema::Micros;
use serde::Serialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::caller::Caller;
use crate::error::Error;
use crate::format::rfc3339;
use crate::pages::trace::{label, odd};
use crate::trace::{Sort, Trace, Usage, Verdict};

/// A trace with its spans in tree order.
#[derive(Serialize)]
pub(crate) struct Answer {
    trace_id: String,
    start_time: String,
    start_unix_nano: i64,
    duration_ns: i64,
    n_spans: usize,
    n_errors: usize,
    truncated: bool,
    models: Vec<String>,
    usage: Usage,
    spans: Vec<Span>,
    scores: Vec<Verdict>,
}

#[derive(Serialize)]
struct Span {
    span_id: String,
    parent_span_id: Option<String>,
    depth: usize,
    name: String,
    kind: String,
    operation: Option<String>,
    service_name: Option<String>,
    status: String,
    start_unix_nano: i64,
    duration_ns: i64,
    model: Option<String>,
    tool_name: Option<String>,
    agent_name: Option<String>,
    usage: Option<Usage>,
    note: Option<&'static str>,
}

/// Sends a trace without the big text of its spans.
pub(crate) async fn trace(State(app): State<App>, Caller(tenant): Caller, Path(id): Path<String>) -> Result<Json<Answer>, Error> {
    let trace = Trace::read(&app.reader(tenant), &id).await?;
    let spans = trace.in_order().map(|(place, span)| Span {
        span_id: span.span_id.clone(),
        parent_span_id: span.parent_span_id.clone(),
        depth: place.depth,
        name: span.name.clone(),
        kind: span.kind.clone(),
        operation: span.operation.clone(),
        service_name: span.service_name.clone(),
        status: span.status.clone(),
        start_unix_nano: span.start_unix_nano,
        duration_ns: span.duration_ns,
        model: span.model.clone(),
        tool_name: span.tool_name.clone(),
        agent_name: span.agent_name.clone(),
        usage: trace.calls.get(&span.span_id).copied(),
        note: odd(place),
    });
    Ok(Json(Answer {
        trace_id: trace.id.to_string(),
        start_time: rfc3339(Micros::from_nanos(trace.tree.start_ns)),
        start_unix_nano: trace.tree.start_ns,
        duration_ns: trace.duration_ns(),
        n_spans: trace.tree.places.len(),
        n_errors: trace.n_errors(),
        truncated: trace.is_cut,
        models: trace.models.iter().cloned().collect(),
        usage: trace.usage,
        spans: spans.collect(),
        scores: trace.verdicts.clone(),
    }))
}

/// The tree as small as it can be sent: columns in a fixed order, names once.
#[derive(Serialize)]
pub(crate) struct Compact {
    trace_id: String,
    duration_ns: i64,
    truncated: bool,
    columns: [&'static str; 11],
    sorts: Vec<&'static str>,
    sort_labels: Vec<&'static str>,
    names: Vec<String>,
    notes: Vec<&'static str>,
    rows: Vec<Value>,
}

const COLUMNS: [&str; 11] = ["span_id", "depth", "n_below", "sort", "name", "start_ns", "duration_ns", "is_error", "tokens", "cost_nanousd", "note"];

/// Sends the tree of a trace for a list that shows some rows of it at a time.
pub(crate) async fn tree(State(app): State<App>, Caller(tenant): Caller, Path(id): Path<String>) -> Result<Json<Compact>, Error> {
    let trace = Trace::read(&app.reader(tenant), &id).await?;
    let mut names = Words::default();
    let mut notes: Vec<&'static str> = Vec::new();
    let rows = trace.in_order().map(|(place, span)| {
        let note = odd(place).map(|note| {
            notes.iter().position(|known| *known == note).unwrap_or_else(|| {
                notes.push(note);
                notes.len() - 1
            })
        });
        let usage = trace.calls.get(&span.span_id);
        let sort = Sort::ALL.iter().position(|sort| *sort == span.sort());
        json!([
            span.span_id,
            place.depth,
            place.n_below,
            sort,
            names.index(label(span)),
            span.start_unix_nano.saturating_sub(trace.tree.start_ns),
            span.duration_ns,
            u8::from(span.status == "error"),
            usage.map(|usage| usage.input_tokens.saturating_add(usage.output_tokens)),
            usage.and_then(|usage| usage.cost_nanousd),
            note,
        ])
    });
    let rows = rows.collect();
    Ok(Json(Compact {
        trace_id: trace.id.to_string(),
        duration_ns: trace.duration_ns(),
        truncated: trace.is_cut,
        columns: COLUMNS,
        sorts: Sort::ALL.iter().map(|sort| sort.name()).collect(),
        sort_labels: Sort::ALL.iter().map(|sort| sort.label()).collect(),
        names: names.words,
        notes,
        rows,
    }))
}

/// Words, each kept once.
#[derive(Default)]
struct Words {
    words: Vec<String>,
    index_of: HashMap<String, usize>,
}

impl Words {
    fn index(&mut self, word: String) -> usize {
        if let Some(index) = self.index_of.get(&word) {
            return *index;
        }
        self.words.push(word.clone());
        self.index_of.insert(word, self.words.len() - 1);
        self.words.len() - 1
    }
}

/// Sends everything there is about a span, JSON columns parsed.
pub(crate) async fn span(
    State(app): State<App>,
    Caller(tenant): Caller,
    Path((trace, span)): Path<(String, String)>,
) -> Result<impl IntoResponse, Error> {
    let detail = crate::span::read(&app.reader(tenant), &trace, &span).await?;
    Ok(([(CONTENT_TYPE, "application/json")], detail.span.to_json()?))
}
