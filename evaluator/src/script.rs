//! Code in a suite, run by the interpreter that is installed: JavaScript by node, Python by python3.
//!
//! A suite is as trusted as the commands that it names; what it is run on is handed over as data, on standard input.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::checks::{Outcome, Subject, Verdict};
use crate::dataset::Vars;
use crate::template::render;

/// An assertion in code, as promptfoo's `javascript` and `python` have it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Script {
    pub language: Language,
    pub code: String,
    pub inverse: bool,
    pub threshold: Option<f64>,
}

/// What an interpreter speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    JavaScript,
    Python,
}

/// Why code gave no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ScriptError {
    /// It could not be run at all.
    NotRun(String),
    /// It ran, and threw.
    Threw(String),
}

const JAVASCRIPT: &str = include_str!("script/run.cjs");
const PYTHON: &str = include_str!("script/run.py");

impl Script {
    pub(crate) fn signature(&self) -> String {
        match self.language {
            Language::JavaScript => "promptfoo-0.123 javascript".to_owned(),
            Language::Python => "promptfoo-0.123 python".to_owned(),
        }
    }

    /// Runs the code on an answer. What throws is a fail; what cannot be run is no verdict.
    pub(crate) async fn verdict(&self, subject: &Subject<'_>, limit: Duration) -> Verdict {
        let code = match render(&self.code, subject.vars, &BTreeMap::new()) {
            Ok(code) => code,
            Err(error) => return Verdict::failed(error),
        };
        let task = json!({"kind": "assert", "code": code, "output": subject.value, "vars": subject.vars, "prompt": subject.prompt});
        match evaluate(self.language, &task, limit).await {
            Ok(result) => self.read(&result),
            Err(ScriptError::Threw(error)) => scored(false, 0.0, format!("the code threw: {error}")),
            Err(ScriptError::NotRun(error)) => Verdict::failed(error),
        }
    }

    /// A boolean, a score, or `{pass, score, reason}`.
    fn read(&self, result: &Value) -> Verdict {
        let told = |pass: bool| if pass { String::new() } else { format!("the code returned {result}") };
        match result {
            Value::Bool(flag) => {
                let pass = *flag != self.inverse;
                scored(pass, if pass { 1.0 } else { 0.0 }, told(pass))
            }
            Value::Number(number) => {
                let score = number.as_f64().unwrap_or_default();
                let pass = self.threshold.map_or(score > 0.0, |threshold| score >= threshold) != self.inverse;
                scored(pass, score, told(pass))
            }
            Value::Object(fields) if fields.get("pass").is_some_and(Value::is_boolean) => {
                let pass = (fields.get("pass") == Some(&Value::Bool(true))) != self.inverse;
                let score = fields.get("score").and_then(Value::as_f64).unwrap_or(if pass { 1.0 } else { 0.0 });
                let reason = fields.get("reason").and_then(Value::as_str).unwrap_or_default();
                scored(pass, score, reason.to_owned())
            }
            other => scored(false, 0.0, format!("the code returned {other}, neither a boolean, a number nor {{pass, score, reason}}")),
        }
    }
}

fn scored(passed: bool, score: f64, reason: String) -> Verdict {
    Verdict { outcome: Outcome::Value, value: Some(score), passed: Some(passed), score: Some(score), label: None, reason }
}

/// Runs an expression over a value, such as a `transform`.
pub(crate) async fn transform(code: &str, name: &str, value: &Value, vars: &Vars, limit: Duration) -> Result<Value, String> {
    let task = json!({"kind": "transform", "code": code, "name": name, "output": value, "vars": vars});
    evaluate(Language::JavaScript, &task, limit).await.map_err(|error| match error {
        ScriptError::NotRun(error) => error,
        ScriptError::Threw(error) => format!("the transform threw: {error}"),
    })
}

/// Runs promptfoo's `transformResponse` over an app's response.
pub(crate) async fn response(code: &str, parsed: Option<&Value>, text: &str, vars: &Vars, limit: Duration) -> Result<Value, String> {
    let task = json!({"kind": "response", "code": code, "json": parsed, "text": text, "vars": vars});
    evaluate(Language::JavaScript, &task, limit).await.map_err(|error| match error {
        ScriptError::NotRun(error) => error,
        ScriptError::Threw(error) => format!("the transform threw: {error}"),
    })
}

/// Hands a task to the interpreter and reads what it prints, `{"value": ...}` or `{"error": ...}`.
async fn evaluate(language: Language, task: &Value, limit: Duration) -> Result<Value, ScriptError> {
    let (program, arguments) = match language {
        Language::JavaScript => ("node", ["-e", JAVASCRIPT]),
        Language::Python => ("python3", ["-c", PYTHON]),
    };
    let not_run = |error: String| ScriptError::NotRun(format!("{program} did not run this code: {error}"));
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| ScriptError::NotRun(format!("{program} is needed to run this code: {error}")))?;
    let input = task.to_string();
    let talk = async {
        if let Some(mut stdin) = child.stdin.take() {
            // An interpreter that dies closes the pipe; its exit says why.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        child.wait_with_output().await
    };
    let output = tokio::time::timeout(limit, talk).await.map_err(|_| not_run(format!("it did not end in {limit:?}")))?;
    let output = output.map_err(|error| not_run(error.to_string()))?;
    let last = String::from_utf8_lossy(&output.stdout).lines().last().map(str::to_owned).unwrap_or_default();
    let answer: Value = serde_json::from_str(&last).map_err(|_| not_run(format!("it ended with {}", output.status)))?;
    match (answer.get("value"), answer.get("error").and_then(Value::as_str)) {
        (Some(value), _) => Ok(value.clone()),
        (None, Some(error)) => Err(ScriptError::Threw(error.to_owned())),
        (None, None) => Err(not_run("it said nothing".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(result: &Value, inverse: bool, threshold: Option<f64>) -> (Option<bool>, Option<f64>) {
        let script = Script { language: Language::JavaScript, code: String::new(), inverse, threshold };
        let verdict = script.read(result);
        (verdict.passed, verdict.score)
    }

    #[test]
    fn results_are_read_as_promptfoo_reads_them() {
        assert_eq!(read(&json!(true), true, None), (Some(false), Some(0.0)));
        assert_eq!(read(&json!(0.4), false, Some(0.5)), (Some(false), Some(0.4)));
        assert_eq!(read(&json!({"pass": true, "score": 0.2, "reason": "x"}), false, None), (Some(true), Some(0.2)));
        assert_eq!(read(&json!("yes"), false, None), (Some(false), Some(0.0)));
    }
}
