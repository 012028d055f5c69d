//! Brings parts of messages to OpenTelemetry's: text, tool calls, their answers, reasoning, media.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::part::Part;
use super::value::{first, first_text, opened, parse, plain};

/// Reads the content of a message: text, one block, or a list of blocks.
pub(super) fn of_content(content: &Value, out: &mut Vec<Part>) {
    match content {
        Value::Null => {}
        Value::String(text) => match list_in(text) {
            Some(items) => of_blocks(&items, out),
            None => out.push(spoken(text).into()),
        },
        Value::Array(items) => of_blocks(items, out),
        Value::Object(map) if map.contains_key("parts") => of_content(&map["parts"], out),
        other => of_blocks(std::slice::from_ref(other), out),
    }
}

/// Reads a list of blocks.
pub(super) fn of_blocks(items: &[Value], out: &mut Vec<Part>) {
    out.extend(items.iter().filter_map(part).map(Part::from));
}

/// A text part; the repr of a block of an SDK, which some senders put there, is that block.
fn spoken(text: &str) -> Value {
    const REPRS: &[&str] =
        &["ResponseFunctionToolCall(", "ResponseOutputText(", "ResponseReasoningItem(", "{'annotations':", "{'type': '", "{'text':"];
    let block = REPRS.iter().any(|start| text.starts_with(start)).then(|| super::python::parse(text)).flatten();
    if let Some(Value::Object(map)) = block
        && let Some(kind) = first_text(&map, &["type"])
        && !matches!(kind, "text" | "output_text") | map.contains_key("text")
    {
        return match kind {
            "text" | "output_text" => json!({"type": "text", "content": plain(&map["text"])}),
            kind => typed(kind, &map),
        };
    }
    json!({"type": "text", "content": text})
}

/// A list of blocks that came as JSON text, as Bedrock's and the Responses API's do.
fn list_in(text: &str) -> Option<Vec<Value>> {
    if !text.starts_with('[') {
        return None;
    }
    let Value::Array(items) = parse(text)? else { return None };
    let block = |item: &Value| item.as_object().is_some_and(is_block);
    (!items.is_empty() && items.iter().all(block)).then_some(items)
}

pub(super) fn is_block(map: &Map<String, Value>) -> bool {
    const KEYS: &[&str] = &["text", "toolUse", "toolResult", "image", "reasoningContent", "functionCall", "functionResponse", "inlineData"];
    first_text(map, &["type"]).is_some() || KEYS.iter().any(|key| map.contains_key(*key))
}

/// Reads one part; nothing for null.
pub(super) fn part(value: &Value) -> Option<Value> {
    let map = match value {
        Value::Null => return None,
        Value::String(text) => return Some(spoken(text)),
        Value::Object(map) => map,
        other => return Some(json!({"type": "text", "content": other.to_string()})),
    };
    for wrapper in ["tool_call", "tool_call_result", "message_content"] {
        if let Some(Value::Object(inner)) = map.get(wrapper) {
            return match wrapper {
                "message_content" => Some(of_object(inner)),
                "tool_call" => Some(tool_call(inner)),
                _ => Some(tool_response(inner)),
            };
        }
    }
    Some(of_object(map))
}

fn of_object(map: &Map<String, Value>) -> Value {
    match first_text(map, &["type"]) {
        Some(kind) => typed(kind, map),
        None => untyped(map),
    }
}

fn typed(kind: &str, map: &Map<String, Value>) -> Value {
    match kind {
        "text" | "input_text" | "output_text" | "Text" | "TextPart" => match first(map, &["content", "text", "value"]) {
            Some(Value::Object(inner)) if inner.contains_key("value") => json!({"type": "text", "content": plain(&inner["value"])}),
            Some(Value::String(text)) => spoken(text),
            Some(text) => json!({"type": "text", "content": plain(text)}),
            None => json!({"type": "text", "content": ""}),
        },
        "tool_call" | "tool-call" | "tool_use" | "toolUse" | "function_call" | "function" | "server_tool_use" => tool_call(map),
        "tool_call_response" | "tool-result" | "tool_result" | "toolResult" | "function_call_output" => tool_response(map),
        "reasoning" | "thinking" | "redacted_thinking" | "thought" => reasoning(map),
        "image_url" | "input_image" | "image" | "image-url" | "media" | "input_audio" | "file" => media(kind, map),
        _ => Value::Object(map.clone()),
    }
}

fn untyped(map: &Map<String, Value>) -> Value {
    let inner = |keys: &[&str]| keys.iter().find_map(|key| map.get(*key).and_then(Value::as_object));
    if let Some(call) = inner(&["toolUse", "functionCall", "function_call", "tool_use", "toolRequest"]) {
        return tool_call(call);
    }
    if let Some(answer) = inner(&["toolResult", "functionResponse", "function_response", "tool_result", "toolResponse"]) {
        return tool_response(answer);
    }
    if let Some(thought) = inner(&["reasoningContent", "reasoning", "reasoning_content"]) {
        let text = thought.get("reasoningText").and_then(Value::as_object).unwrap_or(thought);
        return reasoning(text);
    }
    if let Some(data) = inner(&["inlineData", "inline_data", "fileData", "file_data", "image", "document", "video", "media"]) {
        return media("image", data);
    }
    if let Some(text) = first_text(map, &["text", "content"]).or_else(|| map.get("text").and_then(Value::as_str)) {
        let kind = if map.get("thought").and_then(Value::as_bool) == Some(true) { "reasoning" } else { "text" };
        return json!({"type": kind, "content": text});
    }
    Value::Object(map.clone())
}

/// A call of a tool in any shape, its arguments as an object where they are one.
pub(super) fn tool_call(map: &Map<String, Value>) -> Value {
    let function = map.get("function").and_then(Value::as_object);
    let pick = |keys: &[&str]| first(map, keys).or_else(|| function.and_then(|function| first(function, keys)));
    let mut part = Map::new();
    part.insert("type".into(), "tool_call".into());
    if let Some(id) = first(map, &["call_id", "id", "toolCallId", "tool_call_id", "toolUseId", "tool_use_id", "ref"]) {
        part.insert("id".into(), id.clone());
    }
    if let Some(name) = pick(&["name", "toolName", "tool_name", "function_name"]) {
        part.insert("name".into(), name.clone());
    }
    let arguments = pick(&["arguments", "args", "input", "parameters", "tool_input"]).cloned().unwrap_or(Value::Object(Map::new()));
    part.insert("arguments".into(), arguments_of(arguments));
    Value::Object(part)
}

/// Arguments as an object where the text holds one; an empty text is no argument.
pub(super) fn arguments_of(arguments: Value) -> Value {
    let parsed = match &arguments {
        Value::String(text) if text.is_empty() => Some(Value::Object(Map::new())),
        Value::String(_) => match opened(&arguments) {
            Cow::Owned(parsed) => Some(parsed),
            Cow::Borrowed(_) => None,
        },
        _ => None,
    };
    parsed.unwrap_or(arguments)
}

/// An answer to a tool call in any shape.
pub(super) fn tool_response(map: &Map<String, Value>) -> Value {
    let mut part = Map::new();
    part.insert("type".into(), "tool_call_response".into());
    let origin = map.get("origin").and_then(Value::as_object);
    let keys = ["call_id", "id", "toolCallId", "tool_call_id", "toolUseId", "tool_use_id", "ref"];
    if let Some(id) = first(map, &keys).or_else(|| origin.and_then(|origin| first(origin, &keys))) {
        part.insert("id".into(), id.clone());
    }
    if let Some(name) = first(map, &["name", "toolName", "tool_name"]) {
        part.insert("name".into(), name.clone());
    }
    let answer = first(map, &["response", "result", "output", "content", "value"]).map_or(Value::Null, response_of);
    part.insert("response".into(), answer);
    Value::Object(part)
}

/// What a tool answered: a list of one text block is that text, `{type, value}` and `{result}` are what they hold.
pub(super) fn response_of(answer: &Value) -> Value {
    match answer {
        Value::String(text) => match list_in(text) {
            Some(items) => response_of(&Value::Array(items)),
            None => wrapped(text).unwrap_or_else(|| answer.clone()),
        },
        Value::Array(items) => {
            let texts: Option<Vec<String>> = items
                .iter()
                .map(|item| {
                    let part = part(item)?;
                    (part["type"] == "text").then(|| plain(&part["content"]))
                })
                .collect();
            match texts {
                Some(texts) if !texts.is_empty() => Value::String(texts.join("\n")),
                _ => answer.clone(),
            }
        }
        Value::Object(map) if map.contains_key("output") && map.contains_key("kwargs") => response_of(&map["output"]),
        Value::Object(map) if map.contains_key("raw_output") => response_of(&map["raw_output"]),
        Value::Object(map) if map.len() == 2 && map.contains_key("type") && map.contains_key("value") => map["value"].clone(),
        Value::Object(map) if map.len() == 1 => match map.iter().next() {
            Some((key, value)) if matches!(key.as_str(), "result" | "output" | "content" | "data" | "text") => response_of(value),
            _ => answer.clone(),
        },
        Value::Object(map) if is_tool_message(map) => {
            let inner = map.get("data").or_else(|| map.get("kwargs")).and_then(Value::as_object).unwrap_or(map);
            first(inner, &["content", "response", "output", "result"]).map_or_else(|| answer.clone(), response_of)
        }
        other => other.clone(),
    }
}

/// The answer in a text such as `{"result": ".."}`.
fn wrapped(text: &str) -> Option<Value> {
    let Value::Object(map) = parse(text).filter(|_| text.starts_with('{'))? else { return None };
    let value = Value::Object(map);
    Some(response_of(&value)).filter(|found| *found != value)
}

/// A message or an item that only wraps what a tool answered.
fn is_tool_message(map: &Map<String, Value>) -> bool {
    let kind = first_text(map, &["type", "role"]).unwrap_or_default();
    let answers = map.contains_key("tool_call_id") || map.contains_key("call_id") || map.contains_key("id") && map.contains_key("response");
    answers || matches!(kind, "tool" | "constructor" | "function_call_output" | "tool_result") && !map.contains_key("input")
}

fn reasoning(map: &Map<String, Value>) -> Value {
    let text = match first(map, &["content", "text", "thinking", "reasoning_text", "reasoning", "summary"]) {
        Some(Value::Array(items)) => {
            let texts = items.iter().filter_map(|item| item["text"].as_str().or_else(|| item.as_str()));
            texts.collect::<Vec<_>>().join("\n")
        }
        Some(other) => plain(other),
        None => String::new(),
    };
    let mut part = Map::new();
    part.insert("type".into(), "reasoning".into());
    part.insert("content".into(), Value::String(text));
    if let Some(signature) = map.get("signature").filter(|signature| signature.is_string()) {
        part.insert("signature".into(), signature.clone());
    }
    Value::Object(part)
}

/// An image or other medium: a link is a `uri`, bytes are a `blob`.
fn media(kind: &str, map: &Map<String, Value>) -> Value {
    let modality = if kind.contains("audio") { "audio" } else { "image" };
    let source = map.get("source").and_then(Value::as_object).unwrap_or(map);
    let link = [map.get("image_url"), map.get("image"), map.get("url"), source.get("url"), map.get("uri"), map.get("fileUri")];
    let link = link.into_iter().flatten().find_map(link_text);
    if let Some(link) = link {
        return of_link(modality, link);
    }
    let mime = first_text(source, &["media_type", "mimeType", "mime_type", "mediaType"]).or_else(|| first_text(map, &["format", "mime_type"]));
    match first(source, &["data", "bytes", "base64", "content"]) {
        Some(data) => json!({"type": "blob", "modality": modality, "mime_type": mime, "content": plain(data)}),
        None => {
            let mut kept = map.clone();
            kept.entry("type").or_insert_with(|| kind.into());
            Value::Object(kept)
        }
    }
}

/// A link, at most three objects deep: `{"image": {"url": ..}}`.
fn link_text(value: &Value) -> Option<&str> {
    let mut value = value;
    for _ in 0..3 {
        match value {
            Value::String(text) if text.contains(':') => return Some(text),
            Value::Object(map) => value = first(map, &["url", "image", "uri"])?,
            _ => return None,
        }
    }
    None
}

fn of_link(modality: &str, link: &str) -> Value {
    match link.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")) {
        Some((mime, data)) => json!({"type": "blob", "modality": modality, "mime_type": mime, "content": data}),
        None => json!({"type": "uri", "modality": modality, "uri": link}),
    }
}
