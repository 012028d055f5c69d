//! The report as a person reads it in a terminal.

use std::fmt::Write;

use crate::fairness::FairnessReport;
use crate::gate::number;
use crate::report::shared::{self, against, changed_slices, signed};
use crate::report::{CaseOutcome, MetricReport, Mode, Report};

/// Cases that are shown one by one at most.
const CASES_MAX: usize = 8;

/// Writes the verdict, a table of the metrics with what each says, and the cases that are worth a look.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = write!(out, "{}", head(report));
    let _ = writeln!(out);
    let _ = write!(out, "{}", table(&report.metrics));
    for metric in report.metrics.iter().filter(|metric| !metric.reason.is_empty()) {
        let _ = writeln!(out, "  {}: {}", metric.name, one_line(&metric.reason));
    }
    for judge in &report.judges {
        let _ = writeln!(out, "  {}", judge.sentence());
        for warning in &judge.warnings {
            let _ = writeln!(out, "    ! {warning}");
        }
    }
    let _ = write!(out, "{}{}{}{}", derived(report), slices(report), fairness(report), cases(report));
    let _ = writeln!(out, "\n{}  {}  (exit {})", report.verdict.outcome.name(), one_line(&report.verdict.summary), report.verdict.exit_code);
    out
}

fn head(report: &Report) -> String {
    let run = &report.run;
    let mut out = format!("{}: {}", run.suite, one_line(&shared::cases(run)));
    if run.n_repeats > 1 {
        let _ = write!(out, " x {}", run.n_repeats);
    }
    let _ = write!(out, " in {:.1} s", run.duration_ms as f64 / 1e3);
    if let Some(cost) = run.cost_usd {
        let _ = write!(out, ", ${cost:.4}");
    }
    let _ = writeln!(out, ", {}", against(run));
    out
}

fn table(metrics: &[MetricReport]) -> String {
    let compared = metrics.iter().any(|metric| metric.difference.is_some());
    let mut rows: Vec<Vec<String>> = Vec::new();
    let header = if compared {
        ["metric", "outcome", "baseline", "now", "difference", "95 %", "p", "p adj.", "n", "unscored"].as_slice()
    } else {
        ["metric", "outcome", "now", "95 %", "n", "unscored"].as_slice()
    };
    rows.push(header.iter().map(|name| (*name).to_owned()).collect());
    rows.extend(metrics.iter().map(|metric| if compared { compared_row(metric) } else { plain_row(metric) }));
    aligned(&rows, 2)
}

/// Sets rows of one length in columns, the first `n_left` of them to the left.
fn aligned(rows: &[Vec<String>], n_left: usize) -> String {
    let n_columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..n_columns).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| pad(cell, *width, at < n_left)).collect();
        let _ = writeln!(out, "  {}", cells.join("  ").trim_end());
    }
    out
}

/// How groups differ: a sentence and a table a metric.
fn fairness(report: &Report) -> String {
    let mut out = String::new();
    for metric in &report.fairness {
        let rows: Vec<Vec<String>> = std::iter::once(FairnessReport::COLUMNS.map(str::to_owned)).chain(metric.rows()).map(Vec::from).collect();
        let _ = write!(out, "\n{}\n{}", metric.sentence(), aligned(&rows, 1));
    }
    if out.is_empty() { out } else { format!("\nfairness{out}") }
}

fn pad(cell: &str, width: usize, left: bool) -> String {
    let space = " ".repeat(width.saturating_sub(cell.chars().count()));
    if left { format!("{cell}{space}") } else { format!("{space}{cell}") }
}

fn compared_row(metric: &MetricReport) -> Vec<String> {
    let open = |end: Option<f64>| end.map_or("..".to_owned(), signed);
    vec![
        metric.name.clone(),
        outcome(metric),
        show(metric.baseline),
        show(metric.candidate),
        metric.difference.map_or("-".to_owned(), signed),
        metric.interval.map_or("-".to_owned(), |[low, high]| format!("{} {}", open(low), open(high))),
        metric.p.map_or("-".to_owned(), |p| format!("{p:.4}")),
        metric.p_adjusted.map_or("-".to_owned(), |p| format!("{p:.4}")),
        metric.n.to_string(),
        metric.n_unscored.to_string(),
    ]
}

fn plain_row(metric: &MetricReport) -> Vec<String> {
    vec![
        metric.name.clone(),
        outcome(metric),
        show(metric.candidate),
        metric.candidate_interval.map_or("-".to_owned(), |[low, high]| format!("{} {}", number(low), number(high))),
        metric.n.to_string(),
        metric.n_unscored.to_string(),
    ]
}

fn outcome(metric: &MetricReport) -> String {
    let mode = match metric.mode {
        Mode::Guard => "",
        Mode::Prove => " (prove)",
        Mode::Critical => " (critical)",
    };
    format!("{}{mode}", metric.outcome.map_or("-", |outcome| outcome.name()))
}

fn show(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), number)
}

/// What is derived from the named metrics, a line a prompt and provider.
fn derived(report: &Report) -> String {
    let mut lines = String::new();
    for sums in &report.sums {
        let is_derived = |name: &&String| report.metrics.iter().all(|metric| metric.name != **name);
        let shown: Vec<String> = sums.sums.keys().filter(is_derived).map(|name| format!("{name} {}", number(sums.sums[name]))).collect();
        let of = [sums.provider.as_str(), sums.prompt.as_str()].into_iter().filter(|label| !label.is_empty()).collect::<Vec<_>>().join(", ");
        if !shown.is_empty() {
            // Writing to a String does not fail.
            let _ = writeln!(lines, "  {}: {}", one_line(&of), one_line(&shown.join("; ")));
        }
    }
    if lines.is_empty() { lines } else { format!("\nderived metrics\n{lines}") }
}

fn slices(report: &Report) -> String {
    let lines: String = changed_slices(report).into_iter().map(|slice| format!("  {}\n", printable(&slice.sentence()))).collect();
    if lines.is_empty() { lines } else { format!("\nslices\n{lines}") }
}

/// What changed case by case, and the first failures with their reasons.
fn cases(report: &Report) -> String {
    let mut out = String::new();
    let changes = &report.changes;
    for (name, ids) in changes.lists() {
        let shown = ids.iter().take(CASES_MAX).cloned().collect::<Vec<_>>().join(", ");
        let more = if ids.len() > CASES_MAX { ", ..." } else { "" };
        let _ = writeln!(out, "  {name} ({}): {}{more}", ids.len(), one_line(&shown));
    }
    let wanted = |outcome: CaseOutcome| matches!(outcome, CaseOutcome::Fail | CaseOutcome::Error);
    let interesting = |id: &String| changes.newly_failing.contains(id) || changes.errored.contains(id) || report.run.baseline.is_none();
    for case in report.cases.iter().filter(|case| wanted(case.outcome) && interesting(&case.id)).take(CASES_MAX) {
        let _ = writeln!(out, "  {} {}: {}", case.outcome.name(), one_line(&case.name()), printable(&case.fault().unwrap_or_default()));
    }
    if out.is_empty() { out } else { format!("\ncases\n{out}") }
}

/// The beginning of what may be long.
fn printable(text: &str) -> String {
    one_line(text).chars().take(160).collect()
}

/// One line without control characters: answers must not move the cursor of a terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
