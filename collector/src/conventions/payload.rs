//! Reads what a sender recorded as input and output of a model: messages, or the provider's own request and response.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::draft::{Draft, put};
use super::messages::{self, Message};
use super::part::Part;
use super::parts;
use super::value::{first, first_text, json_int, opened};

/// How many wrappers are opened around a request or a response.
const WRAPPERS_MAX: usize = 5;

/// Reads an input: messages, a request, or bare text.
pub(super) fn request(value: &Value, draft: &mut Draft) {
    request_within(value, draft, 0);
}

fn request_within(value: &Value, draft: &mut Draft, depth: usize) {
    let value = &*opened(value);
    if depth > WRAPPERS_MAX {
        return;
    }
    if draft.input.is_empty()
        && let Some(messages) = messages::read(value, "user")
    {
        draft.input = messages;
        return;
    }
    match value {
        Value::String(text) if draft.input.is_empty() && !text.is_empty() => draft.input.push(Message::text("user", text.clone())),
        Value::Array(items) if draft.input.is_empty() => {
            if let [Value::Array(_) | Value::Object(_)] = items.as_slice() {
                request_within(&items[0], draft, depth + 1);
            } else if items.iter().all(Value::is_string) {
                draft.input.extend(items.iter().filter_map(Value::as_str).map(|text| Message::text("user", text)));
            } else {
                content_list(items, "user", &mut draft.input);
            }
        }
        Value::Object(map) => request_object(map, draft, depth),
        _ => {}
    }
}

/// A list of content blocks is one message.
fn content_list(items: &[Value], role: &str, out: &mut Vec<Message>) {
    if items.iter().all(|item| item.as_object().is_some_and(parts::is_block)) && !items.is_empty() {
        let mut message = Message::by(role);
        parts::of_blocks(items, &mut message.parts);
        out.push(message);
    }
}

fn request_object(map: &Map<String, Value>, draft: &mut Draft, depth: usize) {
    settings(map, draft);
    if let Some(system) = first(map, &["system", "instructions", "system_instruction", "systemInstruction", "system_prompt"])
        && draft.system.is_empty()
    {
        system_parts(system, &mut draft.system);
    }
    if let Some(Value::Object(config)) = first(map, &["config", "generation_config", "generationConfig"]) {
        request_object_settings(config, draft);
    }
    let spoken = [
        "messages",
        "contents",
        "chat_messages",
        "message_history",
        "prompt_messages",
        "input_messages",
        "message",
        "items",
        "prompt",
        "prompts",
        "input",
    ];
    for key in spoken {
        let Some(found) = map.get(key).filter(|found| !found.is_null()) else { continue };
        if draft.input.is_empty() {
            request_within(found, draft, depth + 1);
        }
        if !draft.input.is_empty() {
            return;
        }
    }
    for key in ["kwargs", "request", "body", "inputs", "params", "args", "chat_history", "input_data", "data", "payload"] {
        if let Some(found @ (Value::Object(_) | Value::Array(_) | Value::String(_))) = map.get(key) {
            request_within(found, draft, depth + 1);
            if !draft.input.is_empty() {
                return;
            }
        }
    }
    for key in ["query", "question", "user_input", "user_message", "text", "user_prompt", "content"] {
        if let Some(text) = map.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()) {
            draft.input.push(Message::text("user", text));
            return;
        }
    }
}

fn request_object_settings(map: &Map<String, Value>, draft: &mut Draft) {
    settings(map, draft);
    if let Some(system) = first(map, &["system_instruction", "systemInstruction"])
        && draft.system.is_empty()
    {
        system_parts(system, &mut draft.system);
    }
}

/// Reads a system prompt: text, a message, or blocks.
pub(super) fn system_parts(system: &Value, out: &mut Vec<Part>) {
    match &*opened(system) {
        Value::Object(map) if map.contains_key("parts") || map.contains_key("content") && !map.contains_key("type") => {
            parts::of_content(first(map, &["parts", "content"]).unwrap_or(&Value::Null), out);
        }
        Value::Array(items) => {
            for item in items {
                match messages::read(item, "system") {
                    Some(messages) => messages.into_iter().for_each(|message| out.extend(message.parts)),
                    None => parts::of_blocks(std::slice::from_ref(item), out),
                }
            }
        }
        other => parts::of_content(other, out),
    }
    out.retain(|part| part.content() != Some(""));
}

/// Reads the settings of a request: model, sampling, tools, streaming.
pub(super) fn settings(map: &Map<String, Value>, draft: &mut Draft) {
    let text = |keys: &[&str]| first_text(map, keys).map(str::to_owned);
    put(&mut draft.request_model, text(&["model", "model_name", "modelId", "model_id", "modelName"]));
    put(&mut draft.temperature, map.get("temperature").and_then(Value::as_f64));
    put(&mut draft.top_p, first(map, &["top_p", "topP"]).and_then(Value::as_f64));
    let limits = ["max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens", "maxTokens", "max_new_tokens"];
    put(&mut draft.max_tokens, first(map, &limits).and_then(json_int));
    put(&mut draft.streaming, map.get("stream").and_then(Value::as_bool).filter(|stream| *stream || map.contains_key("messages")));
    put(&mut draft.service_tier, text(&["service_tier"]));
    put(&mut draft.user_id, text(&["user"]));
    if let Some(Value::Object(inner)) = first(map, &["inferenceConfig", "inference_config"]) {
        put(&mut draft.temperature, inner.get("temperature").and_then(Value::as_f64));
        put(&mut draft.max_tokens, inner.get("maxTokens").and_then(json_int));
        put(&mut draft.top_p, inner.get("topP").and_then(Value::as_f64));
    }
    if draft.tools.is_none()
        && let Some(tools) = first(map, &["tools", "functions", "toolConfig", "tool_config", "function_tools"])
    {
        draft.tools = super::tools::definitions(tools);
    }
}

/// What stands at the top of a response, beside an answer that is known already.
#[derive(Deserialize)]
struct Head {
    #[serde(alias = "response_id", alias = "responseId")]
    id: Option<Value>,
    #[serde(alias = "model_version", alias = "modelVersion")]
    model: Option<Value>,
    service_tier: Option<Value>,
    #[serde(alias = "usage_metadata", alias = "usageMetadata")]
    usage: Option<Value>,
}

/// Reads only the top of a response that came as text: its id, model, tier and usage.
pub(super) fn response_head(text: &str, draft: &mut Draft) {
    let Some(head) = Some(text).filter(|text| text.starts_with('{')).and_then(|text| serde_json::from_str::<Head>(text).ok()) else { return };
    let own = |found: Option<Value>| found.as_ref().and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    put(&mut draft.response_id, own(head.id).filter(|id| !is_local_id(id)));
    put(&mut draft.response_model, own(head.model));
    put(&mut draft.service_tier, own(head.service_tier));
    if let Some(usage) = head.usage {
        fill_parts(&usage, draft);
    }
}

/// Reads an output: messages, a provider's response, or bare text.
pub(super) fn response(value: &Value, draft: &mut Draft) {
    response_within(value, draft, 0);
}

fn response_within(value: &Value, draft: &mut Draft, depth: usize) {
    let value = &*opened(value);
    if depth > WRAPPERS_MAX {
        return;
    }
    match value {
        Value::String(text) if draft.output.is_empty() && !text.is_empty() => draft.output.push(Message::text("assistant", text.clone())),
        Value::Array(items) => response_list(items, draft, depth),
        Value::Object(map) => response_object(map, draft, depth),
        _ => {}
    }
}

fn response_list(items: &[Value], draft: &mut Draft, depth: usize) {
    if !items.is_empty() && items.iter().all(|item| item.get("delta").is_some() || item.get("choices").is_some_and(has_delta)) {
        return chunks(items, draft);
    }
    if let [Value::Object(_) | Value::Array(_)] = items {
        return response_within(&items[0], draft, depth + 1);
    }
    if let Some(found) = messages::read_list(items, "assistant") {
        let facts = items.iter().rev().find_map(Value::as_object);
        if let Some(map) = facts {
            message_facts(map, draft, 0);
        }
        return answer(found, draft);
    }
    if draft.output.is_empty() {
        content_list(items, "assistant", &mut draft.output);
    }
}

fn has_delta(choices: &Value) -> bool {
    choices.as_array().is_some_and(|choices| choices.is_empty() || choices.iter().any(|choice| choice.get("delta").is_some()))
}

/// Joins the chunks of a stream that was recorded as it came.
fn chunks(items: &[Value], draft: &mut Draft) {
    let mut text = String::new();
    for chunk in items {
        if let Value::Object(map) = chunk {
            response_facts(map, draft);
        }
        let choices = chunk.get("choices").and_then(Value::as_array).map_or(&[] as &[Value], Vec::as_slice);
        for choice in choices.iter().chain(chunk.get("delta").is_some().then_some(chunk)) {
            text.push_str(choice["delta"]["content"].as_str().or_else(|| choice["delta"].as_str()).unwrap_or_default());
            put(&mut draft.finish_reason, choice["finish_reason"].as_str().map(messages::finish_reason));
        }
    }
    put(&mut draft.streaming, Some(true));
    if draft.output.is_empty() && !text.is_empty() {
        draft.output.push(Message::text("assistant", text));
    }
}

/// Takes messages as the answer: those after the last one that is not the assistant's.
pub(super) fn answer(found: Vec<Message>, draft: &mut Draft) {
    if !draft.output.is_empty() {
        return;
    }
    if !found.is_empty() && found.iter().all(|message| message.role == "system") {
        draft.output = vec![chunked(found)];
        return;
    }
    let after = found.iter().rposition(|message| message.role != "assistant").map_or(0, |at| at + 1);
    let answers = found.into_iter().skip(after).inspect(|message| put(&mut draft.finish_reason, message.finish_reason.clone()));
    draft.output = answers.filter(|message| !message.parts.is_empty()).collect();
}

/// Joins an answer that came as one message of the system a chunk.
fn chunked(found: Vec<Message>) -> Message {
    let finish_reason = found.iter().rev().find_map(|message| message.finish_reason.clone());
    let mut joined = Message { finish_reason, ..Message::by("assistant") };
    for part in found.into_iter().flat_map(|message| message.parts) {
        match joined.parts.last_mut() {
            Some(last) if last.kind() == part.kind() && last.content().is_some() && part.content().is_some() => {
                last.extend(part.content().unwrap_or_default());
            }
            _ => joined.parts.push(part),
        }
    }
    joined
}

fn response_object(map: &Map<String, Value>, draft: &mut Draft, depth: usize) {
    response_facts(map, draft);
    if let Some(Value::Array(choices)) = map.get("choices") {
        draft.answered = true;
        let found = choices.iter().filter_map(|choice| messages::read(choice, "assistant").or_else(|| text_choice(choice))).flatten().collect();
        return answer(found, draft);
    }
    if let Some(Value::Array(candidates)) = map.get("candidates") {
        draft.answered = true;
        return answer(candidates.iter().flat_map(candidate).collect(), draft);
    }
    if let Some(Value::Array(generations)) = map.get("generations") {
        draft.answered = true;
        let flat: Vec<&Value> = generations.iter().flat_map(|item| item.as_array().map_or(std::slice::from_ref(item), Vec::as_slice)).collect();
        return answer(flat.into_iter().flat_map(|item| generation(item, draft)).collect(), draft);
    }
    if let Some(Value::Array(replies)) = map.get("replies") {
        draft.answered = true;
        replies.iter().filter_map(Value::as_object).for_each(|reply| message_facts(reply, draft, 0));
        let found = replies.iter().flat_map(|reply| match reply {
            Value::String(text) => vec![Message::text("assistant", text.clone())],
            other => messages::read(other, "assistant").unwrap_or_default(),
        });
        return answer(found.collect(), draft);
    }
    if draft.output.is_empty()
        && let Some(found) = vercel(map)
    {
        draft.output.push(found);
        return;
    }
    if let Some(found) = messages::read_object(map, "assistant") {
        message_facts(map, draft, 0);
        return answer(found, draft);
    }
    if let Some(Value::Array(content)) = map.get("content").or_else(|| map.get("parts"))
        && draft.output.is_empty()
    {
        return content_list(content, "assistant", &mut draft.output);
    }
    let wrappers = [
        "output",
        "outputs",
        "response",
        "result",
        "message",
        "messages",
        "generation",
        "data",
        "return_value",
        "chat_message",
        "raw",
        "update",
        "last_message",
        "final_output",
        "completion",
        "answer",
    ];
    for key in wrappers {
        if let Some(found @ (Value::Object(_) | Value::Array(_) | Value::String(_))) = map.get(key) {
            response_within(found, draft, depth + 1);
            if !draft.output.is_empty() {
                return;
            }
        }
    }
    for key in ["text", "content", "output_text", "completion"] {
        if let Some(text) = map.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()) {
            return draft.output.push(Message::text("assistant", text));
        }
    }
}

/// A choice of the old completions API: `{"text": ..}`.
fn text_choice(choice: &Value) -> Option<Vec<Message>> {
    let mut message = Message::text("assistant", choice.get("text")?.as_str()?);
    message.finish_reason = choice["finish_reason"].as_str().map(messages::finish_reason);
    Some(vec![message])
}

/// A candidate of Gemini: `{"content": {"parts": [..], "role": "model"}, "finishReason": "STOP"}`.
fn candidate(candidate: &Value) -> Vec<Message> {
    let mut found = messages::read(&candidate["content"], "assistant").unwrap_or_default();
    let reason = candidate.get("finishReason").or_else(|| candidate.get("finish_reason")).and_then(Value::as_str);
    if let (Some(last), Some(reason)) = (found.last_mut(), reason) {
        last.finish_reason = Some(messages::finish_reason(reason));
    }
    found
}

/// A generation of LangChain: `{"text", "generation_info", "message": {"lc", "kwargs"}}`.
fn generation(item: &Value, draft: &mut Draft) -> Vec<Message> {
    let Value::Object(map) = item else { return Vec::new() };
    message_facts(map, draft, 0);
    let reason = map.get("generation_info").and_then(|info| info.get("finish_reason")).and_then(Value::as_str).map(messages::finish_reason);
    let mut found = map
        .get("message")
        .and_then(|message| messages::read(message, "assistant"))
        .or_else(|| first_text(map, &["text"]).map(|text| vec![Message::text("assistant", text)]))
        .unwrap_or_default();
    if let Some(last) = found.last_mut() {
        put(&mut last.finish_reason, reason);
    }
    found
}

/// A result of the Vercel AI SDK: `{"text", "toolCalls", "finishReason"}`.
fn vercel(map: &Map<String, Value>) -> Option<Message> {
    let calls = first(map, &["toolCalls", "tool_calls"])?;
    if map.contains_key("role") || map.contains_key("content") {
        return None;
    }
    let mut message = Message::by("assistant");
    if let Some(text) = first_text(map, &["text"]) {
        message.parts.push(Part::Text(text.to_owned()));
    }
    messages::add_calls(calls, &mut message.parts);
    message.finish_reason = first_text(map, &["finishReason", "finish_reason"]).map(messages::finish_reason);
    (!message.parts.is_empty()).then_some(message)
}

/// Facts that stand at the top of a response: id, model, usage, reason.
fn response_facts(map: &Map<String, Value>, draft: &mut Draft) {
    const USAGES: &[&str] = &["usage", "usageMetadata", "usage_metadata", "token_usage", "tokenUsage", "meta_usage"];
    if let Some(usage) = first(map, USAGES)
        && !draft.usage.is_known()
    {
        draft.usage.fill(usage);
        draft.answered |= draft.usage.is_known();
    } else if let Some(usage) = first(map, USAGES) {
        fill_parts(usage, draft);
    }
    if map.contains_key("prompt_eval_count") && !draft.usage.is_known() {
        draft.usage.fill(&Value::Object(map.clone()));
    }
    let responds =
        ["choices", "candidates", "usage", "usageMetadata", "object", "stop_reason", "output", "content"].iter().any(|key| map.contains_key(*key));
    if responds {
        put(&mut draft.response_model, first_text(map, &["model", "modelVersion", "model_version", "model_name"]).map(str::to_owned));
        put(&mut draft.response_id, first_text(map, &["id", "responseId", "response_id"]).filter(|id| !is_local_id(id)).map(str::to_owned));
    }
    put(&mut draft.finish_reason, first_text(map, &["stop_reason", "stopReason", "finishReason", "finish_reason"]).map(messages::finish_reason));
    put(&mut draft.service_tier, first_text(map, &["service_tier"]).map(str::to_owned));
    if let Some(Value::Object(inner)) = map.get("kwargs").and_then(|kwargs| kwargs.get("inputs")) {
        message_facts(inner, draft, 0);
    }
    for key in ["llm_output", "response_metadata", "meta", "raw", "custom", "raw_response", "rawResponse"] {
        if let Some(Value::Object(inner)) = map.get(key) {
            message_metadata(inner, draft);
        }
    }
}

/// The parts of a total that was known already: cached and reasoning tokens.
fn fill_parts(usage: &Value, draft: &mut Draft) {
    let mut found = super::usage::Usage::default();
    found.fill(usage);
    let known = &mut draft.usage;
    put(&mut known.cache_read, found.cache_read);
    put(&mut known.cache_write, found.cache_write);
    put(&mut known.cache_write_1h, found.cache_write_1h);
    put(&mut known.reasoning, found.reasoning);
    put(&mut known.audio_input, found.audio_input);
    put(&mut known.audio_output, found.audio_output);
}

/// Facts that frameworks hang onto the message that came back.
fn message_facts(map: &Map<String, Value>, draft: &mut Draft, depth: usize) {
    if depth > 3 {
        return;
    }
    for key in ["response_metadata", "meta", "usage_metadata", "_meta"] {
        if let Some(Value::Object(inner)) = map.get(key) {
            if key == "usage_metadata" {
                match draft.usage.is_known() {
                    true => fill_parts(&Value::Object(inner.clone()), draft),
                    false => draft.usage.fill(&Value::Object(inner.clone())),
                }
            } else {
                message_metadata(inner, draft);
            }
        }
    }
    for key in ["message", "kwargs", "data"] {
        if let Some(Value::Object(inner)) = map.get(key) {
            message_facts(inner, draft, depth + 1);
        }
    }
}

fn message_metadata(map: &Map<String, Value>, draft: &mut Draft) {
    if let Some(usage) = first(map, &["token_usage", "usage", "usage_metadata", "tokenUsage"]) {
        if draft.usage.is_known() {
            fill_parts(usage, draft);
        } else {
            draft.usage.fill(usage);
            draft.answered |= draft.usage.is_known();
        }
    }
    put(&mut draft.response_model, first_text(map, &["model_name", "model", "model_id", "modelVersion"]).map(str::to_owned));
    if map.contains_key("completion_start_time") {
        put(&mut draft.streaming, Some(true));
        put(&mut draft.first_token_at, first_text(map, &["completion_start_time"]).map(str::to_owned));
    }
    put(&mut draft.response_id, first_text(map, &["id", "response_id", "completion_id"]).filter(|id| !is_local_id(id)).map(str::to_owned));
    put(&mut draft.finish_reason, first_text(map, &["finish_reason", "stop_reason"]).map(messages::finish_reason));
    put(&mut draft.service_tier, first_text(map, &["service_tier"]).map(str::to_owned));
}

/// Ids that frameworks make up themselves: LangChain's `run-..` and `lc_run-..`, and bare UUIDs.
fn is_local_id(id: &str) -> bool {
    id.starts_with("run-")
        || id.starts_with("lc_")
        || id.starts_with("msg-")
        || (id.len() == 36 && id.bytes().filter(|byte| *byte == b'-').count() == 4)
}
