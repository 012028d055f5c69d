//! The answer is the expected text.

use measure::text::exact_match;

use crate::checks::spec::Expected;
use crate::checks::{Subject, Verdict};

/// `equals`, `exact` and `exact_match`: the answer is the expected text, or one of the references.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Equals {
    pub answer: String,
    pub rule: Rule,
    pub expected: Expected,
}

/// When two texts are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Character by character.
    Text,
    /// After SQuAD's normalisation.
    Squad,
}

impl Equals {
    pub(crate) fn signature(&self) -> String {
        match self.rule {
            Rule::Text => "equals text".to_owned(),
            Rule::Squad => "exact_match squad".to_owned(),
        }
    }

    pub(crate) fn verdict(&self, subject: &Subject<'_>) -> Verdict {
        let Some(answer) = subject.text(&self.answer) else { return Verdict::not_applicable("no answer to compare") };
        let Some(expected) = self.expected.texts(subject) else { return Verdict::not_applicable("nothing is expected of this case") };
        let same = |text: &String| match self.rule {
            Rule::Text => text.as_str() == answer,
            Rule::Squad => exact_match(&answer, text),
        };
        Verdict::pass(expected.iter().any(same), || format!("is not {:?}", expected.first().map_or("", String::as_str)))
    }
}

impl Expected {
    /// The expected texts of a case, or nothing where it has none.
    pub(crate) fn texts(&self, subject: &Subject<'_>) -> Option<Vec<String>> {
        match self {
            Expected::Column(column) => Some(subject.texts(column)).filter(|texts| !texts.is_empty()),
            Expected::Values(templates) => {
                // A value made of a column that this case does not have would be another value, perhaps an empty one that anything matches.
                let known = |name: &str| subject.vars.get(name).is_some_and(|value| !value.is_null());
                let complete = templates.iter().all(|template| template.variables().all(known));
                complete.then(|| templates.iter().map(|template| template.render(subject.vars).ok()).collect()).flatten()
            }
        }
    }
}
