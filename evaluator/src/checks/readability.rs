//! The answer is easy to read.

use measure::text::readability::count;

use crate::checks::{Subject, Verdict};
use crate::spec::Better;

/// `reading_ease`, `reading_grade` and `reading_ari`: figures of English prose.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Readability {
    pub answer: String,
    pub formula: Formula,
}

/// Which figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Formula {
    Ease,
    Grade,
    Ari,
}

impl Readability {
    pub(crate) fn signature(&self) -> String {
        format!("{:?} syllables by groups of vowels", self.formula).to_lowercase()
    }

    /// A high ease is good, a high grade is not.
    pub(crate) fn better(&self) -> Better {
        if self.formula == Formula::Ease { Better::Higher } else { Better::Lower }
    }

    pub(crate) fn verdict(&self, subject: &Subject<'_>) -> Verdict {
        let Some(counts) = subject.text(&self.answer).and_then(|answer| count(&answer)) else {
            return Verdict::not_applicable("no words to read");
        };
        let value = match self.formula {
            Formula::Ease => counts.reading_ease(),
            Formula::Grade => counts.grade(),
            Formula::Ari => counts.ari(),
        };
        Verdict::value(value, format!("{} words in {} sentences", counts.words, counts.sentences))
    }
}
