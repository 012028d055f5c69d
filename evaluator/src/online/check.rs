//! The checks that cost nothing: no model is asked, no socket opened.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::checks::{Verdict, grounded, texts_of};
use crate::online::ModelCall;

/// A check on the answer of a model call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnlineCheck {
    /// Share of the answer's claims that the retrieved documents carry, by words alone; 0 to 1.
    Groundedness,
    /// 1 where there is an answer that is no refusal, else 0.
    Answered,
    /// 1 where an answer that was asked for in JSON is JSON, else 0.
    JsonValid,
}

impl OnlineCheck {
    /// Every check.
    pub const ALL: &'static [OnlineCheck] = &[OnlineCheck::Groundedness, OnlineCheck::Answered, OnlineCheck::JsonValid];

    /// Returns the name that scores bear in `evaluator`.
    pub fn name(self) -> &'static str {
        match self {
            OnlineCheck::Groundedness => "groundedness",
            OnlineCheck::Answered => "answered",
            OnlineCheck::JsonValid => "json_valid",
        }
    }

    /// Returns the version of its rule.
    pub fn version(self) -> String {
        match self {
            OnlineCheck::Groundedness => measure::text::groundedness::VERSION.to_owned(),
            OnlineCheck::Answered | OnlineCheck::JsonValid => "1".to_owned(),
        }
    }

    /// The parts of a call that the verdict depends on.
    pub(crate) fn inputs(self, call: &ModelCall) -> Vec<Option<&str>> {
        let answer = [&call.status, &call.output_text, &call.output_messages, &call.tool_calls].map(Option::as_deref);
        let more = match self {
            OnlineCheck::Groundedness => call.documents.as_deref(),
            OnlineCheck::Answered => None,
            OnlineCheck::JsonValid => call.attributes.as_deref(),
        };
        answer.into_iter().chain([more]).collect()
    }

    /// What the check says about a call.
    pub(crate) fn verdict(self, call: &ModelCall, text_bytes_max: usize) -> Verdict {
        if call.status.as_deref() == Some("error") {
            return Verdict::not_applicable("the call failed, which is counted as an error");
        }
        let bytes: usize = self.inputs(call).into_iter().flatten().map(str::len).sum();
        if bytes > text_bytes_max {
            return Verdict::failed(format!("{bytes} bytes to read, more than text_bytes_max = {text_bytes_max}"));
        }
        match self {
            OnlineCheck::Groundedness => groundedness(call),
            OnlineCheck::Answered => answered(call),
            OnlineCheck::JsonValid => json_valid(call),
        }
    }
}

fn groundedness(call: &ModelCall) -> Verdict {
    let Some(documents) = &call.documents else { return Verdict::not_applicable("no documents were retrieved") };
    let Some(answer) = answer(call) else { return Verdict::not_applicable("no answer in words") };
    let sources = serde_json::from_str(documents).map_or_else(|_| vec![documents.clone()], |documents: Value| texts_of(&documents));
    grounded(answer, &sources)
}

fn answered(call: &ModelCall) -> Verdict {
    let Some(text) = answer(call) else {
        return match (has_items(call.tool_calls.as_deref()), &call.output_messages) {
            (true, _) => Verdict::not_applicable("the model asked for a tool"),
            (false, None) => Verdict::not_applicable("the answer was not recorded"),
            (false, Some(_)) => Verdict::pass(false, || "the answer is empty".to_owned()),
        };
    };
    Verdict::pass(!measure::text::is_refusal(text), || "the answer is a refusal".to_owned())
}

fn json_valid(call: &ModelCall) -> Verdict {
    if !call.attributes.as_deref().is_some_and(asks_for_json) {
        return Verdict::not_applicable("the request did not ask for JSON");
    }
    let Some(text) = answer(call) else { return Verdict::not_applicable("no answer in words") };
    let error = serde_json::from_str::<serde::de::IgnoredAny>(text).err();
    let cut = if call.finish_reason.as_deref() == Some("length") { "; it was cut at the limit of tokens" } else { "" };
    Verdict::pass(error.is_none(), || format!("is not JSON: {}{cut}", error.map_or(String::new(), |error| error.to_string())))
}

/// The answer's words, where there are any.
fn answer(call: &ModelCall) -> Option<&str> {
    call.output_text.as_deref().filter(|text| !text.trim().is_empty())
}

fn has_items(list: Option<&str>) -> bool {
    list.and_then(|list| serde_json::from_str::<Vec<serde::de::IgnoredAny>>(list).ok()).is_some_and(|items| !items.is_empty())
}

/// Whether a request asked for JSON: by OpenTelemetry's output type, or by a response format wherever the dialect keeps it.
fn asks_for_json(attributes: &str) -> bool {
    let Ok(Value::Object(attributes)) = serde_json::from_str(attributes) else { return false };
    attributes.iter().any(|(key, value)| match key.as_str() {
        "gen_ai.output.type" => value == "json",
        key if key.ends_with("response_format") => names_json(value),
        key if key.ends_with("invocation_parameters") || key.ends_with("model.parameters") => {
            let parameters = value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
            parameters.as_ref().or(Some(value)).and_then(|parameters| parameters.get("response_format")).is_some_and(names_json)
        }
        _ => false,
    })
}

fn names_json(format: &Value) -> bool {
    let text = format.to_string();
    text.contains("json_schema") || text.contains("json_object")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;

    fn call(edit: impl FnOnce(&mut ModelCall)) -> ModelCall {
        let mut call = ModelCall { output_messages: Some("[]".to_owned()), status: Some("ok".to_owned()), ..ModelCall::default() };
        edit(&mut call);
        call
    }

    #[track_caller]
    fn check(check: OnlineCheck, call: &ModelCall, outcome: Outcome, value: Option<f64>) {
        let found = check.verdict(call, 10_000);
        assert_eq!((found.outcome, found.value), (outcome, value), "{found:?}");
    }

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn answers_are_grounded_in_documents() {
        let documents = r#"[{"id": "7", "content": "Refunds take 5 business days.", "score": 0.9}]"#;
        let with = |answer: &str| {
            call(|call| {
                call.documents = text(documents);
                call.output_text = text(answer);
            })
        };
        check(OnlineCheck::Groundedness, &with("Refunds take 5 business days."), Outcome::Value, Some(1.0));
        check(OnlineCheck::Groundedness, &with("Refunds take 9 business days."), Outcome::Value, Some(0.0));
        check(OnlineCheck::Groundedness, &call(|call| call.output_text = text("Refunds take 5 days.")), Outcome::NotApplicable, None);
        let long = call(|call| {
            call.documents = text(documents);
            call.output_text = Some("x".repeat(20_000));
        });
        check(OnlineCheck::Groundedness, &long, Outcome::Failed, None);
    }

    #[test]
    fn answered_tells_silence_from_tools_and_from_what_was_not_recorded() {
        check(OnlineCheck::Answered, &call(|call| call.output_text = text("Yes.")), Outcome::Value, Some(1.0));
        check(OnlineCheck::Answered, &call(|call| call.output_text = text("I'm sorry, I can't help with that.")), Outcome::Value, Some(0.0));
        check(OnlineCheck::Answered, &call(|call| call.output_text = text("  ")), Outcome::Value, Some(0.0));
        check(OnlineCheck::Answered, &call(|call| call.tool_calls = text(r#"[{"name":"a"}]"#)), Outcome::NotApplicable, None);
        check(OnlineCheck::Answered, &ModelCall::default(), Outcome::NotApplicable, None);
        check(OnlineCheck::Answered, &call(|call| call.status = text("error")), Outcome::NotApplicable, None);
    }

    #[test]
    fn json_counts_where_it_was_asked_for() {
        let asked = [
            r#"{"gen_ai.output.type":"json"}"#,
            r#"{"gen_ai.openai.request.response_format":"json_schema"}"#,
            r#"{"llm.invocation_parameters":"{\"response_format\": {\"type\": \"json_object\"}}"}"#,
        ];
        for attributes in asked {
            let with = |answer: &str| {
                call(|call| {
                    call.attributes = text(attributes);
                    call.output_text = text(answer);
                })
            };
            check(OnlineCheck::JsonValid, &with("{\"a\": 1}"), Outcome::Value, Some(1.0));
            check(OnlineCheck::JsonValid, &with("{\"a\": "), Outcome::Value, Some(0.0));
        }
        let plain = call(|call| call.attributes = text(r#"{"gen_ai.output.type":"text","llm.invocation_parameters":"{}"}"#));
        check(OnlineCheck::JsonValid, &plain, Outcome::NotApplicable, None);
    }
}
