//! A model that judges answers.

mod ask;
mod prompt;
mod rubric;

use async_trait::async_trait;
use serde_json::json;
use serde_json::value::RawValue;

use crate::chat::{CallError, Chat, Completion, Request};

pub(crate) use ask::{Asked, Call, ask};
pub(crate) use prompt::{Material, system};
pub(crate) use rubric::Rubric;

/// A model that can be asked for a verdict.
///
/// An OpenAI-compatible endpoint is one; a batch service or another wire format would be another.
#[async_trait]
pub(crate) trait Judge: Send + Sync + std::fmt::Debug {
    /// Returns the name of the model.
    fn model(&self) -> &str;

    /// Asks one question; faults that pass are the judge's own to wait out.
    async fn answer(&self, question: &Question) -> Result<Completion, CallError>;
}

/// What a judge is asked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// The rubric, and how to answer.
    pub system: String,
    /// What is judged, delimited and escaped.
    pub user: String,
    /// JSON schema of the answer.
    pub schema: Box<RawValue>,
    /// Seed of this vote.
    pub seed: i64,
}

#[async_trait]
impl Judge for Chat {
    fn model(&self) -> &str {
        &self.model
    }

    async fn answer(&self, question: &Question) -> Result<Completion, CallError> {
        let format = format!(r#"{{"type":"json_schema","json_schema":{{"name":"verdict","strict":true,"schema":{}}}}}"#, question.schema);
        let request = Request {
            messages: vec![json!({"role": "system", "content": question.system}), json!({"role": "user", "content": question.user})],
            seed: Some(question.seed),
            response_format: RawValue::from_string(format).ok(),
            temperature: Some(0.0),
        };
        self.complete(&request).await
    }
}
