//! The report as one HTML file: no script, no request, the outputs side by side with the baseline's.

use std::fmt::Write;

use crate::fairness::FairnessReport;
use crate::gate::number;
use crate::report::shared::{self, against, changed_slices};
use crate::report::{CaseOutcome, CaseReport, MetricReport, Report, RunOutcome};

const STYLE: &str = include_str!("report.css");

/// Cases that are shown with their outputs; the others are counted.
const CASES_MAX: usize = 500;

/// Writes the report; `baseline` is the run that it was compared with.
pub fn html(report: &Report, baseline: Option<&Report>) -> String {
    let verdict = &report.verdict;
    let mut body = String::new();
    // Writing to a String does not fail.
    let _ = writeln!(body, "<h1><span class=\"{0}\">{0}</span> {1}</h1>", verdict.outcome.name(), escape(&report.run.suite));
    let _ = writeln!(body, "<p class=\"summary\">{}</p>", escape(&verdict.summary));
    let _ = writeln!(body, "<p>{}</p>", about(report));
    body.push_str("<table><thead><tr><th scope=\"col\">metric</th><th scope=\"col\">outcome</th><th scope=\"col\">baseline</th><th scope=\"col\">candidate</th><th scope=\"col\">difference</th><th scope=\"col\">95 %</th><th scope=\"col\">p adj.</th><th scope=\"col\">n</th><th scope=\"col\">why</th></tr></thead><tbody>\n");
    for metric in &report.metrics {
        body.push_str(&row(metric));
    }
    body.push_str("</tbody></table>\n");
    for part in [judges(report), slices(report), fairness(report), changes(report)] {
        body.push_str(&part);
    }
    body.push_str("<h2>Cases</h2>\n");
    let mut cases: Vec<&CaseReport> = report.cases.iter().collect();
    cases.sort_by_key(|case| (!report.changes.newly_failing.contains(&case.id), case.outcome == CaseOutcome::Pass));
    for case in cases.iter().take(CASES_MAX) {
        body.push_str(&case_of(report, baseline, case));
    }
    if cases.len() > CASES_MAX {
        let _ = writeln!(body, "<p>{} more cases are in the JSON report.</p>", cases.len() - CASES_MAX);
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{} {}</title><style>{STYLE}</style></head><body><main>\n{body}</main></body></html>\n",
        verdict.outcome.name(),
        escape(&report.run.suite)
    )
}

fn about(report: &Report) -> String {
    let run = &report.run;
    let commit = run.git_commit.as_deref().map_or(String::new(), |commit| format!(", commit {}", commit.chars().take(10).collect::<String>()));
    escape(&format!("run {} of {}{commit}, {} × {}, {}", run.id, run.started_at, shared::cases(run), run.n_repeats, against(run)))
}

/// What each judge was worth, and what has to be known before its metric is believed.
fn judges(report: &Report) -> String {
    let warnings = |warnings: &[String]| warnings.iter().map(|warning| format!("<li class=\"error\">{}</li>", escape(warning))).collect::<String>();
    let judges = report.judges.iter().map(|judge| format!("<p>{}</p><ul>{}</ul>\n", escape(&judge.sentence()), warnings(&judge.warnings)));
    section("Judges", judges)
}

fn slices(report: &Report) -> String {
    section("Slices", changed_slices(report).into_iter().map(|slice| format!("<p>{}</p>\n", escape(&slice.sentence()))))
}

/// The cases that changed since the baseline, by name.
fn changes(report: &Report) -> String {
    let list = |(name, ids): (&str, &[String])| {
        let shown = ids.iter().take(CASES_MAX).cloned().collect::<Vec<_>>().join(", ");
        format!("<p><strong>{name}: {}</strong> {}</p>\n", ids.len(), escape(&shown))
    };
    section("Changes", report.changes.lists().map(list))
}

/// A heading and what stands under it; nothing where there is nothing.
fn section(title: &str, parts: impl Iterator<Item = String>) -> String {
    let body: String = parts.collect();
    if body.is_empty() { body } else { format!("<h2>{title}</h2>\n{body}") }
}

fn fairness(report: &Report) -> String {
    let mut out = String::new();
    for metric in &report.fairness {
        let line = |cell: &str, cells: [String; 9]| cells.map(|text| format!("<{cell}>{}</{cell}>", escape(&text))).concat();
        // Writing to a String does not fail.
        let _ = writeln!(
            out,
            "<h2>Groups</h2><p>{}</p><table><thead><tr>{}</tr></thead><tbody>",
            escape(&metric.sentence()),
            line("th", FairnessReport::COLUMNS.map(str::to_owned))
        );
        for cells in metric.rows() {
            let _ = writeln!(out, "<tr>{}</tr>", line("td", cells));
        }
        out.push_str("</tbody></table>\n");
    }
    out
}

fn row(metric: &MetricReport) -> String {
    let value = |value: Option<f64>| value.map_or("–".to_owned(), number);
    let ends = metric.interval.or_else(|| metric.candidate_interval.map(|ends| ends.map(Some)));
    format!(
        "<tr><th scope=\"row\">{}</th><td class=\"{2}\">{1}</td><td>{3}</td><td>{4}</td><td>{5}</td><td>{6}</td><td>{7}</td><td>{8}</td><td class=\"why\">{9}</td></tr>\n",
        escape(&metric.name),
        metric.outcome.map_or("–", RunOutcome::name),
        metric.outcome.map_or("", RunOutcome::name),
        value(metric.baseline),
        value(metric.candidate),
        value(metric.difference),
        ends.map_or("–".to_owned(), |[low, high]| format!("{} to {}", value(low), value(high))),
        metric.p_adjusted.map_or("–".to_owned(), |p| format!("{p:.4}")),
        metric.n,
        escape(&metric.reason)
    )
}

fn case_of(report: &Report, baseline: Option<&Report>, case: &CaseReport) -> String {
    let is_new = report.changes.newly_failing.contains(&case.id);
    let before = baseline.and_then(|baseline| {
        baseline.cases.iter().find(|other| other.id == case.id && other.repeat == case.repeat && other.provider == case.provider)
    });
    let mut out = format!(
        "<details{}><summary><span class=\"{1}\">{1}</span> {2}{3} · {4}</summary>\n",
        if is_new { " open" } else { "" },
        case.outcome.name(),
        escape(&case.name()),
        if is_new { " <strong>newly failing</strong>" } else { "" },
        escape(&case.provider)
    );
    if let Some(error) = &case.error {
        let _ = writeln!(out, "<p class=\"error\">{}</p>", escape(error));
    }
    let new = case.output.as_deref().unwrap_or_default();
    match before.and_then(|before| before.output.as_deref()) {
        Some(old) if old != new => {
            let (old, new) = marked(old, new);
            let _ =
                writeln!(out, "<div class=\"pair\"><div><h3>baseline</h3><pre>{old}</pre></div><div><h3>candidate</h3><pre>{new}</pre></div></div>");
        }
        _ => {
            let _ = writeln!(out, "<pre>{}</pre>", escape(new));
        }
    }
    out.push_str("<ul>\n");
    for score in &case.scores {
        let mark = score.passed.map_or("·", |passed| if passed { "✓" } else { "✗" });
        let value = score.value.map_or(String::new(), number);
        let _ = writeln!(out, "<li>{mark} {} {value} {}</li>", escape(&score.metric), escape(&score.reason));
    }
    out.push_str("</ul></details>\n");
    out
}

/// Two texts with what differs between their words marked: what stands between the common beginning and the common end.
fn marked(old: &str, new: &str) -> (String, String) {
    let words = |text: &'_ str| text.split_inclusive(char::is_whitespace).map(str::to_owned).collect::<Vec<_>>();
    let (old, new) = (words(old), words(new));
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let room = old.len().min(new.len()) - start;
    let end = old.iter().rev().zip(new.iter().rev()).take(room).take_while(|(a, b)| a == b).count();
    let mark = |words: &[String], tag: &str| {
        let (head, rest) = words.split_at(start);
        let (middle, tail) = rest.split_at(rest.len() - end);
        let middle = if middle.is_empty() { String::new() } else { format!("<{tag}>{}</{tag}>", escape(&middle.concat())) };
        format!("{}{middle}{}", escape(&head.concat()), escape(&tail.concat()))
    };
    (mark(&old, "del"), mark(&new, "ins"))
}

/// Text from answers stays text.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_marked_and_stays_text() {
        assert_eq!(marked("a <b> c d", "a x c d"), ("a <del>&lt;b&gt; </del>c d".to_owned(), "a <ins>x </ins>c d".to_owned()));
        assert_eq!(marked("a b", "a b b"), ("a b".to_owned(), "a <ins>b </ins>b".to_owned()));
    }
}
