//! `tool-call-f1` and `is-valid-openai-tools-call`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::js;
use crate::promptfoo::asserts::json::compiled;
use crate::promptfoo::asserts::{Grade, Question};

/// `tool-call-f1`: names of tools as sets; `not-` turns the pass around, not the score.
pub(super) fn tool_call_f1(question: &Question<'_>) -> Result<Grade, String> {
    let names: Vec<String> = match question.value {
        Some(Value::Array(items)) => items.iter().map(js::text).collect(),
        Some(Value::String(text)) => text.split(',').map(str::to_owned).collect(),
        _ => return Err("tool-call-f1 needs names of tools as its value".to_owned()),
    };
    let expected: BTreeSet<String> = names.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    if expected.is_empty() {
        return Err("tool-call-f1 needs at least one name of a tool".to_owned());
    }
    let actual = tool_names(question.subject.value);
    let (both, called, wanted) = (expected.intersection(&actual).count() as f64, actual.len() as f64, expected.len() as f64);
    let f1 = if both == 0.0 { 0.0 } else { 2.0 * both / (called + wanted) };
    let pass = (f1 >= question.threshold.unwrap_or(1.0)) != question.inverse;
    let reason = if pass { String::new() } else { format!("F1 {f1:.3}: called {actual:?}, expected {expected:?}") };
    Ok(Grade { pass, score: f1, value: None, reason })
}

/// The names of called tools, in the forms of OpenAI, Anthropic and Google, or in JSON inside of a text.
pub(crate) fn tool_names(output: &Value) -> BTreeSet<String> {
    match output {
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(parsed @ (Value::Object(_) | Value::Array(_))) => tool_names(&parsed),
            Ok(_) => BTreeSet::new(),
            Err(_) => blocks(text).iter().flat_map(tool_names).collect(),
        },
        Value::Array(items) => items.iter().filter_map(name_in_list).collect(),
        Value::Object(fields) => {
            if let Some(Value::Array(calls)) = fields.get("tool_calls") {
                return calls.iter().flat_map(|call| [name(call.get("function")), name(Some(call))]).flatten().collect();
            }
            if matches!(fields.get("type").and_then(Value::as_str), Some("tool_use" | "function_call")) {
                return name(Some(output)).into_iter().collect();
            }
            if let Some(call @ Value::Object(_)) = fields.get("functionCall") {
                return name(Some(call)).into_iter().collect();
            }
            let calls = fields.get("toolCall").and_then(|call| call.get("functionCalls")).and_then(Value::as_array);
            calls.into_iter().flatten().filter_map(|call| name(Some(call))).collect()
        }
        _ => BTreeSet::new(),
    }
}

fn name(call: Option<&Value>) -> Option<String> {
    call?.get("name")?.as_str().map(str::to_owned)
}

fn name_in_list(block: &Value) -> Option<String> {
    if block.get("type").and_then(Value::as_str) == Some("tool_use") {
        return name(Some(block));
    }
    match (block.get("functionCall"), block.get("function")) {
        (Some(call @ Value::Object(_)), _) | (_, Some(call @ Value::Object(_))) => name(Some(call)),
        _ => name(Some(block)),
    }
}

/// JSON that begins a line and ends one, outside of fences.
fn blocks(text: &str) -> Vec<Value> {
    let (mut found, mut fenced, mut skip_to) = (Vec::new(), false, 0);
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let (at, trimmed) = (start, line.trim_start());
        start += line.len();
        if trimmed.starts_with("```") || trimmed.starts_with("~~~") {
            fenced = !fenced;
        }
        if fenced || at < skip_to || !trimmed.starts_with(['{', '[']) {
            continue;
        }
        let from = at + line.len() - trimmed.len();
        let mut stream = serde_json::Deserializer::from_str(&text[from..]).into_iter::<Value>();
        if let Some(Ok(value)) = stream.next() {
            let end = from + stream.byte_offset();
            if text[end..].split('\n').next().is_some_and(|rest| rest.trim().is_empty()) {
                skip_to = end;
                found.push(value);
            }
        }
    }
    found
}

/// `is-valid-openai-tools-call`: the answer has calls, each of a tool that the provider was given. `not-` is ignored, as in promptfoo.
pub(super) fn openai_tools_call(question: &Question<'_>) -> Result<Grade, String> {
    let output = question.subject.value;
    let calls = output.get("tool_calls").unwrap_or(output).as_array().map(Vec::as_slice).unwrap_or_default();
    let is_call = |call: &Value| {
        let function = call.get("function");
        name(function).is_some() && function.and_then(|function| function.get("arguments")).is_some_and(Value::is_string)
    };
    if calls.is_empty() || !calls.iter().all(is_call) {
        return Ok(Grade::pass(false, || "the answer holds no calls of tools in OpenAI's form".to_owned()));
    }
    let Some(tools) = question.subject.tools.and_then(Value::as_array) else {
        return Ok(Grade::pass(false, || "the provider was given no tools".to_owned()));
    };
    let wrong = calls.iter().find_map(|call| misfit(&call["function"], tools).err());
    Ok(Grade::pass(wrong.is_none(), || wrong.unwrap_or_default()))
}

/// Holds one call against the tool of its name.
fn misfit(call: &Value, tools: &[Value]) -> Result<(), String> {
    let called = name(Some(call)).unwrap_or_default();
    let tool = tools.iter().filter_map(|tool| tool.get("function")).find(|function| name(Some(function)).as_ref() == Some(&called));
    let schema = tool.and_then(|tool| tool.get("parameters")).ok_or_else(|| format!("{called:?} was called, but there is no tool of that name"))?;
    let arguments: Value = serde_json::from_str(call["arguments"].as_str().unwrap_or_default())
        .map_err(|error| format!("the arguments of {called:?} are not JSON: {error}"))?;
    let schema = compiled(schema)?;
    let told = schema.iter_errors(&arguments).next().map(|error| format!("the call of {called:?} does not fit its schema: {error}"));
    told.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::tool_names;
    use serde_json::json;

    #[test]
    fn every_form_of_a_call_is_read() {
        let names = |value: serde_json::Value| tool_names(&value).into_iter().collect::<Vec<_>>();
        assert_eq!(names(json!({"tool_calls": [{"function": {"name": "a"}}, {"name": "b"}]})), ["a", "b"]);
        assert_eq!(names(json!([{"type": "tool_use", "name": "a"}, {"functionCall": {"name": "b"}}, {"name": "c"}])), ["a", "b", "c"]);
        assert_eq!(names(json!("calling\n{\"type\": \"tool_use\", \"name\": \"a\"}\nnow {\"name\": \"b\"}")), ["a"]);
        assert!(names(json!("plain")).is_empty());
    }
}
