//! Brings messages of every shape to OpenTelemetry's: `{role, parts, name?, finish_reason?}`.

use serde_json::{Map, Value, json};

use super::part::Part;
use super::parts;
use super::value::{first, first_text, opened, parse};
use crate::decode::json;

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Message {
    pub role: String,
    pub parts: Vec<Part>,
    pub name: Option<String>,
    pub finish_reason: Option<String>,
}

/// Most messages that one list may hold.
const MESSAGES_MAX: usize = 10_000;

impl Message {
    /// A message of one text part.
    pub(super) fn text(role: &str, text: impl Into<String>) -> Self {
        Self { role: role.to_owned(), parts: vec![Part::Text(text.into())], name: None, finish_reason: None }
    }

    /// A message that is still empty.
    pub(super) fn by(role: &str) -> Self {
        Self { role: role.to_owned(), parts: Vec::new(), name: None, finish_reason: None }
    }

    fn of_one(role: &str, part: Value) -> Self {
        Self { parts: vec![part.into()], ..Self::by(role) }
    }

    /// Appends the message as JSON text, its keys sorted.
    fn write(&self, out: &mut String) {
        out.push('{');
        for (key, value) in [("finish_reason", &self.finish_reason), ("name", &self.name)] {
            if let Some(value) = value {
                json::text(out, key);
                out.push(':');
                json::text(out, value);
                out.push(',');
            }
        }
        out.push_str("\"parts\":");
        json::list(out, &self.parts, |out, part| part.write(out));
        out.push_str(",\"role\":");
        json::text(out, &self.role);
        out.push('}');
    }

    /// Every text part, joined; nothing if there is none.
    pub(super) fn plain(&self) -> Option<String> {
        let mut plain: Option<String> = None;
        for text in self.parts.iter().filter(|part| part.kind() == "text").filter_map(Part::content) {
            match &mut plain {
                None => plain = Some(text.to_owned()),
                Some(plain) => {
                    plain.push('\n');
                    plain.push_str(text);
                }
            }
        }
        plain.filter(|text| !text.is_empty())
    }
}

/// Writes messages as a JSON list; nothing if there are none.
pub(super) fn list(messages: &[Message]) -> Option<String> {
    let bytes: usize = messages.iter().flat_map(|message| &message.parts).filter_map(Part::content).map(|text| text.len() + 64).sum();
    let mut out = String::with_capacity(bytes + 64);
    json::list(&mut out, messages, |out, message| message.write(out));
    (!messages.is_empty()).then_some(out)
}

/// Folds a sender's name of a role.
pub(super) fn role(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "user" | "human" | "humanmessage" | "humanmessagechunk" => "user",
        "assistant" | "ai" | "model" | "aimessage" | "aimessagechunk" | "chatbot" | "bot" => "assistant",
        "system" | "developer" | "systemmessage" => "system",
        "tool" | "function" | "toolmessage" | "functionmessage" | "ipython" => "tool",
        _ => return None,
    })
}

/// Whether a JSON object looks like a message rather than like a request or a part.
fn is_message(map: &Map<String, Value>) -> bool {
    let has = |key: &str| map.contains_key(key);
    let roled = map.get("role").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    (roled && (has("content") || has("parts") || has("contents") || has("tool_calls") || has("text") || has("blocks") || map.len() <= 2))
        || is_constructor(map)
        || (map.get("type").and_then(Value::as_str).and_then(role).is_some() && (has("content") || has("data")))
        || (has("message") && map.get("message").and_then(Value::as_object).is_some_and(is_message))
        || matches!(map.get("type").and_then(Value::as_str), Some("function_call" | "function_call_output"))
        || (has("parts") && map.get("parts").is_some_and(Value::is_array))
        || map.get("function_call").is_some_and(Value::is_object)
}

/// LangChain's serialised form: `{"lc": 1, "type": "constructor", "id": [.., "AIMessage"], "kwargs": {..}}`.
fn is_constructor(map: &Map<String, Value>) -> bool {
    map.contains_key("kwargs") && map.get("id").is_some_and(Value::is_array)
}

/// Reads messages out of a value that holds nothing else: a list of them, one of them, or a list of lists (a batch).
///
/// `speaker` is the role of what does not say who speaks. Nothing if the value is something else.
pub(super) fn read(value: &Value, speaker: &str) -> Option<Vec<Message>> {
    match value {
        Value::Array(items) => read_list(items, speaker),
        Value::Object(map) => read_object(map, speaker),
        _ => None,
    }
}

/// Reads an object that is a message; nothing if it is something else.
pub(super) fn read_object(map: &Map<String, Value>, speaker: &str) -> Option<Vec<Message>> {
    is_message(map).then(|| one(map, speaker))
}

/// Reads a list that is known to hold messages, also where they name no role.
pub(super) fn read_loose(value: &Value, speaker: &str) -> Vec<Message> {
    if let Some(messages) = read(value, speaker) {
        return messages;
    }
    let Value::Array(items) = value else { return Vec::new() };
    items
        .iter()
        .take(MESSAGES_MAX)
        .filter_map(Value::as_object)
        .flat_map(|map| one(map, speaker))
        .filter(|message| !message.parts.is_empty())
        .collect()
}

/// Reads messages out of the items of a list; nothing if one of them is something else.
pub(super) fn read_list(items: &[Value], speaker: &str) -> Option<Vec<Message>> {
    if let [Value::Array(inner)] = items {
        return read_list(inner, speaker);
    }
    let mut messages = Vec::new();
    for item in items.iter().take(MESSAGES_MAX) {
        let item = &*opened(item);
        match item {
            Value::Object(map) if is_message(map) => messages.extend(one(map, speaker)),
            Value::Object(map) if matches!(map.get("type").and_then(Value::as_str), Some("reasoning")) && messages.len() < items.len() => {
                messages.push(Message::of_one("assistant", parts::part(item)?));
            }
            _ => return None,
        }
    }
    (!messages.is_empty()).then(|| joined(messages))
}

/// Joins neighbours that are halves of one message: items of the Responses API come one by one.
fn joined(messages: Vec<Message>) -> Vec<Message> {
    let mut out: Vec<Message> = Vec::with_capacity(messages.len());
    for message in messages {
        match out.last_mut() {
            Some(last)
                if last.role == "assistant"
                    && message.role == "assistant"
                    && last.finish_reason.is_none()
                    && (only(last, "tool_call") || only(last, "reasoning"))
                    && !message.parts.is_empty() =>
            {
                last.parts.extend(message.parts);
                last.finish_reason = message.finish_reason;
            }
            _ => out.push(message),
        }
    }
    out
}

fn only(message: &Message, kind: &str) -> bool {
    !message.parts.is_empty() && message.parts.iter().all(|part| part.kind() == kind)
}

/// Reads one object; a message of a tool that answers several calls stays one message.
fn one(map: &Map<String, Value>, speaker: &str) -> Vec<Message> {
    one_within(map, speaker, 0)
}

fn one_within(map: &Map<String, Value>, speaker: &str, depth: usize) -> Vec<Message> {
    if depth < 4 {
        if let Some(inner) = map.get("message").and_then(Value::as_object).filter(|_| !map.contains_key("function")) {
            let mut messages = one_within(inner, speaker, depth + 1);
            if let (Some(last), Some(reason)) = (messages.last_mut(), reason(map)) {
                last.finish_reason.get_or_insert(reason);
            }
            return messages;
        }
        if let Some(Value::Array(answers)) = map.get("function") {
            let answers = answers.iter().map(opened);
            return answers.filter_map(|answer| Some(Message::of_one("tool", parts::tool_response(answer.as_object()?)))).collect();
        }
        if let (true, Some(kwargs)) = (is_constructor(map), map.get("kwargs").and_then(Value::as_object)) {
            let class = map.get("id").and_then(Value::as_array).and_then(|id| id.last()).and_then(Value::as_str).unwrap_or_default();
            return one_within(kwargs, role(class).unwrap_or(speaker), depth + 1);
        }
        if let (Some(data), Some(role)) = (map.get("data").and_then(Value::as_object), map.get("type").and_then(Value::as_str).and_then(role)) {
            return one_within(data, role, depth + 1);
        }
    }
    match map.get("type").and_then(Value::as_str) {
        Some("function_call") => return vec![Message::of_one("assistant", parts::tool_call(map))],
        Some("function_call_output") => return vec![Message::of_one("tool", parts::tool_response(map))],
        _ => {}
    }
    vec![plain_message(map, speaker)]
}

/// Reads the finish reason that a message or a choice states.
fn reason(map: &Map<String, Value>) -> Option<String> {
    let metadata = map.get("response_metadata").or_else(|| map.get("meta")).and_then(Value::as_object);
    let keys = ["finish_reason", "finishReason", "stop_reason", "stopReason"];
    let found = first_text(map, &keys).or_else(|| metadata.and_then(|metadata| first_text(metadata, &keys)));
    found.map(finish_reason)
}

/// Folds a provider's finish reason.
pub(super) fn finish_reason(name: &str) -> String {
    let lower = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase().replace('-', "_");
    match lower.as_str() {
        "stop" | "end_turn" | "stop_sequence" | "complete" | "completed" | "eos" | "finished" | "done" => "stop".to_owned(),
        "length" | "max_tokens" | "max_output_tokens" | "model_context_window_exceeded" | "incomplete" => "length".to_owned(),
        "tool_call" | "tool_calls" | "tool_use" | "function_call" | "function_calls" => "tool_call".to_owned(),
        "content_filter"
        | "safety"
        | "recitation"
        | "guardrail_intervened"
        | "content_filtered"
        | "refusal"
        | "blocklist"
        | "prohibited_content"
        | "spii" => "content_filter".to_owned(),
        _ => lower,
    }
}

/// A message with a role and content, in any of the usual shapes.
fn plain_message(map: &Map<String, Value>, speaker: &str) -> Message {
    let said = first_text(map, &["role"]).or_else(|| first_text(map, &["type"]).filter(|name| role(name).is_some()));
    let sender = said.map_or(speaker, |name| role(name).unwrap_or(if name == "unknown" { speaker } else { name })).to_owned();
    let mut message = Message::by(&sender);
    message.name = first_text(map, &["name"]).map(str::to_owned);
    message.finish_reason = reason(map);
    if let Some(reasoning) = first_text(map, &["reasoning_content", "reasoning", "thinking"]) {
        message.parts.push(Part::Other(json!({"type": "reasoning", "content": reasoning})));
    }
    let content = first(map, &["parts", "contents", "content", "blocks", "text", "_content"]);
    let answered = first_text(map, &["tool_call_id", "toolCallId", "tool_use_id"]).or_else(|| first_text(map, &["id"]).filter(|_| sender == "tool"));
    match (sender.as_str(), content, answered) {
        ("tool", Some(content), id) if !has_responses(content) => {
            let mut part = Map::new();
            part.insert("type".into(), "tool_call_response".into());
            if let Some(id) = id {
                part.insert("id".into(), id.into());
            }
            part.insert("response".into(), parts::response_of(content));
            message.parts.push(Part::Other(Value::Object(part)));
        }
        (_, Some(content), _) => parts::of_content(content, &mut message.parts),
        (_, None, _) => {}
    }
    let calls =
        first(map, &["tool_calls", "toolCalls", "_tool_calls"]).or_else(|| map.get("additional_kwargs").and_then(|more| more.get("tool_calls")));
    if let Some(calls) = calls {
        add_calls(calls, &mut message.parts);
    } else if let Some(Value::Object(call)) = first(map, &["function_call", "functionCall"]) {
        message.parts.push(parts::tool_call(call).into());
    }
    drop_empty_text(&mut message.parts);
    message.parts.retain(|part| part.kind() != "tool_call" || part.get("name").is_some() || part.get("id").is_some());
    message
}

/// Whether the content already consists of answers to tool calls.
fn has_responses(content: &Value) -> bool {
    let parsed;
    let items = match content {
        Value::Array(items) => items,
        Value::String(text) if text.starts_with('[') => {
            parsed = parse(text);
            let Some(Value::Array(items)) = &parsed else { return false };
            items
        }
        _ => return false,
    };
    items.iter().any(|item| {
        let kind = item["type"].as_str().unwrap_or_default();
        matches!(kind, "tool_call_response" | "tool-result" | "tool_result")
            || ["toolResult", "functionResponse", "function_response", "tool_call_result"].iter().any(|key| item.get(*key).is_some())
    })
}

/// Adds tool calls that stand beside the content; those that the content also lists are not added twice.
pub(super) fn add_calls(calls: &Value, out: &mut Vec<Part>) {
    let calls = match calls {
        Value::String(text) => parse(text).unwrap_or(Value::Null),
        other => other.clone(),
    };
    let Value::Array(calls) = calls else { return };
    for call in &calls {
        let call = opened(call);
        let Some(map) = call.as_object() else { continue };
        let map = map.get("tool_call").and_then(Value::as_object).unwrap_or(map);
        let part = Part::from(parts::tool_call(map));
        let twice = |seen: &Part| {
            let same = |key| seen.get(key) == part.get(key);
            seen.kind() == "tool_call" && same("id") && same("name") && seen.get("id").is_some_and(Value::is_string)
        };
        if !out.iter().any(twice) {
            out.push(part);
        }
    }
}

/// Empty text beside other parts says nothing.
fn drop_empty_text(parts: &mut Vec<Part>) {
    parts.retain(|part| part.kind() != "text" || part.content() != Some(""));
}
