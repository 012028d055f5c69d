//! Spans as an OTLP export request, in the words of OpenTelemetry's GenAI conventions, whatever dialect they came in.

use schema::Span;
use serde_json::{Map, Value, json};

/// Returns a request that holds the spans, one resource and scope a run of neighbours that share them.
pub(super) fn request_of(spans: &[Span]) -> Value {
    let same = |a: &Span, b: &Span| a.resource == b.resource && a.scope_name == b.scope_name && a.scope_version == b.scope_version;
    let resources = spans.chunk_by(same).map(|run| {
        let scope = run
            .first()
            .map(|span| json!({"name": span.scope_name.clone().unwrap_or_default(), "version": span.scope_version.clone().unwrap_or_default()}));
        let resource = run.first().and_then(|span| span.resource.as_deref());
        json!({
            "resource": {"attributes": attributes_of(resource)},
            "scopeSpans": [{"scope": scope, "spans": run.iter().map(span_of).collect::<Vec<_>>()}],
        })
    });
    json!({"resourceSpans": resources.collect::<Vec<_>>()})
}

fn span_of(span: &Span) -> Value {
    let mut attributes = attributes_of(span.attributes.as_deref());
    attributes.extend(columns_of(span).into_iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| attribute(key, &value)));
    let end = span.start_unix_nano.saturating_add(span.duration_ns);
    let kind = ["unspecified", "internal", "server", "client", "producer", "consumer"].iter().position(|kind| *kind == span.kind);
    let code = ["unset", "ok", "error"].iter().position(|status| *status == span.status);
    json!({
        "traceId": span.trace_id.to_string(),
        "spanId": span.span_id.to_string(),
        "parentSpanId": span.parent_span_id.map(|id| id.to_string()).unwrap_or_default(),
        "name": span.name,
        "kind": kind.unwrap_or_default(),
        "startTimeUnixNano": span.start_unix_nano.to_string(),
        "endTimeUnixNano": end.to_string(),
        "status": {"code": code.unwrap_or_default(), "message": span.status_message.clone().unwrap_or_default()},
        "attributes": attributes,
        "events": parts_of(span.events.as_deref(), |event| json!({
            "name": event["name"], "timeUnixNano": event["time_unix_nano"].to_string(), "attributes": attributes_in(&event["attributes"]),
        })),
        "links": parts_of(span.links.as_deref(), |link| json!({
            "traceId": link["trace_id"], "spanId": link["span_id"], "attributes": attributes_in(&link["attributes"]),
        })),
    })
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

fn attributes_of(text: Option<&str>) -> Vec<Value> {
    text.and_then(|text| serde_json::from_str::<Value>(text).ok()).map(|object| attributes_in(&object)).unwrap_or_default()
}

fn attributes_in(object: &Value) -> Vec<Value> {
    object.as_object().map(|object| object.iter().map(|(key, value)| attribute(key, value)).collect()).unwrap_or_default()
}

fn parts_of(text: Option<&str>, part: impl Fn(&Value) -> Value) -> Vec<Value> {
    let parts = text.and_then(|text| serde_json::from_str::<Vec<Value>>(text).ok()).unwrap_or_default();
    parts.iter().map(part).collect()
}

fn attribute(key: &str, value: &Value) -> Value {
    json!({"key": key, "value": any_value(value)})
}

/// Writes a JSON value as OTLP's AnyValue.
fn any_value(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(flag) => json!({"boolValue": flag}),
        Value::Number(number) if number.is_i64() => json!({"intValue": number.to_string()}),
        Value::Number(number) => json!({"doubleValue": number}),
        Value::String(text) => json!({"stringValue": text}),
        Value::Array(values) => json!({"arrayValue": {"values": values.iter().map(any_value).collect::<Vec<_>>()}}),
        Value::Object(object) => json!({"kvlistValue": {"values": pairs(object)}}),
    }
}

fn pairs(object: &Map<String, Value>) -> Vec<Value> {
    object.iter().map(|(key, value)| attribute(key, value)).collect()
}
