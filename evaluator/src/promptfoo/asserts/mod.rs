//! promptfoo's assertions, judged as promptfoo 0.123 judges them; a file a family.
//!
//! Where promptfoo throws, a case cannot be judged: that is the `Err` here, and an error of the case, never a pass.

mod contains;
mod equals;
mod html;
mod json;
mod lenient;
mod overlap;
mod refusal;
mod regex;
mod sql;
mod tools;
mod trace;
mod trajectory;
mod word_count;
mod xml;

use serde_json::Value;

use crate::checks::{Scale, Subject};
use crate::keys::nearest;

pub(crate) use contains::comma_separated;

/// A verdict as promptfoo gives it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grade {
    pub pass: bool,
    pub score: f64,
    /// What was measured, where that says more than the score: milliseconds, dollars.
    pub value: Option<f64>,
    pub reason: String,
}

impl Grade {
    /// A pass or a fail; the reason is kept for fails.
    fn pass(pass: bool, reason_of_fail: impl FnOnce() -> String) -> Self {
        let reason = if pass { String::new() } else { reason_of_fail() };
        Self { pass, score: if pass { 1.0 } else { 0.0 }, value: None, reason }
    }

    /// A score that passes from the threshold on; `not-` turns both around.
    fn score(name: &str, score: f64, threshold: f64, inverse: bool) -> Self {
        let pass = (score >= threshold) != inverse;
        let reason = if pass { String::new() } else { format!("{name} is {score:.4}, the threshold {threshold}") };
        Self { pass, score: if inverse { 1.0 - score } else { score }, value: None, reason }
    }
}

/// What an assertion is asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    /// The kind without `not-`.
    pub kind: &'a str,
    pub inverse: bool,
    /// The expected value, variables filled in.
    pub value: Option<&'a Value>,
    pub threshold: Option<f64>,
    pub subject: &'a Subject<'a>,
}

impl Question<'_> {
    /// The answer as text.
    fn output(&self) -> &str {
        self.subject.output
    }

    /// The expected value, which has to be a text.
    fn text(&self) -> Result<&str, String> {
        self.value.and_then(Value::as_str).ok_or_else(|| format!("{:?} must have a text as its value", self.kind))
    }

    /// The expected texts: one, or a list of them.
    fn texts(&self) -> Result<Vec<&str>, String> {
        let wrong = || format!("{:?} must have a text or a list of texts as its value", self.kind);
        match self.value.ok_or_else(wrong)? {
            Value::String(text) => Ok(vec![text]),
            Value::Array(items) => items.iter().map(|item| item.as_str().ok_or_else(wrong)).collect(),
            _ => Err(wrong()),
        }
    }

    /// `not ` where the assertion is inverse, for reasons.
    fn not(&self) -> &'static str {
        if self.inverse { "not " } else { "" }
    }
}

/// Every kind that promptfoo 0.123 knows.
pub(crate) const KINDS: [&str; 62] = [
    "agent-rubric",
    "answer-relevance",
    "assert-set",
    "bleu",
    "classifier",
    "contains",
    "contains-all",
    "contains-any",
    "contains-html",
    "contains-json",
    "contains-sql",
    "contains-xml",
    "context-faithfulness",
    "context-recall",
    "context-relevance",
    "conversation-relevance",
    "cost",
    "equals",
    "factuality",
    "finish-reason",
    "g-eval",
    "gleu",
    "guardrails",
    "icontains",
    "icontains-all",
    "icontains-any",
    "is-html",
    "is-json",
    "is-refusal",
    "is-sql",
    "is-valid-function-call",
    "is-valid-openai-function-call",
    "is-valid-openai-tools-call",
    "is-xml",
    "javascript",
    "latency",
    "levenshtein",
    "llm-rubric",
    "max-score",
    "meteor",
    "model-graded-closedqa",
    "model-graded-factuality",
    "moderation",
    "perplexity",
    "perplexity-score",
    "pi",
    "python",
    "regex",
    "rouge-n",
    "ruby",
    "search-rubric",
    "select-best",
    "similar",
    "skill-used",
    "starts-with",
    "tool-call-f1",
    "trace-error-spans",
    "trace-span-count",
    "trace-span-duration",
    "trajectory:tool-used",
    "webhook",
    "word-count",
];

/// Kinds of promptfoo that are not in [`KINDS`] by their own name, but by their family's.
const MORE_KINDS: [&str; 7] = [
    "similar:cosine",
    "similar:dot",
    "similar:euclidean",
    "trajectory:tool-args-match",
    "trajectory:tool-sequence",
    "trajectory:step-count",
    "trajectory:goal-success",
];

/// Whether promptfoo has such a kind.
pub(crate) fn is_known(kind: &str) -> bool {
    KINDS.contains(&kind) || MORE_KINDS.contains(&kind)
}

/// `unknown assertion type "contians"; did you mean "contains"?`
pub(crate) fn unknown(kind: &str) -> String {
    match nearest(kind, KINDS.into_iter().chain(MORE_KINDS)) {
        Some(right) => format!("unknown assertion type {kind:?}; did you mean {right:?}?"),
        None => format!("unknown assertion type {kind:?}"),
    }
}

/// What a kind measures.
pub(crate) fn scale(kind: &str) -> Scale {
    match kind {
        "latency" | "cost" => Scale::Unbounded,
        "bleu" | "gleu" | "rouge-n" | "tool-call-f1" | "perplexity-score" | "javascript" | "python" | "max-score" => Scale::Score,
        _ => Scale::Rate,
    }
}

/// What a score of this kind depends on, beside the data.
pub(crate) fn signature(kind: &str) -> String {
    let detail = match kind {
        "bleu" => "lower-case whitespace words, n 1-4, clip by best reference, zero precision 1e-7, effective order",
        "gleu" => "lower-case whitespace words less final dots, n 1-4, best reference",
        "rouge-n" => "js-rouge treebank words, lower-case, n 1, clipped, F1",
        "regex" => "ECMAScript, no flags",
        "levenshtein" => "UTF-16 units",
        "is-json" | "contains-json" => "schema with formats, unknown keywords refused",
        "is-sql" | "contains-sql" => "sqlparser",
        "tool-call-f1" => "sets of names",
        _ => "",
    };
    format!("promptfoo-0.123 {kind} {detail}").trim_end().to_owned()
}

/// Judges an answer.
pub(crate) fn grade(question: &Question<'_>) -> Result<Grade, String> {
    match question.kind {
        "equals" => equals::equals(question),
        "starts-with" => equals::starts_with(question),
        "contains" | "icontains" => contains::one(question),
        "contains-all" | "icontains-all" => contains::all(question),
        "contains-any" | "icontains-any" => contains::any(question),
        "regex" => regex::regex(question),
        "is-json" => json::is_json(question),
        "contains-json" => json::contains_json(question),
        "is-html" => Ok(html::is_html(question)),
        "contains-html" => Ok(html::contains_html(question)),
        "is-xml" | "contains-xml" => xml::xml(question),
        "is-sql" => sql::is_sql(question),
        "contains-sql" => sql::contains_sql(question),
        "levenshtein" => overlap::levenshtein(question),
        "rouge-n" => overlap::rouge(question),
        "bleu" => overlap::bleu(question),
        "gleu" => overlap::gleu(question),
        "word-count" => word_count::word_count(question),
        "is-refusal" => Ok(refusal::is_refusal(question)),
        "latency" => limit(question, question.subject.latency_ms, "latency in milliseconds"),
        "cost" => limit(question, question.subject.cost_usd, "cost"),
        "perplexity" | "perplexity-score" => perplexity(question),
        "finish-reason" => finish_reason(question),
        "tool-call-f1" => tools::tool_call_f1(question),
        "is-valid-openai-tools-call" => tools::openai_tools_call(question),
        "trace-error-spans" => trace::error_spans(question),
        "trace-span-count" => trace::span_count(question),
        "trace-span-duration" => trace::span_duration(question),
        "trajectory:tool-used" => trajectory::tool_used(question),
        "trajectory:tool-sequence" => trajectory::tool_sequence(question),
        "trajectory:tool-args-match" => trajectory::tool_args_match(question),
        "trajectory:step-count" => trajectory::step_count(question),
        kind if is_known(kind) => Err(cannot(kind)),
        kind => Err(unknown(kind)),
    }
}

/// Why a kind that promptfoo knows does not run here, and what does.
pub(crate) fn cannot(kind: &str) -> String {
    let instead = match kind {
        "meteor" => return "meteor needs WordNet's data, which is not shipped; promptfoo 0.123.1 errors on it too".to_owned(),
        "javascript" | "python" | "ruby" | "webhook" => return format!("{kind} does not run here"),
        "answer-relevance" => "`check: answer_relevancy`",
        "factuality" | "model-graded-factuality" => "`check: judge_correctness` with the reference",
        "context-faithfulness" => "`check: judge_groundedness` with the documents, or `check: groundedness` without a model",
        "context-recall" => "`check: judge_groundedness` with the reference as `answer`, or `check: context_recall` over ids",
        "context-relevance" => "`check: context_precision` over ids, or `check: judge` with a rubric",
        "select-best" => "`check: judge_pairwise`",
        "moderation" | "guardrails" => "`check: pii`, `secrets` or `refusal`, or `check: judge` with a rubric",
        "is-valid-function-call" | "is-valid-openai-function-call" | "skill-used" => "`check: tool_f1` with the expected calls",
        _ => "`check: judge` with a rubric",
    };
    format!("{kind} does not run here; use {instead}")
}

fn limit(question: &Question<'_>, found: Option<f64>, what: &str) -> Result<Grade, String> {
    let threshold = question.threshold.ok_or_else(|| format!("{} must have a threshold", question.kind))?;
    let found = found.ok_or_else(|| format!("the {what} of this answer is not known"))?;
    let pass = (found <= threshold) != question.inverse;
    Ok(Grade { value: Some(found), ..Grade::pass(pass, || format!("{what} is {found}, the threshold {threshold}")) })
}

fn perplexity(question: &Question<'_>) -> Result<Grade, String> {
    let log_probs = question.subject.log_probs.filter(|list| !list.is_empty());
    let log_probs = log_probs.ok_or_else(|| format!("{} needs a provider that returns log probabilities", question.kind))?;
    let mean = log_probs.iter().sum::<f64>() / log_probs.len() as f64;
    if question.kind == "perplexity-score" {
        let score = 1.0 / (1.0 + (-mean).exp());
        let pass = question.threshold.is_none_or(|threshold| (score >= threshold) != question.inverse);
        return Ok(Grade { score: if question.inverse { 1.0 - score } else { score }, ..Grade::pass(pass, || format!("the score is {score:.2}")) });
    }
    let found = (-mean).exp();
    let pass = question.threshold.is_none_or(|threshold| (found <= threshold) != question.inverse);
    Ok(Grade::pass(pass, || format!("the perplexity is {found:.2}")))
}

fn finish_reason(question: &Question<'_>) -> Result<Grade, String> {
    let wanted = question.text()?;
    let Some(found) = question.subject.finish_reason else {
        return Ok(Grade::pass(question.inverse, || "the provider gave no finish reason".to_owned()));
    };
    let pass = (wanted.to_lowercase() == found.to_lowercase()) != question.inverse;
    Ok(Grade::pass(pass, || format!("the finish reason is {found:?}, expected {}{wanted:?}", question.not())))
}
