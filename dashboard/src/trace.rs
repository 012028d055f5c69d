//! One trace: its spans in tree order, what its model calls used and cost, and its scores.

use std::collections::{BTreeSet, HashMap};

use schema::{SpanId, TraceId};
use serde::{Deserialize, Serialize};

use crate::app::{Params, Reader};
use crate::error::Error;
use crate::tree::{Node, Place, Tree};

const SPANS: &str = include_str!("../queries/trace_spans.sql");
const CALLS: &str = include_str!("../queries/trace_calls.sql");
const VERDICTS: &str = include_str!("../queries/trace_verdicts.sql");
const VERDICTS_MAX: usize = 2_000;

/// A span without its big text: a row of `trace_spans.sql`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LightSpan {
    pub span_id: String,
    pub parent_span_id: Option<String>,
    pub start_unix_nano: i64,
    pub duration_ns: i64,
    pub ingested_us: i64,
    pub name: String,
    pub kind: String,
    pub status: String,
    pub operation: Option<String>,
    pub is_llm_call: bool,
    pub service_name: Option<String>,
    pub model: Option<String>,
    pub tool_name: Option<String>,
    pub agent_name: Option<String>,
    pub session_id: Option<String>,
    pub user_id: Option<String>,
    pub environment: Option<String>,
}

impl Node for LightSpan {
    fn id(&self) -> &str {
        &self.span_id
    }
    fn parent(&self) -> Option<&str> {
        self.parent_span_id.as_deref()
    }
    fn start_ns(&self) -> i64 {
        self.start_unix_nano
    }
    fn duration_ns(&self) -> i64 {
        self.duration_ns
    }
    fn ingested_us(&self) -> i64 {
        self.ingested_us
    }
}

/// A row of `trace_calls.sql`.
#[derive(Debug, Clone, Deserialize)]
struct CallRow {
    span_id: String,
    model: Option<String>,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    cost_nanousd: Option<i64>,
}

/// Tokens and cost, of a call or of several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Usage {
    /// Model calls.
    pub n_calls: i64,
    /// Input tokens.
    pub input_tokens: i64,
    /// Output tokens.
    pub output_tokens: i64,
    /// Cost in nano-dollars; nothing where no call could be priced.
    pub cost_nanousd: Option<i64>,
}

impl Usage {
    fn add(&mut self, call: &CallRow) {
        self.n_calls += 1;
        self.input_tokens = self.input_tokens.saturating_add(call.input_tokens.unwrap_or(0));
        self.output_tokens = self.output_tokens.saturating_add(call.output_tokens.unwrap_or(0));
        if let Some(cost) = call.cost_nanousd {
            self.cost_nanousd = Some(self.cost_nanousd.unwrap_or(0).saturating_add(cost));
        }
    }
}

/// A score of the trace or of one of its spans: a row of `trace_verdicts.sql`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Verdict {
    pub span_id: Option<String>,
    pub evaluator: String,
    pub evaluator_version: Option<String>,
    pub outcome: String,
    pub value: Option<f64>,
    pub label: Option<String>,
    pub passed: Option<bool>,
    pub reason: Option<String>,
    pub source: String,
    pub judge_model: Option<String>,
    pub time_us: i64,
}

/// What a span is, as its colour and icon tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sort {
    /// A call of a model that answers.
    Llm,
    /// A call that embeds.
    Embedding,
    /// A search for documents, or their ranking.
    Retrieval,
    /// A tool that ran.
    Tool,
    /// An agent.
    Agent,
    /// A workflow, chain or step.
    Chain,
    /// A request over the network.
    Network,
    /// Anything else.
    Step,
}

impl Sort {
    /// Every sort, in the order in which the tree's JSON numbers them.
    pub(crate) const ALL: [Sort; 8] = [Sort::Llm, Sort::Embedding, Sort::Retrieval, Sort::Tool, Sort::Agent, Sort::Chain, Sort::Network, Sort::Step];

    /// Tells what a span is from its operation and kind.
    pub(crate) fn of(operation: Option<&str>, kind: &str, is_llm_call: bool) -> Self {
        match operation {
            Some("embeddings") => Self::Embedding,
            Some("retrieval" | "rerank") => Self::Retrieval,
            Some("execute_tool") => Self::Tool,
            Some("invoke_agent" | "create_agent") => Self::Agent,
            _ if is_llm_call => Self::Llm,
            Some(_) => Self::Chain,
            None if matches!(kind, "server" | "client" | "producer" | "consumer") => Self::Network,
            None => Self::Step,
        }
    }

    /// Returns the name that classes and icons bear.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Llm => "llm",
            Self::Embedding => "embedding",
            Self::Retrieval => "retrieval",
            Self::Tool => "tool",
            Self::Agent => "agent",
            Self::Chain => "chain",
            Self::Network => "network",
            Self::Step => "step",
        }
    }

    /// Returns the name that people read.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Llm => "Model call",
            Self::Embedding => "Embeddings",
            Self::Retrieval => "Retrieval",
            Self::Tool => "Tool",
            Self::Agent => "Agent",
            Self::Chain => "Step of a workflow",
            Self::Network => "Network request",
            Self::Step => "Span",
        }
    }
}

impl LightSpan {
    /// Tells what the span is.
    pub(crate) fn sort(&self) -> Sort {
        Sort::of(self.operation.as_deref(), &self.kind, self.is_llm_call)
    }
}

/// A trace, read and put in order.
#[derive(Debug)]
pub(crate) struct Trace {
    /// Id of the trace.
    pub id: TraceId,
    /// Spans as they were read; the tree's places index them.
    pub spans: Vec<LightSpan>,
    /// The order of the spans.
    pub tree: Tree,
    /// Tokens and cost by span id, of model calls alone.
    pub calls: HashMap<String, Usage>,
    /// Their sum: each call once, whatever wraps it.
    pub usage: Usage,
    /// Models that were called.
    pub models: BTreeSet<String>,
    /// Scores.
    pub verdicts: Vec<Verdict>,
    /// Whether the trace has more spans than `trace_spans_max`.
    pub is_cut: bool,
}

impl Trace {
    /// Reads a trace; an unknown id is an error.
    pub(crate) async fn read(reader: &Reader, id: &str) -> Result<Self, Error> {
        let id = trace_id(id)?;
        let spans_max = reader.app.config.trace_spans_max;
        let params = Params::new().text("trace", &id.to_string());
        let (mut spans, calls, verdicts): (Vec<LightSpan>, Vec<CallRow>, _) = tokio::try_join!(
            reader.rows(SPANS, params.clone(), spans_max.saturating_add(1)),
            reader.rows(CALLS, params, spans_max),
            verdicts(reader, id),
        )?;
        if spans.is_empty() {
            return Err(Error::NotFound { what: "trace", id: id.to_string() });
        }
        let is_cut = spans.len() > spans_max;
        spans.truncate(spans_max);
        Ok(Self::order(id, spans, &calls, verdicts, is_cut))
    }

    fn order(id: TraceId, spans: Vec<LightSpan>, rows: &[CallRow], verdicts: Vec<Verdict>, is_cut: bool) -> Self {
        let tree = Tree::build(&spans);
        let mut usage = Usage::default();
        let mut calls: HashMap<String, Usage> = HashMap::with_capacity(rows.len());
        for call in rows {
            usage.add(call);
            calls.entry(call.span_id.clone()).or_default().add(call);
        }
        let models = rows.iter().filter_map(|call| call.model.clone()).collect();
        Self { id, spans, tree, calls, usage, models, verdicts, is_cut }
    }

    /// Returns the span at a place.
    pub(crate) fn span(&self, place: &Place) -> &LightSpan {
        &self.spans[place.span]
    }

    /// Lists the spans in tree order.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (&Place, &LightSpan)> {
        self.tree.places.iter().map(|place| (place, self.span(place)))
    }

    /// Returns the span that stands for the whole: the first root that has no missing parent, or the first there is.
    pub(crate) fn root(&self) -> Option<&LightSpan> {
        let roots = || self.in_order().filter(|(place, _)| place.depth == 0);
        roots().find(|(place, _)| !place.is_orphan && !place.is_circular).or_else(|| roots().next()).map(|(_, span)| span)
    }

    /// Returns the span that a reader wants to see first: the root where it speaks of a model, the last model call otherwise.
    pub(crate) fn opening(&self) -> Option<&LightSpan> {
        let root = self.root();
        if root.is_some_and(|root| root.operation.is_some()) {
            return root;
        }
        let calls = self.in_order().map(|(_, span)| span).filter(|span| span.sort() == Sort::Llm);
        calls.max_by_key(|span| span.start_unix_nano).or(root)
    }

    /// Counts the spans with an error.
    pub(crate) fn n_errors(&self) -> usize {
        self.in_order().filter(|(_, span)| span.status == "error").count()
    }

    /// Returns how long the trace took, in nanoseconds.
    pub(crate) fn duration_ns(&self) -> i64 {
        self.tree.end_ns.saturating_sub(self.tree.start_ns)
    }
}

/// Reads the scores of a trace and of its spans.
pub(crate) async fn verdicts(reader: &Reader, trace: TraceId) -> Result<Vec<Verdict>, Error> {
    reader.rows(VERDICTS, Params::new().text("trace", &trace.to_string()), VERDICTS_MAX).await
}

/// Reads a trace id; one that cannot be is not found.
pub(crate) fn trace_id(text: &str) -> Result<TraceId, Error> {
    text.parse().map_err(|_| Error::NotFound { what: "trace", id: text.chars().take(64).collect() })
}

/// Reads a span id; one that cannot be is not found.
pub(crate) fn span_id(text: &str) -> Result<SpanId, Error> {
    text.parse().map_err(|_| Error::NotFound { what: "span", id: text.chars().take(64).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: &str, operation: Option<&str>, is_llm_call: bool) -> LightSpan {
        LightSpan {
            span_id: id.to_owned(),
            parent_span_id: (id != "a").then(|| "a".to_owned()),
            start_unix_nano: i64::from(id.as_bytes()[0]),
            duration_ns: 1,
            ingested_us: 0,
            name: id.to_owned(),
            kind: "internal".to_owned(),
            status: "ok".to_owned(),
            operation: operation.map(str::to_owned),
            is_llm_call,
            service_name: None,
            model: None,
            tool_name: None,
            agent_name: None,
            session_id: None,
            user_id: None,
            environment: None,
        }
    }

    fn call(id: &str, cost: Option<i64>) -> CallRow {
        CallRow { span_id: id.to_owned(), model: Some("m".to_owned()), input_tokens: Some(10), output_tokens: None, cost_nanousd: cost }
    }

    #[test]
    fn usage_is_the_sum_of_the_calls() {
        let spans = vec![span("a", None, false), span("b", Some("chat"), true), span("c", Some("chat"), true)];
        let trace = Trace::order(TraceId([1; 16]), spans, &[call("b", Some(5)), call("c", None)], Vec::new(), false);
        assert_eq!(trace.usage, Usage { n_calls: 2, input_tokens: 20, output_tokens: 0, cost_nanousd: Some(5) });
        assert_eq!(trace.opening().map(|span| span.span_id.as_str()), Some("c"));
        assert_eq!(trace.root().map(|span| span.span_id.as_str()), Some("a"));
    }

    #[test]
    fn spans_are_told_apart() {
        assert_eq!(Sort::of(Some("chat"), "client", true), Sort::Llm);
        assert_eq!(Sort::of(Some("rerank"), "client", true), Sort::Retrieval);
        assert_eq!(Sort::of(Some("invoke_workflow"), "internal", false), Sort::Chain);
        assert_eq!(Sort::of(None, "server", false), Sort::Network);
    }
}
