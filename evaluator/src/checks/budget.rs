//! The answer cost no more than it may: money, tokens, steps.

use serde_json::Value;

use crate::checks::{OUTPUT, Subject, Verdict};
use crate::trace::steps;

/// `cost`, `input_tokens`, `output_tokens`, `tokens` and `steps`: what an answer took; passes at or below `max`.
///
/// What is not known has no score: a budget that nobody counted is not kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Budget {
    pub spent: Spent,
    /// Column with the steps, where no trace is known; `output` is the answer.
    pub steps: String,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spent {
    /// Dollars, of the answer alone.
    Cost,
    InputTokens,
    OutputTokens,
    /// Both together.
    Tokens,
    /// Steps of the answer's trace that are more than a span: tools, commands, searches, reasoning, messages.
    Steps,
}

impl Spent {
    /// Everything that is counted, by the name that suites use.
    pub(crate) const NAMES: [(&'static str, Spent); 5] = [
        ("cost", Spent::Cost),
        ("input_tokens", Spent::InputTokens),
        ("output_tokens", Spent::OutputTokens),
        ("tokens", Spent::Tokens),
        ("steps", Spent::Steps),
    ];

    /// What a suite names.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, spent)| *spent)
    }

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, spent)| *spent == self).map_or("", |(name, _)| name)
    }
}

impl Budget {
    pub(crate) fn signature(&self) -> String {
        format!("{} of the answer", self.spent.name())
    }

    pub(crate) fn verdict(&self, subject: &Subject<'_>) -> Verdict {
        let tokens = |tokens: Option<i64>| tokens.map(|tokens| tokens as f64);
        let (input, output) = (tokens(subject.usage.input_tokens), tokens(subject.usage.output_tokens));
        let (found, unknown) = match self.spent {
            Spent::Cost => (subject.cost_usd, "set `price` in the provider's config, or record a column `cost_usd`"),
            Spent::InputTokens => (input, "the provider counted no tokens; recorded answers have them in a column `input_tokens`"),
            Spent::OutputTokens => (output, "the provider counted no tokens; recorded answers have them in a column `output_tokens`"),
            Spent::Tokens => {
                (input.zip(output).map(|(input, output)| input + output), "the provider counted no tokens; recorded answers have them in columns")
            }
            Spent::Steps => (self.steps_of(subject).map(|n| n as f64), "there is no trace of the answer, and no list of steps in the column"),
        };
        found.map_or_else(|| Verdict::failed(format!("{} not known: {unknown}", self.spent.name())), |found| Verdict::value(found, String::new()))
    }

    fn steps_of(&self, subject: &Subject<'_>) -> Option<usize> {
        if let Some(spans) = subject.spans {
            return Some(steps(spans).iter().filter(|step| step.kind != "span").count());
        }
        let value = if self.steps == OUTPUT { subject.value } else { subject.vars.get(&self.steps)? };
        let listed = |value: &Value| value.as_array().map(Vec::len);
        match value {
            Value::String(text) => listed(&serde_json::from_str(text).ok()?),
            other => listed(other),
        }
    }
}
