//! A model behind an OpenAI-compatible endpoint that answers.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::calls::CallError;
use crate::chat::{Chat, ChatSpec, Connector, LogProbs, Request, finish_reason};
use crate::error::Error;
use crate::files::Files;
use crate::target::{Answer, Ask, messages_of};
use crate::template::Env;

/// A model with its settings; nothing where no endpoint is configured.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    chat: Option<Arc<Chat>>,
    tools: Option<Arc<Value>>,
    /// What in its settings is probably misspelled.
    pub doubts: Vec<String>,
}

impl Model {
    pub(crate) fn new(model: &str, spec: ChatSpec, connector: &Connector, env: Env<'_>) -> Result<Self, Error> {
        let tools = spec.body.get("tools").cloned().map(Arc::new);
        Ok(Self { chat: connector.chat(model, &spec, env)?, tools, doubts: spec.doubts })
    }

    /// Asks the model.
    pub(crate) async fn answer(&self, ask: &Ask<'_>) -> Result<Answer, String> {
        let chat = self.chat.as_ref().ok_or_else(|| CallError::NotConfigured.to_string())?;
        let request = Request {
            messages: messages_of(ask.prompt),
            seed: (ask.repeat > 0).then(|| i64::from(ask.repeat)),
            log_probs: if ask.wants_log_probs { LogProbs::Chosen } else { LogProbs::Unwanted },
            traceparent: Some(ask.traceparent.to_owned()),
            ..Request::default()
        };
        let completion = chat.complete(&request).await.map_err(|error| error.to_string())?;
        Ok(Answer {
            output: chat.output(&completion),
            latency_ms: Some(completion.latency_ms),
            usage: completion.usage,
            finish_reason: completion.finish_reason.as_deref().map(finish_reason),
            log_probs: completion.tokens.map(|tokens| tokens.iter().map(|token| token.log_prob).collect()),
            tools: self.tools.clone(),
            trace_id: ask.trace_id(),
            ..Answer::default()
        })
    }
}

/// Puts the content of files where settings name them (`tools: file://tools.json`); the items of a list in a file join the list around it.
pub(crate) fn with_files(place: &str, value: &Value, files: &Files) -> Result<Value, Error> {
    let named = |value: &Value| value.as_str().is_some_and(|text| text.starts_with("file://"));
    Ok(match value {
        Value::String(name) if named(value) => read(place, name, files)?,
        Value::Array(items) => {
            let mut all = Vec::with_capacity(items.len());
            for item in items {
                match with_files(place, item, files)? {
                    Value::Array(more) if named(item) => all.extend(more),
                    item => all.push(item),
                }
            }
            Value::Array(all)
        }
        Value::Object(fields) => {
            let inside = |(key, value): (&String, &Value)| Ok((key.clone(), with_files(place, value, files)?));
            Value::Object(fields.iter().map(inside).collect::<Result<Map<_, _>, Error>>()?)
        }
        scalar => scalar.clone(),
    })
}

fn read(place: &str, name: &str, files: &Files) -> Result<Value, Error> {
    let is_data = [".json", ".yaml", ".yml"].iter().any(|end| name.ends_with(end));
    if !is_data {
        return Err(Error::config(format!("{place}: config: {name:?} is code that does not run here; write it as .json or .yaml")));
    }
    let text = files.read(place, name)?;
    serde_yaml_ng::from_str(&text).map_err(|error| Error::config(format!("{place}: config: {name}: {error}")))
}
