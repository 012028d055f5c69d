//! OpenTelemetry's GenAI conventions: `gen_ai.*`, with messages as JSON text of roles and parts.

use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{Array, KeyValue, StringValue, Value};
use serde_json::{Value as Json, json};

use super::super::content::prompts;
use super::super::trace::{App, Chat, Message, PlannedSpan, Step, Tokens, Trace};
use super::{Rendered, exception, int};

const AGENT: &str = "workshop-agent";

/// Renders a span of the agent or of the summariser.
pub(super) fn render(trace: &Trace, span: &PlannedSpan) -> Rendered {
    let (name, kind, mut attributes) = match &span.step {
        Step::Chat(call) => (format!("chat {}", call.model.request), SpanKind::Client, chat(trace, call, span.failure.is_none())),
        Step::Agent { task, answer, tokens } => (format!("invoke_agent {AGENT}"), SpanKind::Internal, agent(task, answer.as_deref(), *tokens)),
        Step::Tool { name, call_id, arguments, result } => {
            (format!("execute_tool {name}"), SpanKind::Internal, tool(name, call_id, arguments, result.as_deref()))
        }
        Step::Embed { text, .. } => ("embeddings".to_owned(), SpanKind::Client, search("embeddings", text)),
        Step::Retrieve { question, .. } => ("retrieval".to_owned(), SpanKind::Client, search("retrieval", question)),
        Step::Chain { question, .. } => ("invoke_workflow".to_owned(), SpanKind::Internal, search("invoke_workflow", question)),
        Step::Request { route } => ((*route).to_owned(), SpanKind::Server, Vec::new()),
    };
    attributes.extend(trace.session.clone().map(|session| KeyValue::new("gen_ai.conversation.id", session)));
    attributes.push(KeyValue::new("user.id", trace.user.clone()));
    let events = span.failure.iter().map(|failure| exception(span, failure)).collect();
    if let Some(failure) = &span.failure {
        attributes.push(KeyValue::new("error.type", failure.error_type));
        attributes.extend(failure.http_status.map(|status| KeyValue::new("http.response.status_code", status)));
    }
    Rendered { name, kind, attributes, events, success: Status::Unset }
}

fn search(operation: &'static str, text: &str) -> Vec<KeyValue> {
    vec![KeyValue::new("gen_ai.operation.name", operation), KeyValue::new("gen_ai.retrieval.query.text", text.to_owned())]
}

fn agent(task: &str, answer: Option<&str>, tokens: Tokens) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new("gen_ai.operation.name", "invoke_agent"),
        KeyValue::new("gen_ai.agent.name", AGENT),
        KeyValue::new("gen_ai.usage.input_tokens", int(tokens.input)),
        KeyValue::new("gen_ai.usage.output_tokens", int(tokens.output)),
        KeyValue::new("gen_ai.input.messages", json!([{ "role": "user", "parts": [part_text(task)] }]).to_string()),
    ];
    let output = |answer| json!([{ "role": "assistant", "parts": [part_text(answer)], "finish_reason": "stop" }]).to_string();
    attributes.extend(answer.map(|answer| KeyValue::new("gen_ai.output.messages", output(answer))));
    attributes
}

fn tool(name: &'static str, call_id: &str, arguments: &str, result: Option<&str>) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new("gen_ai.operation.name", "execute_tool"),
        KeyValue::new("gen_ai.tool.name", name),
        KeyValue::new("gen_ai.tool.type", "function"),
        KeyValue::new("gen_ai.tool.call.id", call_id.to_owned()),
        KeyValue::new("gen_ai.tool.call.arguments", arguments.to_owned()),
        KeyValue::new("gen_ai.agent.name", AGENT),
    ];
    attributes.extend(result.map(|result| KeyValue::new("gen_ai.tool.call.result", result.to_owned())));
    attributes
}

fn chat(trace: &Trace, chat: &Chat, has_answer: bool) -> Vec<KeyValue> {
    let messages: Vec<Json> = chat.messages.iter().map(message).collect();
    let mut attributes = vec![
        KeyValue::new("gen_ai.operation.name", "chat"),
        KeyValue::new("gen_ai.provider.name", chat.model.provider),
        KeyValue::new("gen_ai.request.model", chat.model.request),
        KeyValue::new("gen_ai.request.temperature", chat.temperature),
        KeyValue::new("gen_ai.request.max_tokens", chat.max_tokens),
        KeyValue::new("gen_ai.request.stream", chat.ttft_micros.is_some()),
        KeyValue::new("gen_ai.prompt.name", trace.prompt.name),
        KeyValue::new("gen_ai.prompt.version", trace.prompt.version),
        KeyValue::new("gen_ai.system_instructions", json!([part_text(&chat.system)]).to_string()),
        KeyValue::new("gen_ai.input.messages", Json::Array(messages).to_string()),
    ];
    match trace.origin.app {
        App::Workshop => {
            attributes.extend([KeyValue::new("gen_ai.agent.name", AGENT), KeyValue::new("gen_ai.tool.definitions", prompts::TOOLS)]);
        }
        App::Digest => attributes.push(KeyValue::new("gen_ai.output.type", "json")),
        App::Support => {}
    }
    if has_answer {
        answer(chat, &mut attributes);
    }
    attributes
}

fn answer(chat: &Chat, attributes: &mut Vec<KeyValue>) {
    let mut output = message(&chat.output);
    output["finish_reason"] = chat.finish_reason.into();
    let tokens = chat.tokens;
    attributes.extend([
        KeyValue::new("gen_ai.output.messages", json!([output]).to_string()),
        KeyValue::new("gen_ai.response.finish_reasons", Value::Array(Array::String(vec![StringValue::from(chat.finish_reason)]))),
        KeyValue::new("gen_ai.response.model", chat.model.response),
        KeyValue::new("gen_ai.usage.input_tokens", int(tokens.input)),
        KeyValue::new("gen_ai.usage.output_tokens", int(tokens.output)),
    ]);
    // Bedrock's Converse gives its answers no id.
    if chat.model.provider != "aws.bedrock" {
        attributes.push(KeyValue::new("gen_ai.response.id", chat.response_id.clone()));
    }
    let parts = [
        ("gen_ai.usage.cache_read.input_tokens", tokens.cache_read),
        ("gen_ai.usage.cache_creation.input_tokens", tokens.cache_write),
        ("gen_ai.usage.reasoning.output_tokens", tokens.reasoning),
    ];
    attributes.extend(parts.into_iter().filter(|(_, n)| *n > 0).map(|(key, n)| KeyValue::new(key, int(n))));
    attributes.extend(chat.ttft_micros.map(|ttft| KeyValue::new("gen_ai.response.time_to_first_chunk", ttft as f64 / 1e6)));
}

fn message(message: &Message) -> Json {
    match message {
        Message::User(text) => json!({ "role": "user", "parts": [part_text(text)] }),
        Message::Assistant(text) => json!({ "role": "assistant", "parts": [part_text(text)] }),
        Message::Calls(calls) => {
            let arguments = |text: &str| serde_json::from_str::<Json>(text).unwrap_or_else(|_| text.into());
            let parts: Vec<Json> = calls
                .iter()
                .map(|call| json!({ "type": "tool_call", "id": call.id, "name": call.name, "arguments": arguments(&call.arguments) }))
                .collect();
            json!({ "role": "assistant", "parts": parts })
        }
        Message::Result { call_id, content } => {
            json!({ "role": "tool", "parts": [{ "type": "tool_call_response", "id": call_id, "response": content }] })
        }
    }
}

fn part_text(text: &str) -> Json {
    json!({ "type": "text", "content": text })
}
