//! The report as JUnit XML, which CI systems show beside other tests.

use crate::checks::Outcome;
use crate::report::{CaseOutcome, CaseReport, MetricReport, Report, RunOutcome, SliceReport};

/// Writes one test suite: a test for the verdict, one for every metric and slice that gates, and one for every answer.
///
/// The test of the verdict fails whenever the exit code is not 0, so that a CI system which reads this file alone sees what the process said. With
/// a baseline a failing answer is data, not a failure of the build; it is written as skipped, with its reason.
pub fn junit(report: &Report) -> String {
    let tests: Vec<Test> = std::iter::once(of_verdict(report))
        .chain(report.metrics.iter().filter_map(|metric| of_metric(report, metric)))
        .chain(report.slices.iter().filter_map(of_slice))
        .chain(report.cases.iter().map(|case| of_case(report, case)))
        .collect();
    let count = |element: &str| tests.iter().filter(|test| test.fault.as_ref().is_some_and(|fault| fault.element == element)).count();
    let body: String = tests.iter().map(Test::xml).collect();
    let seconds = report.run.duration_ms as f64 / 1e3;
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" \
         skipped=\"{}\" time=\"{seconds:.3}\" timestamp=\"{}\">\n  <properties><property name=\"outcome\" value=\"{}\"/><property \
         name=\"summary\" value=\"{}\"/></properties>\n{body}</testsuite>\n",
        escape(&report.run.suite),
        tests.len(),
        count("failure"),
        count("error"),
        count("skipped"),
        escape(&report.run.started_at),
        report.verdict.outcome.name(),
        escape(&report.verdict.summary),
    )
}

/// One `testcase`.
struct Test {
    class: String,
    name: String,
    seconds: Option<f64>,
    /// Nothing where it passed.
    fault: Option<Fault>,
}

/// Why a test did not pass.
struct Fault {
    /// `failure`, `error` or `skipped`.
    element: &'static str,
    kind: &'static str,
    message: String,
}

impl Test {
    fn xml(&self) -> String {
        let time = self.seconds.map_or(String::new(), |seconds| format!(" time=\"{seconds:.3}\""));
        let head = format!("  <testcase classname=\"{}\" name=\"{}\"{time}", escape(&self.class), escape(&self.name));
        match &self.fault {
            None => format!("{head}/>\n"),
            Some(Fault { element, kind, message }) => {
                let kind = if *element == "skipped" { String::new() } else { format!(" type=\"{kind}\"") };
                format!("{head}><{element}{kind} message=\"{}\"/></testcase>\n", escape(message))
            }
        }
    }
}

/// The exit code as a test: an error where nothing could be judged or the budget was spent, a failure for any other code but 0.
fn of_verdict(report: &Report) -> Test {
    let verdict = &report.verdict;
    let element = if verdict.outcome == RunOutcome::Error { "error" } else { "failure" };
    let fault = (verdict.exit_code != 0).then(|| Fault { element, kind: verdict.outcome.name(), message: verdict.summary.clone() });
    Test { class: "run".to_owned(), name: "verdict".to_owned(), seconds: None, fault }
}

fn of_metric(report: &Report, metric: &MetricReport) -> Option<Test> {
    let outcome = metric.outcome?;
    // What the suite only warns of does not fail the build.
    let element = if report.verdict.exit_code == 0 { "skipped" } else { "failure" };
    let fault = (outcome != RunOutcome::Pass).then(|| Fault { element, kind: outcome.name(), message: metric.reason.clone() });
    Some(Test { class: "metrics".to_owned(), name: metric.name.clone(), seconds: None, fault })
}

fn of_slice(slice: &SliceReport) -> Option<Test> {
    let outcome = slice.outcome?;
    let fault = (outcome != RunOutcome::Pass).then(|| Fault { element: "failure", kind: outcome.name(), message: slice.sentence() });
    Some(Test {
        class: format!("slices.{}", slice.column),
        name: format!("{} where {} is {}", slice.metric, slice.column, slice.value),
        seconds: None,
        fault,
    })
}

fn of_case(report: &Report, case: &CaseReport) -> Test {
    let faults = case.scores.iter().filter(|score| score.passed == Some(false) || score.outcome == Outcome::Failed);
    let reasons = || faults.map(|score| format!("{}: {}", score.metric, score.reason)).collect::<Vec<_>>().join("; ");
    let element = match (case.outcome, report.run.baseline.is_some()) {
        (CaseOutcome::Pass | CaseOutcome::Scored, _) => None,
        (_, true) => Some("skipped"),
        (CaseOutcome::Fail, false) => Some("failure"),
        (CaseOutcome::Error, false) => Some("error"),
    };
    let message = || case.error.clone().unwrap_or_else(reasons);
    Test {
        class: format!("cases.{}", case.provider),
        name: format!("{} #{}", case.name(), case.repeat),
        seconds: Some(case.latency_ms.unwrap_or(0.0) / 1e3),
        fault: element.map(|element| Fault { element, kind: case.outcome.name(), message: message() }),
    }
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
