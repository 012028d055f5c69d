//! The answer's claims stand in its sources.

use crate::checks::{Subject, Verdict};

/// `groundedness`: supported claims over claims, by words alone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Groundedness {
    pub answer: String,
    pub sources: String,
}

impl Groundedness {
    pub(crate) fn verdict(&self, subject: &Subject<'_>) -> Verdict {
        let Some(answer) = subject.text(&self.answer) else { return Verdict::not_applicable("no answer to check") };
        grounded(&answer, &subject.texts(&self.sources))
    }
}

/// Judges an answer against its sources; the reason names the first claims without support.
pub(crate) fn grounded(answer: &str, sources: &[String]) -> Verdict {
    let Some(found) = measure::text::groundedness(answer, sources) else {
        let what = if sources.iter().all(|source| source.trim().is_empty()) { "no sources" } else { "the answer claims nothing" };
        return Verdict::not_applicable(what);
    };
    let unsupported: Vec<String> = found
        .unsupported()
        .take(3)
        .map(|claim| match claim.missing.as_slice() {
            [] => format!("{:?} ({:.0} % of its words)", claim.text, 100.0 * claim.support),
            missing => format!("{:?} (no {})", claim.text, missing.join(", ")),
        })
        .collect();
    let reason = if unsupported.is_empty() { String::new() } else { format!("not in the sources: {}", unsupported.join("; ")) };
    Verdict::value(found.score(), reason)
}
