//! The trace of an answer, and the steps of an agent that it tells of.

use serde::Deserialize;
use serde_json::{Map, Value};
use store::Param;

use crate::archive::Archive;
use crate::error::Error;

/// A span, as much of it as checks look at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Span {
    pub name: String,
    pub start_ms: f64,
    pub end_ms: Option<f64>,
    pub failed: bool,
    pub status_message: Option<String>,
    pub attributes: Map<String, Value>,
}

impl Span {
    /// Whether the span failed, by its status or by what promptfoo takes for a failure.
    pub(crate) fn is_error(&self) -> bool {
        let attribute = |key: &str| self.attributes.get(key);
        let flagged = ["error", "exception", "failed", "failure"].iter().any(|key| match attribute(key) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => text == "true",
            Some(Value::Object(_) | Value::Array(_)) => true,
            _ => false,
        });
        let code = attribute("http.status_code").and_then(|code| code.as_f64().or_else(|| code.as_str()?.parse().ok()));
        let said = ["otel.status_code", "status.code"].iter().any(|key| attribute(key).and_then(Value::as_str) == Some("ERROR"));
        let message = self.status_message.as_deref().unwrap_or_default().to_lowercase();
        let words = ["error", "failed", "failure", "exception", "timeout", "abort"];
        self.failed || flagged || code.is_some_and(|code| code >= 400.0) || said || words.iter().any(|word| message.contains(word))
    }
}

/// A row of `spans.sql`.
#[derive(Deserialize)]
struct Row {
    name: String,
    start_unix_nano: i64,
    duration_ns: Option<i64>,
    status: Option<String>,
    status_message: Option<String>,
    tool_name: Option<String>,
    tool_arguments: Option<String>,
    attributes: Option<String>,
}

/// The spans of a trace that is kept here; nothing where it has none.
pub(crate) async fn load(archive: Archive<'_>, trace_id: &str) -> Result<Option<Vec<Span>>, Error> {
    /// Spans of a trace that are looked at.
    const SPANS_MAX: usize = 10_000;
    let params = vec![("trace_id".to_owned(), Param::Text(trace_id.to_owned()))];
    let rows: Vec<Row> = archive.query("a trace", include_str!("spans.sql"), params, SPANS_MAX).await?.rows()?;
    let spans: Vec<Span> = rows.into_iter().map(Span::from).collect();
    Ok((!spans.is_empty()).then_some(spans))
}

impl From<Row> for Span {
    fn from(row: Row) -> Self {
        let mut attributes = row.attributes.and_then(|text| serde_json::from_str::<Map<String, Value>>(&text).ok()).unwrap_or_default();
        // What karat made columns of goes by OpenTelemetry's names.
        let columns = [("gen_ai.tool.name", row.tool_name), ("gen_ai.tool.call.arguments", row.tool_arguments)];
        attributes.extend(columns.into_iter().filter_map(|(key, value)| Some((key.to_owned(), Value::String(value?)))));
        let start_ms = row.start_unix_nano as f64 / 1e6;
        Self {
            name: row.name,
            start_ms,
            end_ms: row.duration_ns.map(|duration| start_ms + duration as f64 / 1e6),
            failed: row.status.as_deref() == Some("error"),
            status_message: row.status_message,
            attributes,
        }
    }
}

/// One step of an agent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    /// `tool`, `command`, `search`, `reasoning`, `message` or `span`.
    pub kind: &'static str,
    pub name: String,
    /// Every name that the step goes by.
    pub aliases: Vec<String>,
    pub args: Option<Value>,
}

/// The steps of a trace, in the order of their beginning.
pub(crate) fn steps(spans: &[Span]) -> Vec<Step> {
    let mut sorted: Vec<&Span> = spans.iter().collect();
    sorted.sort_by(|a, b| {
        (a.start_ms, a.end_ms.unwrap_or(a.start_ms)).partial_cmp(&(b.start_ms, b.end_ms.unwrap_or(b.start_ms))).unwrap_or(std::cmp::Ordering::Equal)
    });
    sorted.into_iter().map(step).collect()
}

fn step(span: &Span) -> Step {
    let tool = tool_name(span);
    let args = tool_args(span);
    let is_shell = tool.as_deref().is_some_and(|name| ["exec_command", "local_shell", "shell"].contains(&name.trim().to_lowercase().as_str()));
    let command = command(span, if is_shell { args.as_ref() } else { None });
    let search = first_text(span, &["codex.search.query", "search.query", "search_query"]);
    let (kind, name) = match (tool.clone(), command, search) {
        (Some(_), Some(command), _) if is_shell => ("command", command),
        (Some(tool), _, _) => ("tool", tool),
        (None, Some(command), _) => ("command", command),
        (None, None, Some(query)) => ("search", query),
        _ if span.name.to_lowercase().starts_with("reasoning") => ("reasoning", span.name.clone()),
        _ if span.name == "agent response" || span.name == "send input" => ("message", span.name.clone()),
        _ => ("span", span.name.clone()),
    };
    let mut aliases = vec![span.name.clone(), name.clone()];
    match kind {
        "command" => {
            aliases.extend(tool);
            aliases.extend(name.split_whitespace().next().map(str::to_owned));
        }
        "reasoning" | "message" => aliases.push(kind.to_owned()),
        _ => {}
    }
    aliases.dedup();
    Step { kind, name, aliases, args: args.filter(|_| matches!(kind, "tool" | "command")) }
}

fn first_text(span: &Span, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| span.attributes.get(*key)?.as_str()).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn tool_name(span: &Span) -> Option<String> {
    first_text(span, &TOOL_NAME_KEYS)
}

fn tool_args(span: &Span) -> Option<Value> {
    TOOL_ARGUMENT_KEYS.iter().find_map(|key| match span.attributes.get(*key)? {
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.trim().to_owned()))),
        Value::Null => None,
        other => Some(other.clone()),
    })
}

/// Attributes that name a tool, in promptfoo's order.
const TOOL_NAME_KEYS: [&str; 12] = [
    "tool.name",
    "tool_name",
    "tool",
    "function.name",
    "function_name",
    "ai.toolCall.name",
    "gen_ai.tool.name",
    "agent.tool_name",
    "agent.tool",
    "agent.toolName",
    "codex.mcp.tool",
    "mcp.tool.name",
];

/// Attributes that hold a tool's arguments, in promptfoo's order.
const TOOL_ARGUMENT_KEYS: [&str; 27] = [
    "tool.args",
    "tool.arguments",
    "tool.input",
    "tool_args",
    "tool_arguments",
    "tool_input",
    "function.args",
    "function.arguments",
    "function.input",
    "function_args",
    "function_arguments",
    "ai.toolCall.args",
    "ai.toolCall.arguments",
    "ai.toolCall.input",
    "gen_ai.tool.args",
    "gen_ai.tool.arguments",
    "gen_ai.tool.input",
    "gen_ai.tool.call.args",
    "gen_ai.tool.call.arguments",
    "agent.tool.args",
    "agent.tool.arguments",
    "agent.tool.input",
    "codex.mcp.args",
    "codex.mcp.arguments",
    "args",
    "arguments",
    "input",
];

fn command(span: &Span, shell_args: Option<&Value>) -> Option<String> {
    let named = first_text(span, &["codex.command", "command", "command.name", "command_name"]);
    let given = || {
        let args = shell_args?;
        match args.get("cmd").or_else(|| args.get("command")).or_else(|| args.get("commands"))? {
            Value::String(text) => Some(text.trim().to_owned()),
            Value::Array(words) => Some(words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")),
            _ => None,
        }
    };
    named.or_else(given).filter(|text| !text.is_empty()).or_else(|| span.name.strip_prefix("exec ").map(|text| text.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn spans_become_steps_in_order() {
        let span = |name: &str, start_ms: f64, attributes: Value| Span {
            name: name.to_owned(),
            start_ms,
            end_ms: None,
            failed: false,
            status_message: None,
            attributes: attributes.as_object().cloned().unwrap_or_default(),
        };
        let spans = [
            span("execute_tool", 2.0, json!({"gen_ai.tool.name": "refund", "gen_ai.tool.call.arguments": "{\"id\": 1}"})),
            span("chat", 1.0, json!({})),
            span("x", 3.0, json!({"tool.name": "shell", "tool.arguments": {"cmd": "ls -l"}})),
        ];
        let steps = steps(&spans);
        let told: Vec<(&str, &str)> = steps.iter().map(|step| (step.kind, step.name.as_str())).collect();
        assert_eq!(told, [("span", "chat"), ("tool", "refund"), ("command", "ls -l")]);
        assert_eq!(steps[1].args, Some(json!({"id": 1})));
        assert!(span("x", 0.0, json!({"http.status_code": 500})).is_error());
    }
}
