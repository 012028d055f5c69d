//! The answer holds the expected texts.

use crate::checks::spec::Expected;
use crate::checks::{Subject, Verdict};

/// `contains` and its family: the answer holds all or any of the texts, with or without regard to case.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Contains {
    pub answer: String,
    pub place: Place,
    pub needles: Needles,
    pub ignore_case: bool,
    pub expected: Expected,
}

/// Where the text must stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Anywhere,
    Start,
}

/// How many of the texts must stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needles {
    All,
    Any,
}

impl Contains {
    pub(crate) fn signature(&self) -> String {
        format!("contains {:?} {:?} {}", self.place, self.needles, if self.ignore_case { "lower-cased" } else { "as is" }).to_lowercase()
    }

    pub(crate) fn verdict(&self, subject: &Subject<'_>) -> Verdict {
        let Some(answer) = subject.text(&self.answer) else { return Verdict::not_applicable("no answer to look into") };
        let Some(expected) = self.expected.texts(subject) else { return Verdict::not_applicable("nothing is expected of this case") };
        // JavaScript's toLowerCase, as promptfoo has it: no folding beyond that.
        let fold = |text: &str| if self.ignore_case { text.to_lowercase() } else { text.to_owned() };
        let answer = fold(&answer);
        let holds = |text: &&String| match self.place {
            Place::Anywhere => answer.contains(&fold(text)),
            Place::Start => answer.starts_with(&fold(text)),
        };
        let missing: Vec<&String> = expected.iter().filter(|text| !holds(text)).collect();
        let passed = match self.needles {
            Needles::All => missing.is_empty(),
            Needles::Any => missing.len() < expected.len(),
        };
        Verdict::pass(passed, || format!("does not hold {missing:?}"))
    }
}
