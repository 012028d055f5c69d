//! One span with everything in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::app::{Params, Reader};
use crate::error::Error;
use crate::json::embed;
use crate::trace::{Sort, span_id, trace_id};

const SPAN: &str = include_str!("../queries/span.sql");
const CALL: &str = include_str!("../queries/span_call.sql");
const COST: &str = include_str!("../queries/span_cost.sql");

/// Columns of a span that hold JSON.
const JSON_COLUMNS: &[&str] = &[
    "tags",
    "attributes",
    "resource",
    "events",
    "links",
    "system_instructions",
    "input_messages",
    "output_messages",
    "tool_definitions",
    "tool_arguments",
    "tool_result",
    "documents",
];

/// A row of `span.sql`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct FullSpan {
    pub trace_id: String,
    pub span_id: String,
    pub parent_span_id: Option<String>,
    pub start_us: i64,
    pub start_unix_nano: i64,
    pub duration_ns: i64,
    pub ingested_us: i64,
    pub service_name: Option<String>,
    pub service_version: Option<String>,
    pub environment: Option<String>,
    pub name: String,
    pub kind: String,
    pub status: String,
    pub status_message: Option<String>,
    pub error_type: Option<String>,
    pub scope_name: Option<String>,
    pub scope_version: Option<String>,
    pub dialect: Option<String>,
    pub operation: Option<String>,
    pub is_llm_call: bool,
    pub provider: Option<String>,
    pub provider_raw: Option<String>,
    pub request_model: Option<String>,
    pub response_model: Option<String>,
    pub response_id: Option<String>,
    pub streaming: Option<bool>,
    pub ttft_ns: Option<i64>,
    pub finish_reason: Option<String>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub max_tokens: Option<i64>,
    pub input_tokens: Option<i64>,
    pub output_tokens: Option<i64>,
    pub cache_read_tokens: Option<i64>,
    pub cache_write_tokens: Option<i64>,
    pub cache_write_1h_tokens: Option<i64>,
    pub reasoning_tokens: Option<i64>,
    pub audio_input_tokens: Option<i64>,
    pub audio_output_tokens: Option<i64>,
    pub service_tier: Option<String>,
    pub cost_nanousd: Option<i64>,
    pub cost_source: Option<String>,
    pub session_id: Option<String>,
    pub user_id: Option<String>,
    pub agent_name: Option<String>,
    pub workflow_name: Option<String>,
    pub tool_name: Option<String>,
    pub tool_call_id: Option<String>,
    pub prompt_name: Option<String>,
    pub prompt_version: Option<String>,
    pub tags: Option<String>,
    pub attributes: Option<String>,
    pub resource: Option<String>,
    pub events: Option<String>,
    pub links: Option<String>,
    pub system_instructions: Option<String>,
    pub input_messages: Option<String>,
    pub output_messages: Option<String>,
    pub tool_definitions: Option<String>,
    pub tool_arguments: Option<String>,
    pub tool_result: Option<String>,
    pub documents: Option<String>,
    pub input_text: Option<String>,
    pub output_text: Option<String>,
}

/// A row of `span_call.sql`: what all that speaks for the call says together.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Call {
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    cache_read_tokens: Option<i64>,
    cache_write_tokens: Option<i64>,
    reasoning_tokens: Option<i64>,
    system_instructions: Option<String>,
    input_messages: Option<String>,
    output_messages: Option<String>,
    tool_definitions: Option<String>,
    input_text: Option<String>,
    output_text: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct CostRow {
    cost_nanousd: Option<i64>,
    cost_source: Option<String>,
}

/// A span, and whether its tokens and cost are counted under it.
#[derive(Debug, Clone)]
pub(crate) struct Detail {
    /// The span, filled up with what the view `llm_calls` knows about it.
    pub span: FullSpan,
    /// Whether the span is a row of `llm_calls`; the usage of other spans repeats that of the calls inside of them.
    pub is_counted: bool,
}

/// Reads a span that is known to be no model call; an unknown id is an error.
pub(crate) async fn read_plain(reader: &Reader, trace: &str, span: &str) -> Result<Detail, Error> {
    let (trace, span) = (trace_id(trace)?, span_id(span)?);
    let params = Params::new().text("trace", &trace.to_string()).text("span", &span.to_string());
    let found: Option<FullSpan> = reader.first(SPAN, params).await?;
    let Some(span) = found else {
        return Err(Error::NotFound { what: "span", id: span.to_string() });
    };
    Ok(Detail { span, is_counted: false })
}

/// Reads a span; an unknown id is an error.
pub(crate) async fn read(reader: &Reader, trace: &str, span: &str) -> Result<Detail, Error> {
    let (trace, span) = (trace_id(trace)?, span_id(span)?);
    let params = Params::new().text("trace", &trace.to_string()).text("span", &span.to_string());
    let (found, call, cost): (Option<FullSpan>, Option<Call>, Option<CostRow>) =
        tokio::try_join!(reader.first(SPAN, params.clone()), reader.first(CALL, params.clone()), reader.first(COST, params))?;
    let Some(mut span) = found else {
        return Err(Error::NotFound { what: "span", id: span.to_string() });
    };
    if let Some(cost) = cost {
        span.cost_nanousd = cost.cost_nanousd;
        span.cost_source = cost.cost_source;
    }
    let is_counted = call.is_some();
    fill_up(&mut span, call.unwrap_or_default());
    Ok(Detail { span, is_counted })
}

/// The view's word counts where it has one: it settles what several spans and records say about one call.
fn fill_up(span: &mut FullSpan, call: Call) {
    macro_rules! fill {
        ($($field:ident),+) => { $( if call.$field.is_some() { span.$field = call.$field; } )+ };
    }
    fill!(input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens);
    fill!(system_instructions, input_messages, output_messages, tool_definitions, input_text, output_text);
}

impl FullSpan {
    /// Tells what the span is.
    pub(crate) fn sort(&self) -> Sort {
        Sort::of(self.operation.as_deref(), &self.kind, self.is_llm_call)
    }

    /// Writes the span as JSON: the columns that hold JSON as such, exactly as they came; nulls left out.
    pub(crate) fn to_json(&self) -> Result<String, Error> {
        self.columns().and_then(|columns| serde_json::to_string(&columns)).map_err(|error| Error::Write(error.to_string()))
    }

    fn columns(&self) -> Result<BTreeMap<String, Box<RawValue>>, serde_json::Error> {
        let Value::Object(columns) = serde_json::to_value(self)? else { return Ok(BTreeMap::new()) };
        let filled = columns.into_iter().filter(|(_, value)| !value.is_null());
        let written = filled.map(|(name, value)| {
            let json = match &value {
                Value::String(text) if JSON_COLUMNS.contains(&name.as_str()) => embed(text)?,
                value => to_raw_value(value)?,
            };
            Ok((name, json))
        });
        written.collect()
    }
}
