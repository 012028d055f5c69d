//! The report as JUnit XML, which CI systems show beside other tests.

use std::fmt::Write;

use crate::checks::Outcome;
use crate::report::{CaseOutcome, Report, RunOutcome};

/// Writes one test suite: a test for every metric that gates, and one for every answer.
///
/// With a baseline a failing answer is data, not a failure of the build; it is written as skipped, with its reason.
pub fn junit(report: &Report) -> String {
    let compared = report.run.baseline.is_some();
    let mut body = String::new();
    let (mut n_tests, mut n_failures, mut n_errors, mut n_skipped) = (0_usize, 0_usize, 0_usize, 0_usize);
    // Writing to a String does not fail.
    for metric in report.metrics.iter().filter(|metric| metric.outcome.is_some()) {
        n_tests += 1;
        let _ = write!(body, "  <testcase classname=\"metrics\" name=\"{}\"", escape(&metric.name));
        match metric.outcome {
            Some(RunOutcome::Pass) | None => body.push_str("/>\n"),
            Some(outcome) => {
                n_failures += 1;
                let _ = writeln!(body, "><failure type=\"{}\" message=\"{}\"/></testcase>", outcome.name(), escape(&metric.reason));
            }
        }
    }
    for case in &report.cases {
        n_tests += 1;
        let seconds = case.latency_ms.unwrap_or(0.0) / 1e3;
        let name = format!("{} #{}", case.id, case.repeat);
        let _ = write!(body, "  <testcase classname=\"cases.{}\" name=\"{}\" time=\"{seconds:.3}\"", escape(&case.provider), escape(&name));
        let reasons: Vec<String> = case
            .scores
            .iter()
            .filter(|score| score.passed == Some(false) || score.outcome == Outcome::Failed)
            .map(|score| format!("{}: {}", score.metric, score.reason))
            .collect();
        let message = escape(&case.error.clone().unwrap_or_else(|| reasons.join("; ")));
        let element = match (case.outcome, compared) {
            (CaseOutcome::Pass | CaseOutcome::Scored, _) => None,
            (_, true) => Some(("skipped", &mut n_skipped)),
            (CaseOutcome::Fail, false) => Some(("failure", &mut n_failures)),
            (CaseOutcome::Error, false) => Some(("error", &mut n_errors)),
        };
        match element {
            None => body.push_str("/>\n"),
            Some((element, count)) => {
                *count += 1;
                let _ = writeln!(body, "><{element} message=\"{message}\"/></testcase>");
            }
        }
    }
    let seconds = report.run.duration_ms as f64 / 1e3;
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{}\" tests=\"{n_tests}\" failures=\"{n_failures}\" errors=\"{n_errors}\" \
         skipped=\"{n_skipped}\" time=\"{seconds:.3}\" timestamp=\"{}\">\n  <properties><property name=\"outcome\" value=\"{}\"/><property \
         name=\"summary\" value=\"{}\"/></properties>\n{body}</testsuite>\n",
        escape(&report.run.suite),
        escape(&report.run.started_at),
        report.verdict.outcome.name(),
        escape(&report.verdict.summary),
    )
}

/// Escapes text for an attribute; XML 1.0 has no place for most control characters.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\r' | '\t' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_text() {
        assert_eq!(escape("a<b>\"&\u{0}\n"), "a&lt;b&gt;&quot;&amp;\u{fffd} ");
    }
}
