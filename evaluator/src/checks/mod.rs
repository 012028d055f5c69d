//! The checks: each takes one answer and says how good it is.

mod borrowed;
mod budget;
mod contains;
mod equals;
mod groundedness;
mod json;
mod judged;
mod latency;
mod numeric;
mod overlap;
mod quotes;
mod ranked;
mod readability;
mod regex;
mod safety;
mod semantic;
mod spec;
mod sql;
mod token_f1;
mod tools;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::chat::Usage;
use crate::dataset::Vars;
use crate::promptfoo::{Assert, Similar};
use crate::script::Script;
use crate::spec::Better;
use crate::template::show;
use crate::trace::Span;

pub(crate) use borrowed::{borrowed, is_borrowed};
pub(crate) use groundedness::grounded;
pub(crate) use json::written_objects_in as json_objects_in;
pub(crate) use judged::{Criterion, Judged};
pub(crate) use spec::{Context, is_own, parse};

/// A kind of check.
#[derive(Debug, Clone)]
pub(crate) enum Check {
    Equals(equals::Equals),
    Contains(contains::Contains),
    Regex(regex::Regex),
    Json(json::Json),
    TokenF1(token_f1::TokenF1),
    Groundedness(groundedness::Groundedness),
    Latency(latency::Latency),
    Budget(budget::Budget),
    Overlap(overlap::Overlap),
    Numeric(numeric::Numeric),
    Quotes(quotes::Quotes),
    Readability(readability::Readability),
    Ranked(ranked::Ranked),
    Tools(tools::Tools),
    Safety(safety::Safety),
    Semantic(semantic::Semantic),
    Sql(sql::Sql),
    /// An assertion of promptfoo's, judged as promptfoo does.
    Promptfoo(Box<Assert>),
    /// promptfoo's `similar`, which asks a model of embeddings.
    Similar(Box<Similar>),
    /// Code in JavaScript or Python, run by the interpreter that is installed.
    Script(Script),
    Judge(Judged),
}

/// What a case is checked by: one check, or several that count as one.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    One(Box<Assertion>),
    Set(AssertSet),
}

/// promptfoo's `assert-set`.
#[derive(Debug, Clone)]
pub(crate) struct AssertSet {
    pub id: String,
    pub metric: Option<String>,
    pub weight: f64,
    pub threshold: Option<f64>,
    pub asserts: Vec<Assertion>,
}

impl Node {
    /// The same under another id.
    pub(crate) fn named(self, id: String) -> Self {
        match self {
            Node::One(assertion) => Node::One(Box::new(Assertion { id, ..*assertion })),
            Node::Set(set) => {
                let named = |(index, assertion)| Assertion { id: format!("{id}.{index}"), ..assertion };
                let asserts = set.asserts.into_iter().enumerate().map(named).collect();
                Node::Set(AssertSet { id, asserts, ..set })
            }
        }
    }

    /// The checks in it.
    pub(crate) fn assertions(&self) -> &[Assertion] {
        match self {
            Node::One(assertion) => std::slice::from_ref(assertion.as_ref()),
            Node::Set(set) => &set.asserts,
        }
    }
}

/// One check of a suite, with how it counts.
#[derive(Debug, Clone)]
pub(crate) struct Assertion {
    /// `a0`, `a1`, ... in the suite's order.
    pub id: String,
    /// The kind's name as the suite writes it.
    pub name: String,
    pub check: Check,
    /// Whether the suite wrote `not-` before the kind.
    pub negated: bool,
    pub metric: String,
    pub weight: f64,
    pub threshold: Option<f64>,
    pub when: Vec<(String, Value)>,
    pub better: Better,
}

/// What a metric's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scale {
    /// Passes and fails, 1 and 0.
    Rate,
    /// Scores from 0 to 1.
    Score,
    /// Anything, such as milliseconds.
    Unbounded,
}

/// Whether a check could say something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It gave a value.
    Value,
    /// There was nothing to check.
    NotApplicable,
    /// It could not check.
    Failed,
}

impl Outcome {
    /// Returns the word that tables hold.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Value => "value",
            Outcome::NotApplicable => "not_applicable",
            Outcome::Failed => "failed",
        }
    }
}

/// What a check said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    pub outcome: Outcome,
    pub value: Option<f64>,
    pub passed: Option<bool>,
    /// What the case's mean counts; nothing where that is the value.
    pub score: Option<f64>,
    pub label: Option<String>,
    pub reason: String,
}

impl Verdict {
    /// A pass or a fail; the reason is kept for fails.
    pub(crate) fn pass(passed: bool, reason_of_fail: impl FnOnce() -> String) -> Self {
        let reason = if passed { String::new() } else { reason_of_fail() };
        Self { outcome: Outcome::Value, value: Some(if passed { 1.0 } else { 0.0 }), passed: Some(passed), score: None, label: None, reason }
    }

    /// A value that passes or fails only where the suite gives a threshold.
    pub(crate) fn value(value: f64, reason: String) -> Self {
        // The sum of nothing is -0.0, which a report should not show.
        Self { outcome: Outcome::Value, value: Some(value + 0.0), passed: None, score: None, label: None, reason }
    }

    pub(crate) fn not_applicable(reason: impl Into<String>) -> Self {
        Self { outcome: Outcome::NotApplicable, value: None, passed: None, score: None, label: None, reason: reason.into() }
    }

    pub(crate) fn failed(reason: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failed, value: None, passed: None, score: None, label: None, reason: reason.into() }
    }
}

/// What is checked: a case and its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub vars: &'a Vars,
    /// The answer as text.
    pub output: &'a str,
    /// The answer as it is: text, or what a transform made of it.
    pub value: &'a Value,
    /// The prompt that was answered.
    pub prompt: &'a str,
    pub latency_ms: Option<f64>,
    pub cost_usd: Option<f64>,
    /// Tokens that the answer took, where they were counted.
    pub usage: Usage,
    pub finish_reason: Option<&'a str>,
    pub log_probs: Option<&'a [f64]>,
    /// The tools that the model was given, as its endpoint has them.
    pub tools: Option<&'a Value>,
    /// The spans of the answer's trace, where it is known.
    pub spans: Option<&'a [Span]>,
}

impl<'a> Subject<'a> {
    /// The text of a column; `output` is the answer. Nothing where the case has no such value.
    pub(crate) fn text(&self, column: &str) -> Option<Cow<'a, str>> {
        if column == OUTPUT {
            return Some(Cow::Borrowed(self.output));
        }
        match self.vars.get(column)? {
            Value::Null => None,
            Value::String(text) => Some(Cow::Borrowed(text)),
            other => Some(Cow::Owned(show(other))),
        }
    }

    /// The texts of a column that holds one or a list, of text or of documents; JSON inside of text is read.
    pub(crate) fn texts(&self, column: &str) -> Vec<String> {
        match self.vars.get(column) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(text)) => match serde_json::from_str(text) {
                Ok(list @ Value::Array(_)) => texts_of(&list),
                _ => vec![text.clone()],
            },
            Some(other) => texts_of(other),
        }
    }
}

/// The name of the answer among the columns.
pub(crate) const OUTPUT: &str = "output";

/// Reads documents out of a list of texts or of objects with `content`, `text`, `page_content` or `body`, and the title before it.
pub(crate) fn texts_of(documents: &Value) -> Vec<String> {
    match documents {
        Value::Array(items) => items.iter().flat_map(texts_of).collect(),
        Value::Object(fields) => {
            let content = ["content", "text", "page_content", "body"].iter().find_map(|key| fields.get(*key)).map(show);
            let title = fields.get("title").map(show).filter(|title| !title.is_empty());
            match (title, content) {
                (Some(title), Some(content)) => vec![format!("{title}\n{content}")],
                (None, Some(content)) => vec![content],
                _ => Vec::new(),
            }
        }
        Value::Null => Vec::new(),
        scalar => vec![show(scalar)],
    }
}

impl Check {
    /// What the check's values are.
    pub(crate) fn scale(&self) -> Scale {
        match self {
            Check::Equals(_) | Check::Contains(_) | Check::Regex(_) | Check::Json(_) | Check::Numeric(_) | Check::Safety(_) => Scale::Rate,
            Check::TokenF1(_) | Check::Groundedness(_) | Check::Judge(_) | Check::Quotes(_) | Check::Ranked(_) | Check::Semantic(_) => Scale::Score,
            Check::Tools(check) => check.scale(),
            Check::Overlap(check) => check.measure.scale(),
            Check::Latency(_) | Check::Budget(_) | Check::Readability(_) => Scale::Unbounded,
            Check::Sql(check) => check.scale(),
            Check::Promptfoo(check) => check.scale(),
            Check::Script(_) | Check::Similar(_) => Scale::Score,
        }
    }

    /// The column in which what the candidate did is recorded, where that is not its answer.
    pub(crate) fn recorded_column(&self) -> Option<&str> {
        match self {
            Check::Tools(check) => Some(&check.calls),
            Check::Ranked(check) => Some(&check.retrieved),
            Check::Budget(check) => Some(&check.steps),
            _ => None,
        }
    }

    /// Which direction is better where the suite does not say.
    pub(crate) fn better(&self) -> Better {
        match self {
            Check::Readability(check) => check.better(),
            Check::Overlap(check) => check.measure.better(),
            Check::Safety(check) if check.looks_for != safety::LooksFor::Refusal => Better::Lower,
            Check::Sql(_) => Better::Higher,
            _ if self.scale() == Scale::Unbounded => Better::Lower,
            _ => Better::Higher,
        }
    }

    /// What a score of this check depends on, beside the data.
    pub(crate) fn signature(&self) -> String {
        match self {
            Check::Equals(check) => check.signature(),
            Check::Contains(check) => check.signature(),
            Check::Regex(_) => "regex rust-1".to_owned(),
            Check::Json(check) => check.signature(),
            Check::TokenF1(_) => "token_f1 squad-v2".to_owned(),
            Check::Groundedness(_) => format!("groundedness {}", measure::text::groundedness::VERSION),
            Check::Latency(_) => "latency wall-clock ms".to_owned(),
            Check::Budget(check) => check.signature(),
            Check::Overlap(check) => check.signature(),
            Check::Numeric(check) => check.signature(),
            Check::Quotes(check) => check.signature(),
            Check::Readability(check) => check.signature(),
            Check::Ranked(check) => check.signature(),
            Check::Tools(check) => check.signature(),
            Check::Safety(check) => check.signature(),
            Check::Promptfoo(check) => check.signature(),
            Check::Script(check) => check.signature(),
            Check::Judge(check) => check.signature(),
            Check::Semantic(check) => check.signature(),
            Check::Similar(check) => check.signature(),
            Check::Sql(check) => check.signature(),
        }
    }
}

impl Assertion {
    /// Whether the case is one that the check is about.
    pub(crate) fn applies(&self, vars: &Vars) -> bool {
        self.when.iter().all(|(column, wanted)| vars.get(column).is_some_and(|value| value == wanted || show(value) == show(wanted)))
    }

    /// promptfoo's `max-score`, which holds answers against each other and is no check of one.
    pub(crate) fn comparing(&self) -> Option<&Assert> {
        match &self.check {
            Check::Promptfoo(assert) if assert.kind() == "max-score" => Some(assert),
            _ => None,
        }
    }

    /// Whether the check looks at the spans of the answer's trace.
    pub(crate) fn looks_at_spans(&self) -> bool {
        match &self.check {
            Check::Promptfoo(assert) => assert.kind().starts_with("trace-") || assert.kind().starts_with("trajectory:"),
            Check::Tools(_) => true,
            Check::Budget(check) => check.spent == budget::Spent::Steps,
            _ => false,
        }
    }

    /// Whether the check reads the probabilities of the answer's tokens.
    pub(crate) fn reads_log_probs(&self) -> bool {
        matches!(&self.check, Check::Promptfoo(assert) if assert.kind().starts_with("perplexity"))
    }

    /// What the check says about an answer; a judge has to be asked first, and says it itself.
    pub(crate) fn verdict(&self, subject: &Subject<'_>) -> Verdict {
        if !self.applies(subject.vars) {
            return Verdict::not_applicable("the case is not one that `when` names");
        }
        let verdict = match &self.check {
            Check::Equals(check) => check.verdict(subject),
            Check::Contains(check) => check.verdict(subject),
            Check::Regex(check) => check.verdict(subject),
            Check::Json(check) => check.verdict(subject),
            Check::TokenF1(check) => check.verdict(subject),
            Check::Groundedness(check) => check.verdict(subject),
            Check::Latency(check) => check.verdict(subject),
            Check::Budget(check) => check.verdict(subject),
            Check::Overlap(check) => check.verdict(subject),
            Check::Numeric(check) => check.verdict(subject),
            Check::Quotes(check) => check.verdict(subject),
            Check::Readability(check) => check.verdict(subject),
            Check::Ranked(check) => check.verdict(subject),
            Check::Tools(check) => check.verdict(subject),
            Check::Safety(check) => check.verdict(subject),
            // promptfoo's assertions know their own `not-` and threshold.
            Check::Promptfoo(check) => return check.verdict(subject),
            Check::Script(_) => Verdict::failed("the script was not run"),
            Check::Judge(_) => Verdict::failed("the judge was not asked"),
            Check::Semantic(_) | Check::Similar(_) => Verdict::failed("the texts were not embedded"),
            Check::Sql(_) => Verdict::failed("the SELECT was not asked"),
        };
        self.settle(verdict)
    }

    /// Applies `not-` and the threshold.
    pub(crate) fn settle(&self, mut verdict: Verdict) -> Verdict {
        if self.negated && verdict.outcome == Outcome::Value {
            let passed = verdict.passed == Some(false);
            let reason = std::mem::take(&mut verdict.reason);
            return Verdict::pass(passed, || if reason.is_empty() { "holds, and should not".to_owned() } else { reason });
        }
        if let (Some(threshold), Some(value)) = (self.threshold, verdict.value) {
            let passed = if self.better == Better::Higher { value >= threshold } else { value <= threshold };
            verdict.passed = Some(passed && verdict.passed != Some(false));
            if !passed && verdict.reason.is_empty() {
                verdict.reason = format!("{value:.3} misses the threshold {threshold}");
            }
        }
        verdict
    }
}
