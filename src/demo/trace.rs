//! A planned trace: what happened, before any convention has put it into attributes.

use std::sync::Arc;

use schema::{Micros, SpanId, TraceId};

use super::content::help::Article;
use super::models::{Failure, Model};

/// The three apps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum App {
    /// A support bot over the help centre, traced in OpenInference.
    Support,
    /// An agent with tools for the staff, traced in OpenTelemetry's GenAI conventions.
    Workshop,
    /// A summariser of telephone calls, traced in OpenTelemetry's GenAI conventions.
    Digest,
}

impl App {
    pub const ALL: [Self; 3] = [Self::Support, Self::Workshop, Self::Digest];

    /// `service.name`.
    pub fn service(self) -> &'static str {
        match self {
            Self::Support => "larkspur-support",
            Self::Workshop => "larkspur-workshop",
            Self::Digest => "larkspur-digest",
        }
    }
}

/// What sent a trace: one resource in OpenTelemetry's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Origin {
    pub app: App,
    pub environment: &'static str,
    pub version: &'static str,
}

/// A trace with its spans, the root first, in the order in which they began.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trace {
    pub id: TraceId,
    pub origin: Origin,
    pub session: Option<String>,
    pub user: String,
    pub prompt: Prompt,
    pub spans: Vec<PlannedSpan>,
    pub feedback: Option<Feedback>,
}

/// A version of a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prompt {
    pub name: &'static str,
    pub version: &'static str,
}

/// A customer's thumb under an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Feedback {
    pub at: Micros,
    pub is_good: bool,
}

/// A span: when, under which other, what.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PlannedSpan {
    pub id: SpanId,
    /// Index of the parent in the trace.
    pub parent: Option<usize>,
    pub start: Micros,
    pub end: Micros,
    pub step: Step,
    pub failure: Option<Failure>,
}

/// What a span stands for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// The root of the support bot.
    Chain { question: Arc<str>, answer: Option<Arc<str>> },
    /// An embedding of the question.
    Embed { text: Arc<str>, tokens: u64 },
    /// A search in the help centre.
    Retrieve { question: Arc<str>, documents: Arc<[Document]> },
    /// A call of a model.
    Chat(Chat),
    /// The root of the agent, which repeats the tokens of its calls, as many SDKs do.
    Agent { task: Arc<str>, answer: Option<Arc<str>>, tokens: Tokens },
    /// An HTTP request that the summariser serves.
    Request { route: &'static str },
    /// A run of a tool.
    Tool { name: &'static str, call_id: String, arguments: String, result: Option<String> },
}

/// A retrieved document.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Document {
    pub article: &'static Article,
    pub score: f64,
}

impl PartialEq for Article {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// A call of a model, as it goes when it does not fail.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chat {
    pub model: &'static Model,
    pub system: Arc<str>,
    pub messages: Vec<Message>,
    pub output: Message,
    pub finish_reason: &'static str,
    pub tokens: Tokens,
    /// Time to the first token, where the answer was streamed.
    pub ttft_micros: Option<i64>,
    pub temperature: f64,
    pub max_tokens: i64,
    pub response_id: String,
}

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Message {
    User(Arc<str>),
    Assistant(Arc<str>),
    /// Tool calls that the model asks for.
    Calls(Vec<ToolCall>),
    /// What a tool gave back.
    Result {
        call_id: String,
        content: String,
    },
}

impl Message {
    /// Returns the text for counting tokens.
    pub fn chars(&self) -> usize {
        match self {
            Self::User(text) | Self::Assistant(text) => text.len(),
            Self::Calls(calls) => calls.iter().map(|call| call.name.len() + call.arguments.len() + 20).sum(),
            Self::Result { content, .. } => content.len(),
        }
    }
}

/// A tool call that a model asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ToolCall {
    pub id: String,
    pub name: &'static str,
    pub arguments: String,
}

/// Tokens of a call; `input` and `output` are totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tokens {
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    pub reasoning: u64,
}

impl std::ops::AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        self.input += other.input;
        self.output += other.output;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
        self.reasoning += other.reasoning;
    }
}
