//! Where a suite's answers come from; a file a kind.

mod exec;
mod http;
mod select;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::archive::Archive;
use crate::calls::CallError;
use crate::chat::{Chat, Connector, Request, Usage};
use crate::dataset::{Dataset, Vars};
use crate::error::Error;
use crate::keys::{explain_message, unknown};
use crate::spec::ModelSpec;
use crate::template::Env;

use exec::Exec;
use http::Http;
use select::Select;

/// Where answers come from.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// A column of the dataset: the answers were recorded before.
    Dataset(String),
    /// A model behind an endpoint; nothing where none is configured.
    Chat(Option<Arc<Chat>>),
    /// A command.
    Exec(Exec),
    /// An app that takes and answers JSON over HTTP.
    Http(Arc<Http>),
    /// A SELECT over the tables.
    Select(Select),
    /// The prompt itself.
    Echo,
    /// A provider of promptfoo's that does not run here, and why: every case of it is an error.
    Unknown(String),
}

/// An answer, with what it took.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Answer {
    pub output: Value,
    pub latency_ms: Option<f64>,
    pub usage: Usage,
    pub finish_reason: Option<String>,
    pub log_probs: Option<Vec<f64>>,
    /// Trace of the call, in the target's own telemetry.
    pub trace_id: Option<String>,
}

/// Limits of one call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub timeout: Duration,
    pub bytes_max: usize,
    pub attempts_max: u32,
    pub backoff: Duration,
}

/// What a target is asked.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub vars: &'a Vars,
    pub prompt: &'a str,
    pub repeat: u32,
    /// W3C trace context of the call, so that the target's spans can be found again.
    pub traceparent: &'a str,
    /// Where a SELECT is asked.
    pub archive: Archive<'a>,
}

/// Providers that promptfoo knows by their first word, beside its own.
const ELSEWHERE: [&str; 12] =
    ["python", "file", "package", "anthropic", "azure", "bedrock", "ollama", "vertex", "mistral", "webhook", "promptfoo", "javascript"];

const KINDS: [&str; 8] =
    ["dataset:<column>", "sql:<select>", "openai:chat:<model>", "http(s)://<address>", "http", "exec:<command>", "command:<command>", "echo"];

impl Target {
    /// Reads a provider's id and its settings.
    pub(crate) fn parse(
        id: &str,
        config: Option<&Value>,
        dataset: &Dataset,
        connector: &Connector,
        directory: &Path,
        env: Env<'_>,
    ) -> Result<Self, Error> {
        let place = format!("provider {id:?}");
        if id == "echo" {
            return Ok(Self::Echo);
        }
        if let Some(column) = id.strip_prefix("dataset:") {
            dataset.expect_column(&place, column)?;
            return Ok(Self::Dataset(column.to_owned()));
        }
        if id == "sql" || id.starts_with("sql:") {
            return Select::new(&place, id.strip_prefix("sql:"), settings(&place, config)?, dataset).map(Self::Select);
        }
        if let Some(model) = id.strip_prefix("openai:chat:").or_else(|| id.strip_prefix("openai:")).filter(|model| !model.is_empty()) {
            return Ok(Self::Chat(connector.chat(model, &settings::<ModelSpec>(&place, config)?, env)?));
        }
        if let Some(command) = id.strip_prefix("exec:") {
            return Exec::with_arguments(&place, command, directory).map(Self::Exec);
        }
        if let Some(command) = id.strip_prefix("command:") {
            return Exec::with_input(&place, command, directory).map(Self::Exec);
        }
        if id == "http" || id == "https" || id.starts_with("http://") || id.starts_with("https://") {
            return Http::new(&place, id, settings(&place, config)?, connector, env).map(|http| Self::Http(Arc::new(http)));
        }
        let kind = id.split(':').next().unwrap_or_default();
        if ELSEWHERE.contains(&kind) {
            return Ok(Self::Unknown(format!("{place} does not run here; ask it over HTTP or as a command")));
        }
        Err(Error::config(unknown("provider", kind, &KINDS)))
    }

    /// Whether the target reads a prompt.
    pub(crate) fn needs_prompt(&self) -> bool {
        !matches!(self, Target::Dataset(_) | Target::Select(_))
    }

    /// The columns that hold what the target answers and how, which are no part of the case.
    pub(crate) fn answer_columns(&self) -> impl Iterator<Item = &str> {
        let column = match self {
            Target::Dataset(column) => Some(column.as_str()),
            _ => None,
        };
        column.into_iter().flat_map(|column| [column].into_iter().chain(RECORDED))
    }

    /// Answers one case; a failure is a sentence for the report.
    pub(crate) async fn answer(&self, ask: &Ask<'_>, limits: Limits) -> Result<Answer, String> {
        match self {
            Target::Dataset(column) => match ask.vars.get(column) {
                None | Some(Value::Null) => Err(format!("the case has no recorded answer in column {column:?}")),
                Some(value) => Ok(recorded(value, ask.vars)),
            },
            Target::Chat(None) => Err(CallError::NotConfigured.to_string()),
            Target::Chat(Some(chat)) => {
                let seed = (ask.repeat > 0).then(|| i64::from(ask.repeat));
                let request = Request { messages: messages_of(ask.prompt), seed, ..Request::default() };
                let completion = chat.complete(&request).await.map_err(|error| error.to_string())?;
                Ok(Answer {
                    output: Value::String(completion.text),
                    latency_ms: Some(completion.latency_ms),
                    usage: completion.usage,
                    ..Answer::default()
                })
            }
            Target::Exec(command) => command.answer(ask, limits).await,
            Target::Http(app) => app.answer(ask, limits).await,
            Target::Select(select) => select.answer(ask, limits).await,
            Target::Echo => Ok(Answer { output: Value::String(ask.prompt.to_owned()), latency_ms: Some(0.0), ..Answer::default() }),
            Target::Unknown(why) => Err(why.clone()),
        }
    }
}

/// Columns that say how a recorded answer came about.
const RECORDED: [&str; 5] = ["trace_id", "span_id", "latency_ms", "duration_ns", "finish_reason"];

/// An answer that stands in the dataset, with what else is recorded about it under the names that production spans use.
fn recorded(value: &Value, vars: &Vars) -> Answer {
    let number = |key: &str| vars.get(key).and_then(Value::as_f64);
    let text = |key: &str| vars.get(key).and_then(Value::as_str).map(str::to_owned);
    Answer {
        output: value.clone(),
        latency_ms: number("latency_ms").or_else(|| number("duration_ns").map(|ns| ns / 1e6)),
        finish_reason: text("finish_reason"),
        trace_id: text("trace_id"),
        ..Answer::default()
    }
}

/// A prompt that is a JSON list of messages is sent as it is, any other as the user's message.
fn messages_of(prompt: &str) -> Vec<Value> {
    match serde_json::from_str(prompt) {
        Ok(Value::Array(messages)) if !messages.is_empty() && messages.iter().all(|message| message.get("role").is_some()) => messages,
        _ => vec![json!({"role": "user", "content": prompt})],
    }
}

/// Reads a provider's settings, and names the nearest right key for a wrong one.
pub(crate) fn settings<T: DeserializeOwned + Default>(place: &str, config: Option<&Value>) -> Result<T, Error> {
    let Some(config) = config else { return Ok(T::default()) };
    T::deserialize(config).map_err(|error| Error::config(format!("{place}: config: {}", explain_message(&error.to_string()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chat_prompts_in_json_keep_their_roles() {
        assert_eq!(messages_of(r#"[{"role":"system","content":"x"}]"#).len(), 1);
        assert_eq!(messages_of("[1, 2]")[0]["content"], "[1, 2]");
    }
}
