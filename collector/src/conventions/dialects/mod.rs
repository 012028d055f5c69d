//! What the general families cannot know, one file a dialect.

mod bedrock;
mod claude_code;
mod crewai;
mod google_adk;
mod litellm;
mod llama_index;
mod logfire;
mod openai_agents;
mod openlit;

use super::gather::Gathered;
use super::span::SpanInput;

/// A span that the general families have read into its row.
pub(super) struct Seen<'s, 'a> {
    /// The span as it came.
    pub input: &'s SpanInput<'a>,
    /// Its attributes, with their meanings.
    pub gathered: &'s Gathered<'a>,
    /// Name of its scope, or nothing.
    pub scope: &'s str,
}

/// One dialect's own file.
struct Dialect {
    name: &'static str,
    speaks: fn(&Seen<'_, '_>) -> bool,
    refine: fn(&Seen<'_, '_>, &mut schema::Span),
}

const DIALECTS: &[Dialect] = &[
    Dialect { name: "bedrock", speaks: bedrock::speaks, refine: bedrock::refine },
    Dialect { name: "claude-code", speaks: claude_code::speaks, refine: claude_code::refine },
    Dialect { name: "crewai", speaks: crewai::speaks, refine: crewai::refine },
    Dialect { name: "google-adk", speaks: google_adk::speaks, refine: google_adk::refine },
    Dialect { name: "litellm", speaks: litellm::speaks, refine: litellm::refine },
    Dialect { name: "llama-index", speaks: llama_index::speaks, refine: llama_index::refine },
    Dialect { name: "logfire", speaks: logfire::speaks, refine: logfire::refine },
    Dialect { name: "openai-agents", speaks: openai_agents::speaks, refine: openai_agents::refine },
    Dialect { name: "openlit", speaks: openlit::speaks, refine: openlit::refine },
];

/// Lets the files of the span's dialects correct its row; `disabled` names one that is switched off, `*` all.
pub(super) fn refine(seen: &Seen<'_, '_>, disabled: Option<&str>, row: &mut schema::Span) {
    if disabled == Some("*") {
        return;
    }
    for dialect in DIALECTS.iter().filter(|dialect| disabled != Some(dialect.name)) {
        if (dialect.speaks)(seen) {
            (dialect.refine)(seen, row);
        }
    }
}

/// Botocore sends the answers of tools twice: as tools' messages, and again as a user's.
pub(super) fn repeats_tools(scope: Option<&str>, event: &str, row: &schema::LogRecord) -> bool {
    scope.is_some_and(|scope| scope.contains("botocore"))
        && event == "gen_ai.user.message"
        && row.input_messages.as_deref().is_some_and(|messages| messages.contains("\"tool_call_response\"") && !messages.contains("\"text\""))
}
