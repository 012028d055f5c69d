//! OpenAI's wire format: the body of a request, and what stands in an answer.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::calls::excerpt;
use crate::chat::form::Form;
use crate::chat::{ChatSpec, Completion, LogProbs, Request, Token, Usage};

/// Alternatives of a token that are asked for; servers allow 20.
const ALTERNATIVES: u32 = 20;
/// Name of the tool that is asked for, where a schema goes by tools.
pub(super) const TOOL: &str = "answer";

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: &'a [Value],
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Value>,
    /// What the suite wants said as it is.
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// Fields by which a schema is asked for.
const OF_SCHEMAS: [&str; 3] = ["response_format", "tools", "tool_choice"];

/// Writes the body of a request. A schema stays the text that it is: the order of its keys is the order of the answer.
pub(super) fn body(model: &str, spec: &ChatSpec, request: &Request, form: Form) -> Result<String, serde_json::Error> {
    let raw = |text: String| RawValue::from_string(text).map(Some);
    let schema = request.schema.as_deref();
    let response_format = match (form, schema) {
        (Form::Schema, Some(schema)) => {
            raw(format!(r#"{{"type":"json_schema","json_schema":{{"name":"{TOOL}","strict":true,"schema":{schema}}}}}"#))?
        }
        (Form::Object, Some(_)) => raw(r#"{"type":"json_object"}"#.to_owned())?,
        _ => None,
    };
    let tools = match (form, schema) {
        (Form::Tool, Some(schema)) => raw(format!(r#"[{{"type":"function","function":{{"name":"{TOOL}","parameters":{schema}}}}}]"#))?,
        _ => None,
    };
    let (settings, mut more) = (&spec.model, spec.body.clone());
    if schema.is_some() {
        more.retain(|key, _| !OF_SCHEMAS.contains(&key.as_str()));
    }
    let log_probs = if more.contains_key("logprobs") { LogProbs::Unwanted } else { request.log_probs };
    serde_json::to_string(&Body {
        model,
        messages: &request.messages,
        temperature: request.temperature.or(settings.temperature),
        top_p: settings.top_p,
        max_tokens: settings.max_tokens,
        seed: request.seed.or(settings.seed),
        logprobs: (log_probs != LogProbs::Unwanted).then_some(true),
        top_logprobs: (log_probs == LogProbs::WithAlternatives).then_some(ALTERNATIVES),
        response_format,
        tool_choice: tools.is_some().then(|| json!({"type": "function", "function": {"name": TOOL}})),
        tools,
        more,
    })
}

#[derive(Deserialize)]
struct Answer {
    choices: Vec<Choice>,
    usage: Option<Used>,
}

#[derive(Deserialize)]
struct Choice {
    message: Value,
    finish_reason: Option<String>,
    logprobs: Option<LogProbsWire>,
}

#[derive(Deserialize)]
struct LogProbsWire {
    content: Option<Vec<TokenWire>>,
}

#[derive(Deserialize)]
struct TokenWire {
    token: String,
    logprob: f64,
    #[serde(default)]
    top_logprobs: Vec<TokenWire>,
}

#[derive(Deserialize)]
struct Used {
    prompt_tokens: Option<i64>,
    completion_tokens: Option<i64>,
    prompt_tokens_details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    cached_tokens: Option<i64>,
}

/// Reads a chat completion: what was said, in text and in promptfoo's form, its tokens and the usage.
pub(super) fn answer_of(bytes: &[u8]) -> Result<Completion, String> {
    let answer: Answer = serde_json::from_slice(bytes).map_err(|error| format!("{error}, in {:?}", excerpt(bytes)))?;
    let choice = answer.choices.into_iter().next().ok_or("it has no choices")?;
    let tokens = choice.logprobs.and_then(|logprobs| logprobs.content).map(|tokens| tokens.into_iter().map(token).collect());
    let text = text_of(&choice.message)?;
    let usage = answer.usage.map_or(Usage::default(), |used| Usage {
        input_tokens: used.prompt_tokens,
        output_tokens: used.completion_tokens,
        cached_tokens: used.prompt_tokens_details.and_then(|details| details.cached_tokens),
        cost: None,
    });
    Ok(Completion { text, message: choice.message, tokens, finish_reason: choice.finish_reason, usage, ..Completion::default() })
}

fn token(wire: TokenWire) -> Token {
    let top = wire.top_logprobs.into_iter().map(|token| (token.token, token.logprob)).collect();
    Token { text: wire.token, log_prob: wire.logprob, top }
}

/// A field of a message that holds something.
fn field<'m>(message: &'m Value, key: &str) -> Option<&'m Value> {
    message.get(key).filter(|value| !value.is_null())
}

fn text_of(message: &Value) -> Result<String, String> {
    let calls = field(message, "tool_calls").or_else(|| field(message, "function_call"));
    Ok(match (field(message, "content"), field(message, "refusal"), calls) {
        (_, _, Some(calls)) if arguments(calls).is_some() => arguments(calls).unwrap_or_default(),
        (Some(Value::String(text)), _, None) => text.clone(),
        (Some(Value::String(text)), _, Some(_)) if !text.is_empty() => text.clone(),
        (Some(Value::Array(parts)), _, _) => joined(parts),
        (_, Some(Value::String(refusal)), _) => refusal.clone(),
        (_, _, Some(calls)) => calls.to_string(),
        _ => return Err("its message has no content".to_owned()),
    })
}

fn joined(parts: &[Value]) -> String {
    parts.iter().filter_map(|part| part.get("text")?.as_str()).collect()
}

/// The arguments of the call of our own tool, which are the answer.
fn arguments(calls: &Value) -> Option<String> {
    let call = calls.as_array()?.iter().find_map(|call| call.get("function").filter(|function| function["name"] == TOOL))?;
    call.get("arguments")?.as_str().map(str::to_owned)
}

/// What a message is as an answer to a prompt, as promptfoo hands it on: text, calls of tools, or the whole message where it holds both.
pub(super) fn output_of(message: &Value, spec: &ChatSpec) -> Value {
    if let Some(refusal) = field(message, "refusal") {
        return refusal.clone();
    }
    let calls = field(message, "function_call")
        .or_else(|| field(message, "tool_calls"))
        .filter(|calls| calls.as_array().is_none_or(|calls| !calls.is_empty()));
    let content = match field(message, "content") {
        Some(Value::Array(parts)) => Value::String(joined(parts)),
        Some(content) => content.clone(),
        None => Value::String(String::new()),
    };
    let is_empty = content.as_str().is_some_and(str::is_empty);
    let Some(text) = content.as_str().filter(|_| calls.is_none()) else {
        return match calls {
            Some(calls) if is_empty => calls.clone(),
            Some(_) => message.clone(),
            None => content,
        };
    };
    let wants_json = spec.body.get("response_format").is_some_and(|format| format["type"] == "json_schema");
    if let Some(parsed) = serde_json::from_str(text).ok().filter(|_| wants_json) {
        return parsed;
    }
    let thought = field(message, "reasoning").or_else(|| field(message, "reasoning_content")).and_then(Value::as_str);
    match thought.filter(|thought| spec.shows_thinking && !thought.is_empty()) {
        Some(thought) => Value::String(format!("Thinking: {thought}\n\n{text}")),
        None => content,
    }
}

/// Why an answer ended, in OpenAI's words whoever says it.
pub(crate) fn finish_reason(told: &str) -> String {
    let told = told.trim().to_lowercase();
    match told.as_str() {
        "end_turn" | "stop_sequence" => "stop",
        "max_tokens" | "model_context_window_exceeded" => "length",
        "tool_use" | "function_call" => "tool_calls",
        "refusal" | "guardrail_intervened" | "content_filtered" => "content_filter",
        _ => return told,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_in_every_shape() {
        let read = |json: &str| answer_of(json.as_bytes());
        let usage = r#"{"prompt_tokens":10,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}}"#;
        let found = read(&format!(r#"{{"choices":[{{"message":{{"content":"hi"}},"finish_reason":"stop"}}],"usage":{usage}}}"#)).unwrap();
        assert_eq!((found.text.as_str(), found.finish_reason.as_deref(), found.usage.cached_tokens), ("hi", Some("stop"), Some(4)));
        assert_eq!(read(r#"{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"text":"b"}]}}]}"#).unwrap().text, "ab");
        assert_eq!(read(r#"{"choices":[{"message":{"content":null,"refusal":"no"}}]}"#).unwrap().text, "no");
        let tool = r#"{"choices":[{"message":{"content":"","tool_calls":[{"function":{"name":"answer","arguments":"{\"verdict\":\"a\"}"}}]}}]}"#;
        assert_eq!(read(tool).unwrap().text, r#"{"verdict":"a"}"#);
        let logprobs = r#"{"content":[{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[{"token":"b","logprob":-1,"bytes":null}]}]}"#;
        let found = read(&format!(r#"{{"choices":[{{"message":{{"content":"a"}},"logprobs":{logprobs}}}]}}"#)).unwrap();
        assert_eq!(found.tokens, Some(vec![Token { text: "a".to_owned(), log_prob: -0.5, top: vec![("b".to_owned(), -1.0)] }]));
        assert!(read(r#"{"choices":[]}"#).is_err());
        assert!(read("<html>").is_err());
    }

    #[test]
    fn a_schema_goes_the_way_that_the_endpoint_takes() {
        let schema = RawValue::from_string(r#"{"z":1,"a":2}"#.to_owned()).unwrap();
        let request = Request { schema: Some(schema), log_probs: LogProbs::WithAlternatives, ..Request::default() };
        let body = |form| body("m", &ChatSpec::default(), &request, form).unwrap();
        assert!(body(Form::Schema).contains(r#""strict":true,"schema":{"z":1,"a":2}"#));
        assert!(body(Form::Schema).contains(r#""logprobs":true,"top_logprobs":20"#));
        assert!(body(Form::Tool).contains(r#""parameters":{"z":1,"a":2}"#) && body(Form::Tool).contains("tool_choice"));
        assert!(body(Form::Object).contains(r#""response_format":{"type":"json_object"}"#));
        assert!(!body(Form::Plain).contains("response_format") && !body(Form::Plain).contains("tools"));
    }

    /// A target's own tools and format are sent as they are, once, and never stand beside a judge's.
    #[test]
    fn what_the_suite_wants_sent_is_sent() {
        let spec = ChatSpec::read("p", Some(&json!({"tools": [1], "logprobs": true, "stop": "x", "max_tokens": 9}))).unwrap();
        let schema = RawValue::from_string("{}".to_owned()).unwrap();
        let plain = Request { log_probs: LogProbs::Chosen, ..Request::default() };
        let asked = body("m", &spec, &plain, Form::Schema).unwrap();
        assert_eq!(asked, r#"{"model":"m","messages":[],"max_tokens":9,"logprobs":true,"stop":"x","tools":[1]}"#);
        let judged = body("m", &spec, &Request { schema: Some(schema), ..plain }, Form::Tool).unwrap();
        assert!(judged.matches(r#""tools""#).count() == 1 && judged.contains(r#""parameters":{}"#), "{judged}");
    }

    #[track_caller]
    fn check_output(message: &Value, config: &Value, expect: &Value) {
        assert_eq!(output_of(message, &ChatSpec::read("p", Some(config)).unwrap()), *expect);
    }

    #[test]
    fn answers_have_promptfoos_form() {
        let calls = json!([{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]);
        check_output(&json!({"content": "hi"}), &json!({}), &json!("hi"));
        check_output(&json!({"content": null, "tool_calls": calls}), &json!({}), &calls);
        check_output(&json!({"content": "", "tool_calls": calls}), &json!({}), &calls);
        check_output(&json!({"content": "hi", "tool_calls": []}), &json!({}), &json!("hi"));
        check_output(&json!({"content": "hi", "tool_calls": calls}), &json!({}), &json!({"content": "hi", "tool_calls": calls}));
        check_output(&json!({"content": null, "refusal": "no"}), &json!({}), &json!("no"));
        check_output(&json!({"content": "{\"a\": 1}"}), &json!({"response_format": {"type": "json_schema"}}), &json!({"a": 1}));
        check_output(&json!({"content": "4", "reasoning_content": "2+2"}), &json!({}), &json!("4"));
        check_output(&json!({"content": "4", "reasoning_content": "2+2"}), &json!({"showThinking": true}), &json!("Thinking: 2+2\n\n4"));
        assert_eq!((finish_reason("MAX_TOKENS"), finish_reason("odd")), ("length".to_owned(), "odd".to_owned()));
    }
}
