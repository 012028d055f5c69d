//! OpenAI's wire format: the body of a request, and what stands in an answer.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use schema::NanoUsd;

use crate::chat::form::Form;
use crate::chat::{Completion, Request, Token, Usage};
use crate::spec::{ModelSpec, PriceSpec};

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
}

/// Writes the body of a request. A schema stays the text that it is: the order of its keys is the order of the answer.
pub(super) fn body(model: &str, settings: &ModelSpec, request: &Request, form: Form) -> Result<String, serde_json::Error> {
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
    serde_json::to_string(&Body {
        model,
        messages: &request.messages,
        temperature: request.temperature.or(settings.temperature),
        top_p: settings.top_p,
        max_tokens: settings.max_tokens,
        seed: request.seed.or(settings.seed),
        logprobs: request.logprobs.then_some(true),
        top_logprobs: request.logprobs.then_some(ALTERNATIVES),
        response_format,
        tool_choice: tools.is_some().then(|| json!({"type": "function", "function": {"name": TOOL}})),
        tools,
    })
}

#[derive(Deserialize)]
struct Answer {
    choices: Vec<Choice>,
    usage: Option<Used>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    logprobs: Option<LogProbs>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<Value>,
    refusal: Option<String>,
    tool_calls: Option<Value>,
}

#[derive(Deserialize)]
struct LogProbs {
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
}

/// Reads the text, the tokens and the usage of a chat completion.
pub(super) fn answer_of(bytes: &[u8], price: Option<PriceSpec>) -> Result<Completion, String> {
    let answer: Answer = serde_json::from_slice(bytes).map_err(|error| format!("{error}, in {:?}", excerpt(bytes)))?;
    let choice = answer.choices.into_iter().next().ok_or("it has no choices")?;
    let tokens = choice.logprobs.and_then(|logprobs| logprobs.content).map(|tokens| tokens.into_iter().map(token).collect());
    let text = text_of(choice.message)?;
    let (input_tokens, output_tokens) = answer.usage.map_or((None, None), |used| (used.prompt_tokens, used.completion_tokens));
    Ok(Completion { text, tokens, usage: Usage::of(input_tokens, output_tokens, price), ..Completion::default() })
}

fn token(wire: TokenWire) -> Token {
    let top = wire.top_logprobs.into_iter().map(|token| (token.token, token.logprob)).collect();
    Token { text: wire.token, log_prob: wire.logprob, top }
}

fn text_of(message: Message) -> Result<String, String> {
    Ok(match (message.content, message.refusal, message.tool_calls) {
        (_, _, Some(calls)) if arguments(&calls).is_some() => arguments(&calls).unwrap_or_default(),
        (Some(Value::String(text)), _, None) => text,
        (Some(Value::String(text)), _, Some(_)) if !text.is_empty() => text,
        (Some(Value::Array(parts)), _, _) => parts.iter().filter_map(|part| part.get("text")?.as_str()).collect(),
        (_, Some(refusal), _) => refusal,
        (_, _, Some(calls)) => calls.to_string(),
        _ => return Err("its message has no content".to_owned()),
    })
}

/// The arguments of the call of our own tool, which are the answer.
fn arguments(calls: &Value) -> Option<String> {
    let call = calls.as_array()?.iter().find_map(|call| call.get("function").filter(|function| function["name"] == TOOL))?;
    call.get("arguments")?.as_str().map(str::to_owned)
}

impl Usage {
    /// Counts tokens, and their cost where a price is known; dollars a million tokens are a thousand nano-dollars a token.
    pub(crate) fn of(input_tokens: Option<i64>, output_tokens: Option<i64>, price: Option<PriceSpec>) -> Self {
        let cost = price.map(|price| {
            let nanos = (input_tokens.unwrap_or(0) as f64 * price.input + output_tokens.unwrap_or(0) as f64 * price.output) * 1e3;
            #[expect(clippy::cast_possible_truncation, reason = "saturates, and no run costs 9 billion dollars")]
            let nanos = nanos.round() as i64;
            NanoUsd(nanos)
        });
        Self { input_tokens, output_tokens, cost }
    }
}

/// What an error body says, whatever its shape.
pub(super) fn message_of(bytes: &[u8]) -> String {
    let json: Option<Value> = serde_json::from_slice(bytes).ok();
    let said = json.as_ref().and_then(|json| json.pointer("/error/message").or_else(|| json.get("message")).or_else(|| json.get("detail")));
    match said.and_then(Value::as_str) {
        Some(message) => message.chars().take(300).collect(),
        None => excerpt(bytes),
    }
}

fn excerpt(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_in_every_shape() {
        let read = |json: &str| answer_of(json.as_bytes(), Some(PriceSpec { input: 0.15, output: 0.6 }));
        let found = read(r#"{"choices":[{"message":{"content":"hi"}}],"usage":{"prompt_tokens":10,"completion_tokens":2}}"#).unwrap();
        assert_eq!((found.text.as_str(), found.usage.cost), ("hi", Some(NanoUsd(2_700))));
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
        let request = Request { schema: Some(schema), logprobs: true, ..Request::default() };
        let body = |form| body("m", &ModelSpec::default(), &request, form).unwrap();
        assert!(body(Form::Schema).contains(r#""strict":true,"schema":{"z":1,"a":2}"#));
        assert!(body(Form::Schema).contains(r#""logprobs":true,"top_logprobs":20"#));
        assert!(body(Form::Tool).contains(r#""parameters":{"z":1,"a":2}"#) && body(Form::Tool).contains("tool_choice"));
        assert!(body(Form::Object).contains(r#""response_format":{"type":"json_object"}"#));
        assert!(!body(Form::Plain).contains("response_format") && !body(Form::Plain).contains("tools"));
    }
}
