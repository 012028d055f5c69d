//! The report as annotations of GitHub's workflows.

use std::fmt::Write;

use crate::report::{Report, RunOutcome};

/// Annotations that a step shows at most; GitHub cuts the rest.
const ANNOTATIONS_MAX: usize = 10;

/// Writes one command a line: an error for every metric that failed, a warning for what cannot be told, a notice for a pass.
pub fn github(report: &Report) -> String {
    let mut out = String::new();
    let file = property(&report.run.suite);
    let level = |outcome: RunOutcome| match outcome {
        RunOutcome::Pass => "notice",
        RunOutcome::Inconclusive => "warning",
        RunOutcome::Regressed | RunOutcome::Fail | RunOutcome::Error => "error",
    };
    // Writing to a String does not fail.
    let verdict = &report.verdict;
    let _ = writeln!(out, "::{} file={file},title={}::{}", level(verdict.outcome), property(verdict.outcome.name()), message(&verdict.summary));
    let failed = report.metrics.iter().filter_map(|metric| Some((metric, metric.outcome.filter(|outcome| *outcome != RunOutcome::Pass)?)));
    for (metric, outcome) in failed.take(ANNOTATIONS_MAX) {
        let title = property(&format!("{} {}", metric.name, outcome.name()));
        let _ = writeln!(out, "::{} file={file},title={title}::{}", level(outcome), message(&metric.reason));
    }
    for id in report.changes.newly_failing.iter().take(ANNOTATIONS_MAX) {
        let _ = writeln!(out, "::warning file={file},title=newly failing::{}", message(id));
    }
    out
}

/// Escapes what a command's message may not hold.
fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes what a command's property may not hold.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::{message, property};

    /// A line break would begin a command of the answer's own.
    #[test]
    fn text_cannot_begin_a_command() {
        assert_eq!(message("a\n::error::b 5%"), "a%0A::error::b 5%25");
        assert_eq!(property("a:b,c"), "a%3Ab%2Cc");
    }
}
