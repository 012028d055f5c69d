//! Who grades the assertions that ask a model, as promptfoo names them.

use serde_json::Value;

use crate::spec::{CheckSpec, TestOptions};

/// A model that grades, by its id, with its settings.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grader {
    pub id: String,
    pub config: Option<Value>,
}

/// What a grader is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gives {
    /// A verdict in words.
    Text,
    /// Vectors.
    Embedding,
}

impl Grader {
    /// Reads `provider`: an id, `{id, config}`, or one for each use (`{text: ..., embedding: ...}`).
    pub(crate) fn of(provider: Option<&Value>, gives: Gives) -> Option<Self> {
        let use_of = match gives {
            Gives::Text => "text",
            Gives::Embedding => "embedding",
        };
        match provider? {
            Value::String(id) => Some(Self { id: id.clone(), config: None }),
            Value::Object(fields) => match (fields.get(use_of), fields.get("id")) {
                (Some(inner), _) => Self::of(Some(inner), gives),
                (None, Some(Value::String(id))) => Some(Self { id: id.clone(), config: fields.get("config").cloned() }),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Gives assertions the grader and the rubric prompt of their test, where they name none.
pub(crate) fn graded(asserts: &[CheckSpec], options: &TestOptions) -> Vec<CheckSpec> {
    let with = |spec: &CheckSpec| match spec.check {
        Some(_) => spec.clone(),
        None => CheckSpec {
            provider: spec.provider.clone().or_else(|| options.provider.clone()),
            rubric_prompt: spec.rubric_prompt.clone().or_else(|| options.rubric_prompt.clone()),
            assert: graded(&spec.assert, options),
            ..spec.clone()
        },
    };
    asserts.iter().map(with).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn graders_are_named_in_every_form() {
        let id = |provider: Value, gives| Grader::of(Some(&provider), gives).map(|grader| grader.id);
        assert_eq!(id(json!("openai:gpt"), Gives::Text).as_deref(), Some("openai:gpt"));
        assert_eq!(id(json!({"id": "openai:gpt", "config": {"temperature": 1}}), Gives::Text).as_deref(), Some("openai:gpt"));
        let both = json!({"text": "openai:gpt", "embedding": {"id": "openai:embedding:e5"}});
        assert_eq!(id(both.clone(), Gives::Text).as_deref(), Some("openai:gpt"));
        assert_eq!(id(both, Gives::Embedding).as_deref(), Some("openai:embedding:e5"));
        assert_eq!(id(json!({"text": "openai:gpt"}), Gives::Embedding), None);
    }
}
