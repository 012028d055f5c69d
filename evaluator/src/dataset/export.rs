//! Exports of other tools: their columns stay, and beside them stand the names that suites use (`question`, `answer`, `reference`, `documents`,
//! `calls`, `expected_calls`).
//!
//! A column that is there already is never changed. Known are DeepEval's goldens, Bedrock's evaluation records (of models and of knowledge
//! bases; a conversation of several turns becomes a row a turn), Langfuse's dataset items and MLflow's evaluation records.

use serde_json::{Value, json};

use super::Vars;

/// Adds the names of karat's suites to rows of another tool's export.
pub(super) fn name_columns(rows: &mut Vec<Vars>) {
    rows.iter_mut().for_each(unwrap_record);
    let Some(export) = rows.first().and_then(Export::of) else { return };
    if export == Export::BedrockTurns {
        *rows = std::mem::take(rows).into_iter().zip(1..).flat_map(|(row, number)| turns(row, number)).collect();
    }
    for row in rows {
        for (name, value) in export.columns(row) {
            if !value.is_null() && !row.contains_key(name) {
                row.insert(name.to_owned(), value);
            }
        }
    }
}

/// Puts the fields of a record beside what Bedrock's evaluation wrote about it.
fn unwrap_record(row: &mut Vars) {
    if let Some(Value::Object(record)) = row.get("inputRecord").cloned() {
        for (key, value) in record {
            row.entry(key).or_insert(value);
        }
    }
}

/// A row for every turn of a conversation: with its turn alone, its number, the conversation that it is of, and what was said before.
fn turns(row: Vars, number: usize) -> Vec<Vars> {
    let turns = row.get("conversationTurns").and_then(Value::as_array).cloned().unwrap_or_default();
    if turns.len() < 2 {
        return vec![row];
    }
    let conversation = row.get("id").map_or_else(|| format!("conversation-{number}"), crate::template::show);
    let mut said = Vec::new();
    let mut rows = Vec::with_capacity(turns.len());
    for (turn, place) in turns.into_iter().zip(1_usize..) {
        let text = |pointer: &str| turn.pointer(pointer).cloned().unwrap_or_default();
        let spoken = [("user", text("/prompt/content/0/text")), ("assistant", text("/output/text"))];
        let mut of_turn = row.clone();
        for (name, value) in [
            ("id", json!(format!("{conversation}-{place}"))),
            ("conversation", json!(conversation)),
            ("turn", json!(place)),
            ("history", Value::Array(said.clone())),
            ("conversationTurns", json!([turn])),
        ] {
            of_turn.insert(name.to_owned(), value);
        }
        said.extend(spoken.into_iter().filter(|(_, text)| !text.is_null()).map(|(role, text)| json!({"role": role, "content": text})));
        rows.push(of_turn);
    }
    rows
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

/// Keys that only DeepEval's goldens and test cases have beside `input`.
const DEEPEVAL_KEYS: [&str; 7] =
    ["actual_output", "expected_output", "retrieval_context", "actualOutput", "retrievalContext", "tools_called", "expected_tools"];

impl Export {
    fn of(row: &Vars) -> Option<Self> {
        let has = |key: &str| row.contains_key(key);
        let has_any = |keys: &[&str]| keys.iter().any(|key| has(key));
        match () {
            () if has("conversationTurns") => Some(Export::BedrockTurns),
            () if has("prompt") && has_any(&["referenceResponse", "modelResponses"]) => Some(Export::Bedrock),
            () if has("inputs") && has_any(&["expectations", "outputs"]) => Some(Export::Mlflow),
            () if has("input") && has_any(&DEEPEVAL_KEYS) => Some(Export::DeepEval),
            () if has("input") && has_any(&["expectedOutput", "sourceTraceId", "datasetId"]) => Some(Export::Langfuse),
            () => None,
        }
    }

    fn columns(self, row: &Vars) -> [(&'static str, Value); 6] {
        let of = |keys: &[&str]| keys.iter().find_map(|key| row.get(*key)).cloned().unwrap_or_default();
        let at = |pointer: &str| Value::Object(row.clone()).pointer(pointer).cloned().unwrap_or_default();
        let read = |key: &str| read(of(&[key]));
        let (calls, expected_calls) = match self {
            Export::DeepEval => (of(&["tools_called", "toolsCalled"]), of(&["expected_tools", "expectedTools"])),
            _ => (Value::Null, Value::Null),
        };
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
            Export::Langfuse => {
                [single(read("input"), &["question", "query", "input", "prompt"]), Value::Null, single(read("expectedOutput"), ANSWERS), Value::Null]
            }
            Export::Mlflow => [
                single(read("inputs"), &["question", "query", "input", "prompt", "request"]),
                single(read("outputs"), ANSWERS),
                read("expectations")["expected_response"].clone(),
                documents(&read("expectations")["expected_retrieved_context"]),
            ],
        };
        [
            ("question", question),
            ("answer", answer),
            ("reference", reference),
            ("documents", documents),
            ("calls", calls),
            ("expected_calls", expected_calls),
        ]
    }
}

/// Keys under which an answer stands in an object.
const ANSWERS: &[&str] = &["answer", "response", "output", "text", "content"];

/// Reads an object that a CSV has as text.
fn read(value: Value) -> Value {
    match value.as_str().map(serde_json::from_str) {
        Some(Ok(object @ Value::Object(_))) => object,
        _ => value,
    }
}

/// Takes the one text out of an object that wraps it: by a usual key, or because it is alone there.
fn single(value: Value, keys: &[&str]) -> Value {
    let Value::Object(map) = &value else { return value };
    let usual = keys.iter().find_map(|key| map.get(*key));
    let alone = || map.values().next().filter(|_| map.len() == 1);
    usual.or_else(alone).cloned().unwrap_or_default()
}

/// Numbers passages, which are text or objects with `text` or `content`; a list that a CSV has as text is JSON, or parted by `|` (DeepEval).
fn documents(passages: &Value) -> Value {
    let passages = match passages {
        Value::Array(passages) => passages.clone(),
        Value::String(text) if text.trim().is_empty() => return Value::Null,
        Value::String(text) => match serde_json::from_str(text) {
            Ok(Value::Array(passages)) => passages,
            _ => text.split('|').map(Value::from).collect(),
        },
        _ => return Value::Null,
    };
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

    const NAMES: [&str; 6] = ["question", "answer", "reference", "documents", "calls", "expected_calls"];

    #[track_caller]
    fn rows_of(row: Value) -> Vec<Vars> {
        let Value::Object(row) = row else { panic!("a row is an object") };
        let mut rows = vec![row];
        name_columns(&mut rows);
        rows
    }

    #[track_caller]
    fn named(row: Value, expected: &Value) {
        let rows = rows_of(row);
        let found: Vars = NAMES.iter().filter_map(|key| Some(((*key).to_owned(), rows[0].get(*key)?.clone()))).collect();
        assert_eq!((rows.len(), Value::Object(found)), (1, expected.clone()));
    }

    fn turn(question: &str, answer: &str) -> Value {
        json!({
            "prompt": {"content": [{"text": question}]},
            "referenceResponses": [{"content": [{"text": "thus"}]}],
            "output": {"text": answer, "retrievedPassages": {"retrievalResults": [{"content": {"text": "one"}}, {"content": {"text": "two"}}]}},
        })
    }

    #[test]
    fn the_exports_of_other_tools_are_read() {
        let documents = json!([{"id": "d1", "content": "one"}, {"id": "d2", "content": "two"}]);
        let all = json!({"question": "why", "answer": "so", "reference": "thus", "documents": documents});
        named(json!({"input": "why", "actual_output": "so", "expected_output": "thus", "retrieval_context": ["one", "two"]}), &all);
        named(json!({"conversationTurns": [turn("why", "so")]}), &all);
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
    fn tool_calls_have_a_column() {
        let (called, expected) =
            (json!([{"name": "pay", "input_parameters": {"eur": 900}}]), json!([{"name": "pay", "input_parameters": {"eur": 9}}]));
        let row = json!({"input": "why", "tools_called": called, "expected_tools": expected});
        named(row, &json!({"question": "why", "calls": called, "expected_calls": expected}));
    }

    /// DeepEval's CSV holds lists as text; as one text they would be no documents at all.
    #[test]
    fn lists_in_a_csv_are_lists() {
        let documents = json!([{"id": "d1", "content": "one"}, {"id": "d2", "content": "two"}]);
        for text in ["one|two", "[\"one\", \"two\"]"] {
            named(json!({"input": "why", "retrieval_context": text}), &json!({"question": "why", "documents": documents}));
        }
    }

    /// A CSV has objects as text, and Bedrock's results have the record inside.
    #[test]
    fn what_is_wrapped_is_unwrapped() {
        let item = json!({"id": "1", "datasetId": "d", "input": "{\"question\": \"why\"}", "expectedOutput": "{\"answer\": \"thus\"}"});
        named(item, &json!({"question": "why", "reference": "thus"}));
        let record = json!({"inputs": "{\"question\": \"why\"}", "outputs": "so", "expectations": "{\"expected_response\": \"thus\"}"});
        named(record, &json!({"question": "why", "answer": "so", "reference": "thus"}));
        let result = json!({"inputRecord": {"prompt": "why", "referenceResponse": "thus"}, "modelResponses": [{"response": "so"}]});
        named(result, &json!({"question": "why", "answer": "so", "reference": "thus"}));
    }

    /// Every turn is a case; a later one knows what was said before it.
    #[test]
    fn a_conversation_is_a_case_a_turn() {
        let rows = rows_of(json!({"conversationTurns": [turn("why", "so"), turn("and then", "later")]}));
        let of = |key: &str| rows.iter().map(|row| row[key].clone()).collect::<Vec<_>>();
        assert_eq!(of("question"), ["why", "and then"]);
        assert_eq!(of("answer"), ["so", "later"]);
        assert_eq!((of("id"), of("turn")), (vec![json!("conversation-1-1"), json!("conversation-1-2")], vec![json!(1), json!(2)]));
        assert_eq!(rows[1]["history"], json!([{"role": "user", "content": "why"}, {"role": "assistant", "content": "so"}]));
    }

    #[test]
    fn what_is_there_already_stays() {
        named(json!({"input": "why", "expected_output": "thus", "question": "mine"}), &json!({"question": "mine", "reference": "thus"}));
        named(json!({"input": "why", "output": "so"}), &json!({}));
    }
}
