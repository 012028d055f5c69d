//! The report as Markdown, for a comment under a pull request.

use std::fmt::Write;

use crate::fairness::FairnessReport;
use crate::gate::number;
use crate::report::shared::{self, against, changed_slices};
use crate::report::{CaseOutcome, CaseReport, MetricReport, Report, RunOutcome};

/// Cases that a list shows at most.
const CASES_MAX: usize = 10;

/// Writes the verdict in one line, a table of the metrics, and the cases that changed.
pub fn markdown(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = writeln!(out, "### {} {}: {}\n", sign(report.verdict.outcome), report.verdict.outcome.name(), escape(&report.verdict.summary));
    let _ = writeln!(out, "{}\n", escape(&about(report)));
    out.push_str("| metric | outcome | baseline | candidate | difference | 95 % interval | p (adjusted) | n |\n|---|---|--:|--:|--:|--:|--:|--:|\n");
    for metric in &report.metrics {
        let _ = writeln!(out, "{}", row(metric));
    }
    let reasons: Vec<&MetricReport> = report.metrics.iter().filter(|metric| metric.outcome.is_some() && !metric.reason.is_empty()).collect();
    if !reasons.is_empty() {
        out.push('\n');
        for metric in reasons {
            let _ = writeln!(out, "- **{}**: {}", escape(&metric.name), escape(&metric.reason));
        }
    }
    for part in [judges(report), slices(report), fairness(report), cases(report)] {
        out.push_str(&part);
    }
    out
}

fn sign(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Pass => "✅",
        RunOutcome::Regressed | RunOutcome::Fail => "❌",
        RunOutcome::Inconclusive => "❔",
        RunOutcome::Error => "⚠️",
    }
}

fn about(report: &Report) -> String {
    let run = &report.run;
    let mut text = format!("{}: {}", run.suite, shared::cases(run));
    if run.n_repeats > 1 {
        let _ = write!(text, " × {}", run.n_repeats);
    }
    let _ = write!(text, "; {}", against(run));
    if let Some(cost) = run.cost_usd {
        let _ = write!(text, "; ${cost:.4}");
    }
    text
}

fn row(metric: &MetricReport) -> String {
    let value = |value: Option<f64>| value.map_or("–".to_owned(), number);
    let interval = metric
        .interval
        .map(|ends| ends.map(|end| end.map_or("..".to_owned(), number)))
        .or_else(|| metric.candidate_interval.map(|ends| ends.map(number)));
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} |",
        escape(&metric.name),
        metric.outcome.map_or("–", RunOutcome::name),
        value(metric.baseline),
        value(metric.candidate),
        value(metric.difference),
        interval.map_or("–".to_owned(), |[low, high]| format!("{low} to {high}")),
        metric.p_adjusted.map_or("–".to_owned(), |p| format!("{p:.4}")),
        metric.n
    )
}

/// What each judge was worth, and what has to be known before its metric is believed.
fn judges(report: &Report) -> String {
    let mut out = String::new();
    for judge in &report.judges {
        let _ = writeln!(out, "\n{}", escape(&judge.sentence()));
        for warning in &judge.warnings {
            let _ = writeln!(out, "- ⚠️ {}", escape(warning));
        }
    }
    out
}

fn slices(report: &Report) -> String {
    let lines: String = changed_slices(report).into_iter().map(|slice| format!("- {}\n", escape(&slice.sentence()))).collect();
    if lines.is_empty() { lines } else { format!("\nSlices\n{lines}") }
}

fn fairness(report: &Report) -> String {
    let mut out = String::new();
    for metric in &report.fairness {
        let line = |cells: [String; 9]| format!("| {} |", cells.map(|cell| escape(&cell)).join(" | "));
        let _ = writeln!(out, "\n{}\n", escape(&metric.sentence()));
        let _ = writeln!(out, "{}\n|---|--:|--:|--:|--:|--:|--:|--:|---|", line(FairnessReport::COLUMNS.map(str::to_owned)));
        for cells in metric.rows() {
            let _ = writeln!(out, "{}", line(cells));
        }
    }
    out
}

fn cases(report: &Report) -> String {
    let failing: Vec<String> = report.cases.iter().filter(|case| case.outcome == CaseOutcome::Fail).map(|case| case.id.clone()).collect();
    // With a baseline a failing answer is data; what changed is told.
    let failing = (report.run.baseline.is_none() && !failing.is_empty()).then_some(("failing", failing.as_slice()));
    let mut out = String::new();
    for (name, ids) in report.changes.lists().chain(failing) {
        let _ = writeln!(out, "\n<details><summary>{name}: {}</summary>\n", ids.len());
        for id in ids.iter().take(CASES_MAX) {
            let mut cases = report.cases.iter().filter(|case| case.id == *id).peekable();
            let name = cases.peek().map_or_else(|| id.clone(), |case| case.name());
            let _ = writeln!(out, "- `{}` {}", code(&name), escape(&cases.find_map(CaseReport::fault).unwrap_or_default()));
        }
        if ids.len() > CASES_MAX {
            let _ = writeln!(out, "- and {} more", ids.len() - CASES_MAX);
        }
        out.push_str("\n</details>\n");
    }
    out
}

/// Text in a span of code, which a backtick or a line break would end.
fn code(text: &str) -> String {
    text.chars().map(|c| if c == '`' || c.is_control() { '\'' } else { c }).take(200).collect()
}

/// Text from answers stays text: no markup, no links, no mentions, one line.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().take(300) {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' | '~' => out.extend(['\\', c]),
            // A word joiner keeps @name from calling somebody.
            '@' => out.push_str("@\u{2060}"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn hostile_text_stays_text() {
        assert_eq!(escape("<b>@you | [x](y)\n`"), "&lt;b&gt;@\u{2060}you \\| \\[x\\](y) \\`");
    }
}
