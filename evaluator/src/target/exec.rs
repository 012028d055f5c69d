//! A command that answers.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::error::Error;
use crate::target::{Answer, Ask, Limits};

/// Settings of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(crate) struct ExecSpec {
    /// Milliseconds that an answer may take.
    timeout_ms: Option<u64>,
}

/// A command, started once for every answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exec {
    words: Vec<String>,
    hands: Hands,
    spec: ExecSpec,
    /// Directory that it runs in: the suite's.
    directory: PathBuf,
}

/// How the command is handed the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hands {
    /// `exec:`, promptfoo's way: as arguments the prompt, the provider's options and the context, both JSON. The input is the prompt, too.
    Arguments,
    /// `command:`: on standard input.
    Input,
}

impl Exec {
    pub(crate) fn with_arguments(place: &str, command: &str, spec: ExecSpec, directory: &Path) -> Result<Self, Error> {
        Self::new(place, command, Hands::Arguments, spec, directory)
    }

    pub(crate) fn with_input(place: &str, command: &str, spec: ExecSpec, directory: &Path) -> Result<Self, Error> {
        Self::new(place, command, Hands::Input, spec, directory)
    }

    fn new(place: &str, command: &str, hands: Hands, spec: ExecSpec, directory: &Path) -> Result<Self, Error> {
        let words = words(command);
        if words.is_empty() {
            Err(Error::config(format!("{place}: a command is missing")))
        } else {
            Ok(Self { words, hands, spec, directory: directory.to_owned() })
        }
    }

    /// Runs the command; its output, without the white space around it, is the answer.
    pub(crate) async fn answer(&self, ask: &Ask<'_>, limits: Limits) -> Result<Answer, String> {
        let begun = Instant::now();
        let timeout = self.spec.timeout_ms.map_or(limits.timeout, Duration::from_millis);
        let output = tokio::time::timeout(timeout, self.run(ask, limits.bytes_max))
            .await
            .map_err(|_| format!("{} did not end in {timeout:?}", self.words[0]))??;
        let output = String::from_utf8(output).map_err(|_| format!("{} wrote what is not UTF-8", self.words[0]))?;
        Ok(Answer {
            output: Value::String(without_colours(output.trim())),
            latency_ms: Some(begun.elapsed().as_secs_f64() * 1e3),
            trace_id: ask.trace_id(),
            ..Answer::default()
        })
    }

    async fn run(&self, ask: &Ask<'_>, bytes_max: usize) -> Result<Vec<u8>, String> {
        let name = &self.words[0];
        let mut command = Command::new(name);
        command.args(&self.words[1..]).current_dir(&self.directory).env("TRACEPARENT", ask.traceparent);
        if self.hands == Hands::Arguments {
            command.arg(ask.prompt).arg("{}").arg(json!({"vars": ask.vars, "repeatIndex": ask.repeat}).to_string());
        }
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot start {name}: {error}"))?;
        let mut group = Group(child.id());
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let write = async {
            if let Some(mut stdin) = stdin {
                // A command that does not read its input closes the pipe; its answer counts all the same.
                let _ = stdin.write_all(ask.prompt.as_bytes()).await;
            }
        };
        let ((), output, errors) = tokio::join!(write, read(stdout, bytes_max), read(stderr, bytes_max));
        let output = output.map_err(|error| format!("{name}: {error}"))?;
        let status = child.wait().await.map_err(|error| error.to_string())?;
        group.0 = None;
        let said = || {
            errors.ok().map(|errors| String::from_utf8_lossy(&errors).trim().chars().take(500).collect::<String>()).filter(|text| !text.is_empty())
        };
        if !status.success() {
            return Err(format!("{name} ended with {status}{}", said().map_or(String::new(), |said| format!(": {said}"))));
        }
        match said() {
            Some(said) if output.iter().all(u8::is_ascii_whitespace) => Err(format!("{name} said: {said}")),
            _ => Ok(output),
        }
    }
}

/// The processes of a command that has not ended: whatever it started goes with it when it is given up.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let Some(leader) = self.0.filter(|_| cfg!(unix)) else { return };
        let kill = format!("kill -s KILL -- -{leader}");
        let quiet = std::process::Command::new("sh").args(["-c", &kill]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if let Err(error) = quiet {
            tracing::warn!(leader, %error, "could not end what a command started");
        }
    }
}

/// Reads a pipe to its end, and refuses what is longer than it may be.
async fn read(pipe: Option<impl AsyncRead + Unpin>, bytes_max: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
        pipe.take(limit.saturating_add(1)).read_to_end(&mut bytes).await.map_err(|error| error.to_string())?;
    }
    if bytes.len() > bytes_max { Err(format!("more than {bytes_max} bytes were written")) } else { Ok(bytes) }
}

/// Splits a command at white space; quotes keep words together.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut rest) = (Vec::new(), command.trim_start());
    while let Some(first) = rest.chars().next() {
        let quoted = ['"', '\''].contains(&first).then(|| rest[1..].find(first)).flatten();
        let (word, after) = match quoted {
            Some(end) => (&rest[1..=end], &rest[end + 2..]),
            None => {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                rest.split_at(end)
            }
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}

/// Cuts out the codes that colour a terminal.
fn without_colours(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\u{1b}' {
            out.push(c);
            continue;
        }
        if chars.clone().next() == Some('[') {
            chars.by_ref().skip(1).find(|c| ('@'..='~').contains(c));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::archive::Archive;
    use crate::dataset::Vars;

    async fn answer(exec: Result<Exec, Error>, seconds: u64) -> Result<String, String> {
        let limits = Limits { timeout: Duration::from_secs(seconds), bytes_max: 1000 };
        let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let ask = Ask { vars: &Vars::new(), prompt: "what?", repeat: 0, traceparent, wants_log_probs: false, archive: Archive::Nowhere };
        exec.unwrap().answer(&ask, limits).await.map(|answer| crate::js::coerce(&answer.output))
    }

    #[tokio::test]
    async fn commands_answer_from_their_input() {
        let run = |command: &'static str, seconds: u64| answer(Exec::with_input("x", command, ExecSpec::default(), Path::new(".")), seconds);
        assert_eq!(run("cat", 10).await.unwrap(), "what?");
        assert_eq!(run("sh -c 'echo no input needed'", 10).await.unwrap(), "no input needed");
        assert_eq!(run("sh -c 'echo $TRACEPARENT'", 10).await.unwrap(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        assert_eq!(run("sh -c 'echo broken >&2; exit 3'", 10).await.unwrap_err(), "sh ended with exit status: 3: broken");
        assert!(run("no-such-command-here", 10).await.unwrap_err().starts_with("cannot start"));
        assert!(run("sh -c yes", 10).await.unwrap_err().contains("more than 1000 bytes"));
        assert!(run("sleep 60", 0).await.unwrap_err().contains("did not end"));
    }

    #[tokio::test]
    async fn commands_answer_from_their_arguments() {
        assert_eq!(answer(Exec::with_arguments("x", "sh -c 'echo got $0'", ExecSpec::default(), Path::new(".")), 10).await.unwrap(), "got what?");
        assert_eq!(without_colours("\u{1b}[31mred\u{1b}[0m"), "red");
    }

    /// What a command started in the background ends with it: else a run of hanging commands fills the machine.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_command_that_is_given_up_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let spec = ExecSpec { timeout_ms: Some(2_000) };
        let error = answer(Exec::with_input("x", "sh -c 'sleep 600 & echo $! > started; wait'", spec, dir.path()), 60).await.unwrap_err();
        assert!(error.contains("did not end in 2s"), "{error}");
        let started = std::fs::read_to_string(dir.path().join("started")).unwrap();
        let stat = std::path::PathBuf::from(format!("/proc/{}/stat", started.trim()));
        // Who has been killed is gone, or a zombie until its new parent looks.
        let is_gone = || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z") || stat.contains(") X"));
        let begun = Instant::now();
        while !is_gone() && begun.elapsed() < Duration::from_secs(10) {
            tokio::task::yield_now().await;
        }
        assert!(is_gone(), "{}", std::fs::read_to_string(&stat).unwrap_or_default());
    }
}
