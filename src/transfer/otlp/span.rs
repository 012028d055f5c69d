//! Spans as OTLP.

use std::collections::HashMap;

use schema::{Span, SpanId, TraceId};
use serde_json::{Value, json};

use super::{Exported, listed, object_of, pairs};

impl Exported for Span {
    const LISTS: [&'static str; 3] = ["resourceSpans", "scopeSpans", "spans"];

    fn nanos(&self) -> i64 {
        self.start_unix_nano
    }

    fn resource(&self) -> Option<&str> {
        self.resource.as_deref()
    }

    fn scope(&self) -> [Option<&str>; 2] {
        [self.scope_name.as_deref(), self.scope_version.as_deref()]
    }

    fn item(&self) -> Value {
        let mut attributes = object_of(self.attributes.as_deref());
        attributes.extend(columns_of(self).into_iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.to_owned(), value)));
        let end = self.start_unix_nano.saturating_add(self.duration_ns);
        let kind = ["unspecified", "internal", "server", "client", "producer", "consumer"].iter().position(|kind| *kind == self.kind);
        let code = ["unset", "ok", "error"].iter().position(|status| *status == self.status);
        json!({
            "traceId": self.trace_id.to_string(),
            "spanId": self.span_id.to_string(),
            "parentSpanId": self.parent_span_id.map(|id| id.to_string()).unwrap_or_default(),
            "name": self.name,
            "kind": kind.unwrap_or_default(),
            "startTimeUnixNano": self.start_unix_nano.to_string(),
            "endTimeUnixNano": end.to_string(),
            "status": {"code": code.unwrap_or_default(), "message": self.status_message.clone().unwrap_or_default()},
            "attributes": listed(&attributes),
            "events": parts_of(self.events.as_deref(), |event| json!({
                "name": event["name"], "timeUnixNano": event["time_unix_nano"].to_string(), "attributes": attributes_in(&event["attributes"]),
            })),
            "links": parts_of(self.links.as_deref(), |link| json!({
                "traceId": link["trace_id"], "spanId": link["span_id"], "attributes": attributes_in(&link["attributes"]),
            })),
        })
    }

    /// A span that was sent again is exported as it was sent last.
    fn latest(rows: Vec<Self>) -> Vec<Self> {
        let mut latest: HashMap<(TraceId, SpanId), Self> = HashMap::with_capacity(rows.len());
        for row in rows {
            let id = (row.trace_id, row.span_id);
            if latest.get(&id).is_none_or(|earlier| earlier.ingested_at <= row.ingested_at) {
                latest.insert(id, row);
            }
        }
        latest.into_values().collect()
    }
}

/// Columns with the key that the GenAI conventions have for them; what stands in a column is not among the other attributes.
fn columns_of(span: &Span) -> Vec<(&'static str, Value)> {
    let seconds = |nanos: i64| nanos as f64 / 1e9;
    let reported = span.cost_nanousd.filter(|_| span.cost_source.as_deref() == Some("reported"));
    let query = span.input_text.as_ref().filter(|_| span.operation.as_deref() == Some("retrieval"));
    let list = |text: &Option<String>| text.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    vec![
        ("gen_ai.operation.name", json!(span.operation)),
        ("gen_ai.provider.name", json!(span.provider_raw.as_ref().or(span.provider.as_ref()))),
        ("gen_ai.request.model", json!(span.request_model)),
        ("gen_ai.response.model", json!(span.response_model)),
        ("gen_ai.response.id", json!(span.response_id)),
        ("gen_ai.request.stream", json!(span.streaming)),
        ("gen_ai.response.time_to_first_chunk", json!(span.ttft_ns.map(seconds))),
        ("gen_ai.response.finish_reasons", json!(span.finish_reason.as_ref().map(|reason| [reason]))),
        ("gen_ai.request.temperature", json!(span.temperature)),
        ("gen_ai.request.top_p", json!(span.top_p)),
        ("gen_ai.request.max_tokens", json!(span.max_tokens)),
        ("gen_ai.usage.input_tokens", json!(span.input_tokens)),
        ("gen_ai.usage.output_tokens", json!(span.output_tokens)),
        ("gen_ai.usage.cache_read.input_tokens", json!(span.cache_read_tokens)),
        ("gen_ai.usage.cache_creation.input_tokens", json!(span.cache_write_tokens)),
        ("gen_ai.usage.ephemeral_1h_input_tokens", json!(span.cache_write_1h_tokens)),
        ("gen_ai.usage.reasoning.output_tokens", json!(span.reasoning_tokens)),
        ("gen_ai.usage.audio_input_tokens", json!(span.audio_input_tokens)),
        ("gen_ai.usage.audio_output_tokens", json!(span.audio_output_tokens)),
        ("openai.response.service_tier", json!(span.service_tier)),
        ("gen_ai.usage.cost", json!(reported.map(|cost| seconds(cost.0)))),
        ("session.id", json!(span.session_id)),
        ("user.id", json!(span.user_id)),
        ("gen_ai.agent.name", json!(span.agent_name)),
        ("gen_ai.workflow.name", json!(span.workflow_name)),
        ("gen_ai.tool.name", json!(span.tool_name)),
        ("gen_ai.tool.call.id", json!(span.tool_call_id)),
        ("gen_ai.prompt.name", json!(span.prompt_name)),
        ("gen_ai.prompt.version", json!(span.prompt_version)),
        ("tag.tags", json!(list(&span.tags))),
        ("error.type", json!(span.error_type)),
        ("gen_ai.system_instructions", json!(span.system_instructions)),
        ("gen_ai.input.messages", json!(span.input_messages)),
        ("gen_ai.output.messages", json!(span.output_messages)),
        ("gen_ai.tool.definitions", json!(span.tool_definitions)),
        ("gen_ai.tool.call.arguments", json!(span.tool_arguments)),
        ("gen_ai.tool.call.result", json!(span.tool_result)),
        ("gen_ai.retrieval.documents", json!(span.documents)),
        ("gen_ai.retrieval.query.text", json!(query)),
    ]
}

fn attributes_in(object: &Value) -> Vec<Value> {
    object.as_object().map(pairs).unwrap_or_default()
}

fn parts_of(text: Option<&str>, part: impl Fn(&Value) -> Value) -> Vec<Value> {
    let parts = text.and_then(|text| serde_json::from_str::<Vec<Value>>(text).ok()).unwrap_or_default();
    parts.iter().map(part).collect()
}
