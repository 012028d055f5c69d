//! The answer is JSON, or holds some, of a schema.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::checks::spec::Context;
use crate::checks::{Subject, Verdict};
use crate::error::Error;

/// `is-json`, `json_schema` and `contains-json`.
#[derive(Clone)]
pub(crate) struct Json {
    answer: String,
    /// Whether JSON inside of other text is enough.
    inside: bool,
    schema: Option<Arc<jsonschema::Validator>>,
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Json").field("answer", &self.answer).field("inside", &self.inside).finish_non_exhaustive()
    }
}

impl Json {
    /// Compiles the schema; one that is none is an error of the suite.
    pub(crate) fn new(answer: String, inside: bool, schema: Option<Value>, context: &Context<'_>) -> Result<Self, Error> {
        let compile = |schema: Value| {
            let options = jsonschema::options().should_validate_formats(true);
            options.build(&schema).map(Arc::new).map_err(|error| context.error(&format!("not a JSON schema: {error}")))
        };
        Ok(Self { answer, inside, schema: schema.map(compile).transpose()? })
    }

    pub(crate) fn signature(&self) -> String {
        format!("{}{}", if self.inside { "contains-json" } else { "is-json" }, if self.schema.is_some() { " schema formats" } else { "" })
    }

    pub(crate) fn verdict(&self, subject: &Subject<'_>) -> Verdict {
        let Some(answer) = subject.text(&self.answer) else { return Verdict::not_applicable("no answer to read") };
        let found = if self.inside { objects_in(&answer) } else { serde_json::from_str(&answer).into_iter().collect() };
        if found.is_empty() {
            return Verdict::pass(false, || if self.inside { "holds no JSON object" } else { "is not JSON" }.to_owned());
        }
        let Some(schema) = &self.schema else { return Verdict::pass(true, String::new) };
        let passed = found.iter().any(|value| schema.is_valid(value));
        Verdict::pass(passed, || {
            let errors = found.iter().flat_map(|value| {
                schema.iter_errors(value).take(3).map(|error| format!("{} at {:?}", error, error.instance_path().to_string())).collect::<Vec<_>>()
            });
            format!("does not fit the schema: {}", errors.take(3).collect::<Vec<_>>().join("; "))
        })
    }
}

/// The JSON objects inside of a text, outermost ones only.
pub(crate) fn objects_in(text: &str) -> Vec<Value> {
    written_objects_in(text).into_iter().map(|(value, _)| value).collect()
}

/// The same, each with how it is written there.
pub(crate) fn written_objects_in(text: &str) -> Vec<(Value, &str)> {
    let mut found = Vec::new();
    let mut from = 0;
    // Text that opens a thousand braces and closes none is given up on.
    for _ in 0..1_000 {
        let Some(at) = text[from..].find('{').map(|at| from + at) else { break };
        let mut stream = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
        match stream.next() {
            Some(Ok(value @ Value::Object(_))) => {
                from = at + stream.byte_offset();
                found.push((value, &text[at..from]));
            }
            _ => from = at + 1,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_found_in_prose() {
        let found = objects_in("Sure {braces}: {\"a\": {\"b\": 1}} and {\"c\": 2}.");
        assert_eq!(found, [serde_json::json!({"a": {"b": 1}}), serde_json::json!({"c": 2})]);
        assert!(objects_in("[1, 2] 3").is_empty());
    }
}
