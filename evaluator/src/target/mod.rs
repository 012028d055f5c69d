//! Where a suite's answers come from; a file a kind.

mod chat;
mod exec;
mod http;
mod select;
mod told;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::archive::Archive;
#[cfg(feature = "bedrock")]
use crate::bedrock::Model as Bedrock;
use crate::chat::{ChatSpec, Connector, Usage};
use crate::dataset::{Dataset, Vars};
use crate::error::Error;
use crate::files::Files;
use crate::keys::{explain_message, nearest, unknown};
use crate::template::Env;

use chat::{Model, with_files};
use exec::Exec;
use http::Http;
use select::Select;

/// Settings of `echo`: promptfoo's pause between calls, which who asks nobody has no need of.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct EchoSpec {
    #[serde(rename = "delay")]
    _delay: Option<f64>,
}

/// Where answers come from.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// A column of the dataset: the answers were recorded before.
    Dataset(String),
    /// A model behind an endpoint.
    Chat(Model),
    /// A model on Amazon Bedrock.
    #[cfg(feature = "bedrock")]
    Bedrock(Arc<Bedrock>),
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
    /// The tools that the model was given, as its endpoint has them.
    pub tools: Option<Arc<Value>>,
    /// Trace of the call, in the target's own telemetry.
    pub trace_id: Option<String>,
    /// What a recorded answer once cost, in dollars; this run does not pay it.
    pub recorded_cost_usd: Option<f64>,
}

/// Limits of one call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub timeout: Duration,
    pub bytes_max: usize,
}

/// What a target is asked.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub vars: &'a Vars,
    pub prompt: &'a str,
    pub repeat: u32,
    /// W3C trace context of the call, so that the target's spans can be found again.
    pub traceparent: &'a str,
    /// Whether a check reads the probabilities of the answer's tokens.
    pub wants_log_probs: bool,
    /// Where a SELECT is asked.
    pub archive: Archive<'a>,
}

impl Ask<'_> {
    /// The trace that the target is asked in.
    pub(crate) fn trace_id(&self) -> Option<String> {
        trace_id_in(self.traceparent)
    }
}

/// The trace's id in a W3C trace context.
fn trace_id_in(traceparent: &str) -> Option<String> {
    traceparent.split('-').nth(1).map(str::to_owned)
}

/// Providers that promptfoo knows by their first word, beside its own.
const ELSEWHERE: [&str; 11] =
    ["python", "file", "package", "anthropic", "azure", "ollama", "vertex", "mistral", "webhook", "promptfoo", "javascript"];

/// What promptfoo asks of OpenAI by other ways than chat completions.
const OF_OPENAI_ELSEWHERE: [&str; 10] =
    ["responses", "completion", "embedding", "embeddings", "realtime", "assistant", "image", "moderation", "transcription", "tts"];

const KINDS: [&str; 9] = [
    "dataset:<column>",
    "sql:<select>",
    "openai:chat:<model>",
    "bedrock:<model>",
    "http(s)://<address>",
    "http",
    "exec:<command>",
    "command:<command>",
    "echo",
];

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
            let _: EchoSpec = settings(&place, config)?;
            return Ok(Self::Echo);
        }
        if let Some(column) = id.strip_prefix("dataset:") {
            dataset.expect_column(&place, column)?;
            return Ok(Self::Dataset(column.to_owned()));
        }
        if id == "sql" || id.starts_with("sql:") {
            return Select::new(&place, id.strip_prefix("sql:"), settings(&place, config)?, dataset).map(Self::Select);
        }
        if let Some(model) = id.strip_prefix("openai:").filter(|model| !model.is_empty()) {
            let files = Files::beside(&directory.join("suite.yaml"));
            return Self::of_openai(&place, model, config, &files, connector, env);
        }
        if let Some(model) = id.strip_prefix("bedrock:") {
            return Self::on_bedrock(&place, model, config, connector);
        }
        if let Some(command) = id.strip_prefix("exec:") {
            return Exec::with_arguments(&place, command, settings(&place, config)?, directory).map(Self::Exec);
        }
        if let Some(command) = id.strip_prefix("command:") {
            return Exec::with_input(&place, command, settings(&place, config)?, directory).map(Self::Exec);
        }
        if id == "http" || id == "https" || id.starts_with("http://") || id.starts_with("https://") {
            return Http::new(&place, id, settings(&place, config)?, connector, env).map(|http| Self::Http(Arc::new(http)));
        }
        let kind = id.split(':').next().unwrap_or_default();
        if ELSEWHERE.contains(&kind) {
            return Ok(Self::Unknown(format!("{place} does not run here; ask it over HTTP or as a command")));
        }
        // The form of the one whose first word was meant.
        let head = |form: &&'static str| form.split([':', '(']).next().unwrap_or(form);
        let meant = nearest(kind, KINDS.iter().map(head)).and_then(|near| KINDS.iter().find(|form| head(form) == near));
        Err(Error::config(match meant {
            Some(form) => format!("unknown provider {kind:?}; did you mean {form:?}?"),
            None => unknown("provider", kind, &KINDS),
        }))
    }

    fn of_openai(place: &str, model: &str, config: Option<&Value>, files: &Files, connector: &Connector, env: Env<'_>) -> Result<Self, Error> {
        if let Some((kind, _)) = model.split_once(':').filter(|(kind, _)| OF_OPENAI_ELSEWHERE.contains(kind)) {
            return Ok(Self::Unknown(format!("{place}: OpenAI's {kind} does not run here; write openai:chat:<model>")));
        }
        let config = config.map(|config| with_files(place, config, files)).transpose()?;
        let spec = ChatSpec::read(place, config.as_ref())?;
        if let Some(key) = spec.code() {
            return Ok(Self::Unknown(format!("{place}: config: {key} is code that does not run here; leave it out, and check the calls themselves")));
        }
        Ok(Self::Chat(Model::new(model.strip_prefix("chat:").unwrap_or(model), spec, connector, env)?))
    }

    #[cfg(feature = "bedrock")]
    fn on_bedrock(place: &str, model: &str, config: Option<&Value>, connector: &Connector) -> Result<Self, Error> {
        Ok(match crate::bedrock::model_id(model) {
            Some(model) => Self::Bedrock(Arc::new(Bedrock::new(place, model, config, connector)?)),
            None => Self::Unknown(format!("{place}: of Bedrock, models alone run here, by Converse: write bedrock:<model>")),
        })
    }

    #[cfg(not(feature = "bedrock"))]
    fn on_bedrock(place: &str, _: &str, _: Option<&Value>, _: &Connector) -> Result<Self, Error> {
        Ok(Self::Unknown(format!("{place}: this karat was built without the feature `bedrock`; ask the model over an OpenAI-compatible gateway")))
    }

    /// What in the target's settings is probably misspelled.
    pub(crate) fn doubts(&self) -> &[String] {
        match self {
            Target::Chat(model) => &model.doubts,
            _ => &[],
        }
    }

    /// Whether the target is a model with settings.
    pub(crate) fn is_model(&self) -> bool {
        match self {
            Target::Chat(_) => true,
            #[cfg(feature = "bedrock")]
            Target::Bedrock(_) => true,
            _ => false,
        }
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
            Target::Chat(model) => model.answer(ask).await,
            #[cfg(feature = "bedrock")]
            Target::Bedrock(model) => model.answer(ask).await,
            Target::Exec(command) => command.answer(ask, limits).await,
            Target::Http(app) => app.answer(ask, limits).await,
            Target::Select(select) => select.answer(ask, limits).await,
            Target::Echo => Ok(Answer { output: Value::String(ask.prompt.to_owned()), latency_ms: Some(0.0), ..Answer::default() }),
            Target::Unknown(why) => Err(why.clone()),
        }
    }
}

/// Columns with what is recorded about an answer beside it.
pub(crate) const RECORDED: [&str; 9] =
    ["latency_ms", "duration_ns", "finish_reason", "trace_id", "span_id", "input_tokens", "output_tokens", "cost_usd", "cost_nanousd"];

/// An answer that stands in the dataset, with what else is recorded about it under the names that production spans use.
fn recorded(value: &Value, vars: &Vars) -> Answer {
    let number = |key: &str| vars.get(key).and_then(Value::as_f64);
    let text = |key: &str| vars.get(key).and_then(Value::as_str).map(str::to_owned);
    let count = |key: &str| vars.get(key).and_then(|count| count.as_i64().or_else(|| count.as_str()?.trim().parse().ok()));
    Answer {
        output: value.clone(),
        usage: Usage { input_tokens: count("input_tokens"), output_tokens: count("output_tokens"), ..Usage::default() },
        recorded_cost_usd: number("cost_usd").or_else(|| count("cost_nanousd").map(|cost| cost as f64 / 1e9)),
        latency_ms: number("latency_ms").or_else(|| number("duration_ns").map(|ns| ns / 1e6)),
        finish_reason: text("finish_reason"),
        trace_id: text("trace_id"),
        ..Answer::default()
    }
}

/// A prompt that is a JSON list of messages is sent as it is, any other as the user's message.
pub(crate) fn messages_of(prompt: &str) -> Vec<Value> {
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

    #[test]
    fn settings_that_nobody_reads_are_refused() {
        let told = |error: Error| error.to_string();
        let exec = settings::<exec::ExecSpec>("provider \"exec:x\"", Some(&json!({"timeoutMS": 5})));
        assert!(exec.map_err(told).unwrap_err().contains("did you mean \"timeoutMs\"?"));
        assert!(settings::<EchoSpec>("provider \"echo\"", Some(&json!({"delay": 100}))).is_ok());
        let echo = settings::<EchoSpec>("provider \"echo\"", Some(&json!({"dealy": 100})));
        assert!(echo.map_err(told).unwrap_err().contains("\"dealy\""));
    }
}
