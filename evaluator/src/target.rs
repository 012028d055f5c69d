//! Where a suite's answers come from.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::chat::{CallError, Chat, Connector, Request, Usage};
use crate::dataset::{Dataset, Vars};
use crate::error::Error;
use crate::keys::unknown;
use crate::spec::ModelSpec;
use crate::template::{Env, show};

/// Where answers come from.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// A column of the dataset: the answers were recorded before.
    Dataset(String),
    /// A model behind an endpoint; nothing where none is configured.
    Chat(Option<Arc<Chat>>),
    /// A command that reads the prompt from its standard input and writes the answer to its standard output.
    Exec(Vec<String>),
    /// The prompt itself.
    Echo,
}

/// An answer, with what it took.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub output: String,
    pub latency_ms: Option<f64>,
    pub usage: Usage,
}

/// Limits of a command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub timeout: Duration,
    pub bytes_max: usize,
}

impl Target {
    /// Reads a provider's id.
    pub(crate) fn parse(id: &str, settings: &ModelSpec, dataset: &Dataset, connector: &Connector, env: Env<'_>) -> Result<Self, Error> {
        let place = format!("provider {id:?}");
        if id == "echo" {
            return Ok(Self::Echo);
        }
        if let Some(column) = id.strip_prefix("dataset:") {
            dataset.expect_column(&place, column)?;
            return Ok(Self::Dataset(column.to_owned()));
        }
        if let Some(model) = id.strip_prefix("openai:chat:").or_else(|| id.strip_prefix("openai:")).filter(|model| !model.is_empty()) {
            return Ok(Self::Chat(connector.chat(model, settings, env)?));
        }
        if let Some(command) = id.strip_prefix("exec:") {
            let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
            return if words.is_empty() { Err(Error::config(format!("{place}: a command is missing"))) } else { Ok(Self::Exec(words)) };
        }
        let kind = id.split(':').next().unwrap_or_default();
        Err(Error::config(unknown("provider", kind, &["dataset:<column>", "openai:chat:<model>", "exec:<command>", "echo"])))
    }

    /// Whether the target reads a prompt.
    pub(crate) fn needs_prompt(&self) -> bool {
        !matches!(self, Target::Dataset(_))
    }

    /// The columns that hold what the target answers, which are no part of the case.
    pub(crate) fn answer_column(&self) -> Option<&str> {
        match self {
            Target::Dataset(column) => Some(column),
            _ => None,
        }
    }

    /// Answers one case; a failure is a sentence for the report.
    pub(crate) async fn answer(&self, vars: &Vars, prompt: &str, repeat: u32, limits: Limits) -> Result<Answer, String> {
        match self {
            Target::Dataset(column) => match vars.get(column) {
                None | Some(Value::Null) => Err(format!("the case has no recorded answer in column {column:?}")),
                Some(value) => Ok(Answer { output: show(value), latency_ms: None, usage: Usage::default() }),
            },
            Target::Chat(None) => Err(CallError::NotConfigured.to_string()),
            Target::Chat(Some(chat)) => {
                let seed = (repeat > 0).then(|| i64::from(repeat));
                let request = Request { messages: messages_of(prompt), seed, response_format: None, temperature: None };
                let completion = chat.complete(&request).await.map_err(|error| error.to_string())?;
                Ok(Answer { output: completion.text, latency_ms: Some(completion.latency_ms), usage: completion.usage })
            }
            Target::Exec(command) => run(command, prompt, limits).await,
            Target::Echo => Ok(Answer { output: prompt.to_owned(), latency_ms: None, usage: Usage::default() }),
        }
    }
}

/// A prompt that is a JSON list of messages is sent as it is, any other as the user's message.
fn messages_of(prompt: &str) -> Vec<Value> {
    match serde_json::from_str(prompt) {
        Ok(Value::Array(messages)) if !messages.is_empty() && messages.iter().all(|message| message.get("role").is_some()) => messages,
        _ => vec![json!({"role": "user", "content": prompt})],
    }
}

async fn run(command: &[String], prompt: &str, limits: Limits) -> Result<Answer, String> {
    let begun = Instant::now();
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("cannot start {}: {error}", command[0]))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let talk = async {
        let write = async {
            if let Some(mut stdin) = stdin {
                // A command that does not read its input closes the pipe; its answer counts all the same.
                let _ = stdin.write_all(prompt.as_bytes()).await;
            }
        };
        let read = async {
            let mut bytes = Vec::new();
            if let Some(stdout) = stdout {
                let limit = u64::try_from(limits.bytes_max).unwrap_or(u64::MAX);
                stdout.take(limit + 1).read_to_end(&mut bytes).await.map_err(|error| error.to_string())?;
            }
            Ok::<_, String>(bytes)
        };
        let ((), bytes) = tokio::join!(write, read);
        let bytes = bytes?;
        if bytes.len() > limits.bytes_max {
            return Err(format!("{} wrote more than {} bytes", command[0], limits.bytes_max));
        }
        let status = child.wait().await.map_err(|error| error.to_string())?;
        if status.success() { Ok(bytes) } else { Err(format!("{} ended with {status}", command[0])) }
    };
    let bytes = tokio::time::timeout(limits.timeout, talk).await.map_err(|_| format!("{} did not end in {:?}", command[0], limits.timeout))??;
    let output = String::from_utf8(bytes).map_err(|_| format!("{} wrote what is not UTF-8", command[0]))?;
    let latency_ms = Some(begun.elapsed().as_secs_f64() * 1e3);
    Ok(Answer { output: output.strip_suffix('\n').unwrap_or(&output).to_owned(), latency_ms, usage: Usage::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(seconds: u64) -> Limits {
        Limits { timeout: Duration::from_secs(seconds), bytes_max: 1000 }
    }

    async fn exec(command: &str, limits: Limits) -> Result<String, String> {
        let target = Target::Exec(command.split('|').map(str::to_owned).collect());
        target.answer(&Vars::new(), "what?", 0, limits).await.map(|answer| answer.output)
    }

    #[tokio::test]
    async fn commands_answer_from_their_input() {
        assert_eq!(exec("cat", limits(10)).await.unwrap(), "what?");
        assert_eq!(exec("sh|-c|echo no input needed", limits(10)).await.unwrap(), "no input needed");
        assert_eq!(exec("sh|-c|exit 3", limits(10)).await.unwrap_err(), "sh ended with exit status: 3");
        assert!(exec("no-such-command-here", limits(10)).await.unwrap_err().starts_with("cannot start"));
        assert!(exec("sh|-c|yes", limits(10)).await.unwrap_err().contains("more than 1000 bytes"));
        assert!(exec("sleep|60", limits(0)).await.unwrap_err().contains("did not end"));
    }

    #[test]
    fn chat_prompts_in_json_keep_their_roles() {
        assert_eq!(messages_of(r#"[{"role":"system","content":"x"}]"#).len(), 1);
        assert_eq!(messages_of("[1, 2]")[0]["content"], "[1, 2]");
    }
}
