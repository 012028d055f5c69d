//! Brings messages of every shape to OpenTelemetry's: `{role, parts, name?, finish_reason?}`.

use serde_json::{Map, Value, json};

use super::parts;
use super::value::{first, first_text, opened, parse};

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Message {
    pub role: String,
    pub parts: Vec<Value>,
    pub name: Option<String>,
    pub finish_reason: Option<String>,
}

/// Most messages that one list may hold.
const MESSAGES_MAX: usize = 10_000;

impl Message {
    /// A message of one text part.
    pub(super) fn text(role: &str, text: impl Into<String>) -> Self {
        Self { role: role.to_owned(), parts: vec![json!({"type": "text", "content": text.into()})], name: None, finish_reason: None }
    }

    fn new(role: &str, parts: Vec<Value>) -> Self {
        Self { role: role.to_owned(), parts, name: None, finish_reason: None }
    }

    /// The message as JSON.
    pub(super) fn into_json(self) -> Value {
        let mut map = Map::new();
        map.insert("role".into(), Value::String(self.role));
        map.insert("parts".into(), Value::Array(self.parts));
        if let Some(name) = self.name {
            map.insert("name".into(), Value::String(name));
        }
        if let Some(reason) = self.finish_reason {
            map.insert("finish_reason".into(), Value::String(reason));
        }
        Value::Object(map)
    }

    /// Every text part, joined; nothing if there is none.
    pub(super) fn plain(&self) -> Option<String> {
        let mut plain: Option<String> = None;
        for part in self.parts.iter().filter(|part| part["type"] == "text") {
            let Some(text) = part["content"].as_str() else { continue };
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
pub(super) fn list(messages: Vec<Message>) -> Option<String> {
    (!messages.is_empty()).then(|| Value::Array(messages.into_iter().map(Message::into_json).collect()).to_string())
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
                messages.push(Message::new("assistant", vec![parts::part(item)?]));
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
    !message.parts.is_empty() && message.parts.iter().all(|part| part["type"] == kind)
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
            return answers.filter_map(|answer| Some(Message::new("tool", vec![parts::tool_response(answer.as_object()?)]))).collect();
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
        Some("function_call") => return vec![Message::new("assistant", vec![parts::tool_call(map)])],
        Some("function_call_output") => return vec![Message::new("tool", vec![parts::tool_response(map)])],
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
    let mut message = Message::new(&sender, Vec::new());
    message.name = first_text(map, &["name"]).map(str::to_owned);
    message.finish_reason = reason(map);
    if let Some(reasoning) = first_text(map, &["reasoning_content", "reasoning", "thinking"]) {
        message.parts.push(json!({"type": "reasoning", "content": reasoning}));
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
            message.parts.push(Value::Object(part));
        }
        (_, Some(content), _) => parts::of_content(content, &mut message.parts),
        (_, None, _) => {}
    }
    let calls =
        first(map, &["tool_calls", "toolCalls", "_tool_calls"]).or_else(|| map.get("additional_kwargs").and_then(|more| more.get("tool_calls")));
    if let Some(calls) = calls {
        add_calls(calls, &mut message.parts);
    } else if let Some(Value::Object(call)) = first(map, &["function_call", "functionCall"]) {
        message.parts.push(parts::tool_call(call));
    }
    drop_empty_text(&mut message.parts);
    message.parts.retain(|part| part["type"] != "tool_call" || part.get("name").is_some() || part.get("id").is_some());
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
pub(super) fn add_calls(calls: &Value, out: &mut Vec<Value>) {
    let calls = match calls {
        Value::String(text) => parse(text).unwrap_or(Value::Null),
        other => other.clone(),
    };
    let Value::Array(calls) = calls else { return };
    for call in &calls {
        let call = opened(call);
        let Some(map) = call.as_object() else { continue };
        let map = map.get("tool_call").and_then(Value::as_object).unwrap_or(map);
        let part = parts::tool_call(map);
        let twice = |seen: &Value| seen["type"] == "tool_call" && seen["id"] == part["id"] && seen["name"] == part["name"] && seen["id"].is_string();
        if !out.iter().any(twice) {
            out.push(part);
        }
    }
}

/// Empty text beside other parts says nothing.
fn drop_empty_text(parts: &mut Vec<Value>) {
    parts.retain(|part| part["type"] != "text" || part["content"].as_str() != Some(""));
}
