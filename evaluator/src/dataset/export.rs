//! Exports of other tools: their columns stay, and beside them stand the names that suites use (`question`, `answer`, `reference`, `documents`).
//!
//! A column that is there already is never changed. Known are DeepEval's goldens, Bedrock's evaluation records (of models and of knowledge
//! bases), Langfuse's dataset items and MLflow's evaluation records.

use serde_json::{Value, json};

use super::Vars;

/// Adds the names of karat's suites to rows of another tool's export.
pub(super) fn name_columns(rows: &mut [Vars]) {
    let Some(export) = rows.first().and_then(Export::of) else { return };
    for row in rows {
        for (name, value) in export.columns(row) {
            if !value.is_null() && !row.contains_key(name) {
                row.insert(name.to_owned(), value);
            }
        }
    }
}

/// A tool whose export is known by its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Export {
    DeepEval,
    Bedrock,
    BedrockTurns,
    Langfuse,
    Mlflow,
}

impl Export {
    fn of(row: &Vars) -> Option<Self> {
        let has = |key: &str| row.contains_key(key);
        let has_any = |keys: &[&str]| keys.iter().any(|key| has(key));
        match () {
            () if has("conversationTurns") => Some(Export::BedrockTurns),
            () if has("prompt") && has_any(&["referenceResponse", "modelResponses"]) => Some(Export::Bedrock),
            () if has("inputs") && has_any(&["expectations", "outputs"]) => Some(Export::Mlflow),
            () if has("input") && has_any(&["actual_output", "expected_output", "retrieval_context", "actualOutput", "retrievalContext"]) => {
                Some(Export::DeepEval)
            }
            () if has("input") && has_any(&["expectedOutput", "sourceTraceId", "datasetId"]) => Some(Export::Langfuse),
            () => None,
        }
    }

    fn columns(self, row: &Vars) -> [(&'static str, Value); 4] {
        let of = |keys: &[&str]| keys.iter().find_map(|key| row.get(*key)).cloned().unwrap_or_default();
        let at = |pointer: &str| Value::Object(row.clone()).pointer(pointer).cloned().unwrap_or_default();
        let [question, answer, reference, documents] = match self {
            Export::DeepEval => {
                let passages = of(&["retrieval_context", "retrievalContext", "context"]);
                [of(&["input"]), of(&["actual_output", "actualOutput"]), of(&["expected_output", "expectedOutput"]), documents(&passages)]
            }
            Export::Bedrock => [of(&["prompt"]), at("/modelResponses/0/response"), of(&["referenceResponse"]), Value::Null],
            Export::BedrockTurns => {
                let turn = "/conversationTurns/0";
                let passages = at(&format!("{turn}/output/retrievedPassages/retrievalResults"));
                [
                    at(&format!("{turn}/prompt/content/0/text")),
                    at(&format!("{turn}/output/text")),
                    at(&format!("{turn}/referenceResponses/0/content/0/text")),
                    documents(&passages),
                ]
            }
            Export::Langfuse => [
                single(of(&["input"]), &["question", "query", "input", "prompt"]),
                Value::Null,
                single(of(&["expectedOutput"]), ANSWERS),
                Value::Null,
            ],
            Export::Mlflow => [
                single(of(&["inputs"]), &["question", "query", "input", "prompt", "request"]),
                single(of(&["outputs"]), ANSWERS),
                at("/expectations/expected_response"),
                documents(&at("/expectations/expected_retrieved_context")),
            ],
        };
        [("question", question), ("answer", answer), ("reference", reference), ("documents", documents)]
    }
}

/// Keys under which an answer stands in an object.
const ANSWERS: &[&str] = &["answer", "response", "output", "text", "content"];

/// Takes the one text out of an object that wraps it: by a usual key, or because it is alone there.
fn single(value: Value, keys: &[&str]) -> Value {
    let Value::Object(map) = &value else { return value };
    let usual = keys.iter().find_map(|key| map.get(*key));
    let alone = || map.values().next().filter(|_| map.len() == 1);
    usual.or_else(alone).cloned().unwrap_or_default()
}

/// Numbers passages, which are text or objects with `text` or `content`.
fn documents(passages: &Value) -> Value {
    let Value::Array(passages) = passages else { return Value::Null };
    let content = |passage: &Value| match passage {
        Value::Object(map) => {
            let nested = map.get("content").and_then(|content| content.get("text")).or_else(|| map.get("text")).or_else(|| map.get("content"));
            nested.cloned().unwrap_or_default()
        }
        text => text.clone(),
    };
    passages.iter().enumerate().map(|(index, passage)| json!({"id": format!("d{}", index + 1), "content": content(passage)})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn named(row: Value, expected: &Value) {
        let Value::Object(row) = row else { panic!("a row is an object") };
        let mut rows = [row];
        name_columns(&mut rows);
        let found: Vars =
            ["question", "answer", "reference", "documents"].iter().filter_map(|key| Some(((*key).to_owned(), rows[0].get(*key)?.clone()))).collect();
        assert_eq!(Value::Object(found), *expected);
    }

    #[test]
    fn the_exports_of_other_tools_are_read() {
        let documents = json!([{"id": "d1", "content": "one"}, {"id": "d2", "content": "two"}]);
        let all = json!({"question": "why", "answer": "so", "reference": "thus", "documents": documents});
        let deepeval =
            json!({"input": "why", "actual_output": "so", "expected_output": "thus", "retrieval_context": ["one", "two"], "tools_called": []});
        named(deepeval, &all);
        let turn = json!({
            "prompt": {"content": [{"text": "why"}]},
            "referenceResponses": [{"content": [{"text": "thus"}]}],
            "output": {"text": "so", "retrievedPassages": {"retrievalResults": [{"content": {"text": "one"}}, {"content": {"text": "two"}}]}},
        });
        named(json!({"conversationTurns": [turn]}), &all);
        let model =
            json!({"prompt": "why", "referenceResponse": "thus", "category": "c", "modelResponses": [{"response": "so", "modelIdentifier": "m"}]});
        named(model, &json!({"question": "why", "answer": "so", "reference": "thus"}));
        let item = json!({"id": "1", "input": {"question": "why"}, "expectedOutput": {"text": "thus"}, "metadata": null});
        named(item, &json!({"question": "why", "reference": "thus"}));
        let record =
            json!({"inputs": {"question": "why", "history": []}, "outputs": {"response": "so"}, "expectations": {"expected_response": "thus"}});
        named(record, &json!({"question": "why", "answer": "so", "reference": "thus"}));
    }

    #[test]
    fn what_is_there_already_stays() {
        named(json!({"input": "why", "expected_output": "thus", "question": "mine"}), &json!({"question": "mine", "reference": "thus"}));
        named(json!({"input": "why", "output": "so"}), &json!({}));
    }
}
