//! The verdict in a word, a number and a sentence.

use crate::gate::decide::Ended;
use crate::gate::phrase::{change, counted};
use crate::metrics::Metric;
use crate::report::{MetricReport, RunOutcome, SliceReport, Verdict};
use crate::spec::OnInconclusive;

/// What the verdict rests on beside the metrics.
pub(crate) struct Facts {
    pub compared: bool,
    /// Why nothing can be judged, if so.
    pub unfit: Option<String>,
    pub ended: Ended,
    pub on_inconclusive: OnInconclusive,
    pub n_failed: usize,
    pub n_errors: usize,
    pub n_cases: usize,
    /// Answers that no check had anything to say about.
    pub n_unjudged: usize,
}

/// The first that holds: regressed, a threshold missed or (without a baseline) an assertion failed, budget spent, error, inconclusive, pass.
pub(crate) fn verdict(facts: &Facts, known: &[Metric], metrics: &[MetricReport], slices: &[SliceReport], dropped: &[String]) -> Verdict {
    let having = |outcome: RunOutcome| metrics.iter().filter(move |metric| metric.outcome == Some(outcome));
    let told = |outcome: RunOutcome| having(outcome).map(|metric| format!("{}: {}", metric.name, metric.reason)).collect::<Vec<_>>();
    let mut regressed = told(RunOutcome::Regressed);
    regressed.extend(
        slices
            .iter()
            .filter(|slice| slice.outcome == Some(RunOutcome::Regressed))
            .map(|slice| format!("{} fell where {} is {}", slice.metric, slice.column, slice.value)),
    );
    let end = |outcome, exit_code, summary: String| Verdict { outcome, exit_code, summary };
    if !regressed.is_empty() {
        return end(RunOutcome::Regressed, 100, regressed.join("; "));
    }
    let mut failed = told(RunOutcome::Fail);
    if !facts.compared && facts.n_failed > 0 {
        let errors = if facts.n_errors > 0 { format!(", and {} could not be judged", facts.n_errors) } else { String::new() };
        failed.insert(0, format!("{} of {} failed{errors}", facts.n_failed, counted(facts.n_cases, "answer")));
    }
    if !failed.is_empty() {
        failed.extend(facts.unfit.clone());
        return end(RunOutcome::Fail, 100, failed.join("; "));
    }
    if facts.ended == Ended::BudgetSpent {
        return end(RunOutcome::Error, 4, "the budget was spent before the end; what was scored is kept".to_owned());
    }
    if let Some(why) = &facts.unfit {
        return end(RunOutcome::Error, 3, why.clone());
    }
    if !facts.compared && facts.n_errors > 0 {
        return end(RunOutcome::Error, 3, format!("{} of {} could not be judged", facts.n_errors, counted(facts.n_cases, "answer")));
    }
    let mut inconclusive = told(RunOutcome::Inconclusive);
    let open = slices.iter().filter(|slice| slice.outcome == Some(RunOutcome::Inconclusive));
    inconclusive.extend(open.map(|slice| format!("{} where {} is {}: {}", slice.metric, slice.column, slice.value, slice.reason)));
    if !inconclusive.is_empty() {
        let exit_code = if facts.on_inconclusive == OnInconclusive::Warn { 0 } else { 101 };
        return end(RunOutcome::Inconclusive, exit_code, format!("no metric fell, but: {}", inconclusive.join("; ")));
    }
    end(RunOutcome::Pass, 0, if facts.compared { worth(known, metrics) + &uncompared(metrics, dropped) } else { passed(facts) })
}

/// How many answers passed, and how many had nothing in them to judge.
fn passed(facts: &Facts) -> String {
    match facts.n_unjudged {
        0 => format!("{} passed", counted(facts.n_cases, "answer")),
        n => format!("{} passed; {n} had nothing to judge", counted(facts.n_cases - n, "answer")),
    }
}

/// What a pass says nothing about: metrics that one of the two runs alone has.
fn uncompared(metrics: &[MetricReport], dropped: &[String]) -> String {
    let fresh: Vec<&str> = metrics.iter().filter(|metric| metric.outcome.is_none() && metric.n > 0).map(|metric| metric.name.as_str()).collect();
    let mut told = String::new();
    if !fresh.is_empty() {
        told.push_str(&format!("; not in the baseline yet: {}", fresh.join(", ")));
    }
    if !dropped.is_empty() {
        told.push_str(&format!("; in the baseline, and not measured by this run: {}", dropped.join(", ")));
    }
    told
}

/// What a pass is worth: the metric in which the largest fall could hide.
fn worth(known: &[Metric], metrics: &[MetricReport]) -> String {
    let gated = metrics.iter().filter(|metric| metric.outcome == Some(RunOutcome::Pass)).count();
    let in_range = |(metric, known): &(&MetricReport, &Metric)| {
        let unit = if known.scale == crate::checks::Scale::Unbounded { metric.baseline.unwrap_or(1.0).abs() } else { 1.0 };
        metric.mde.unwrap_or(0.0) / unit
    };
    let widest = metrics.iter().zip(known).filter(|(metric, _)| metric.mde.is_some()).max_by(|a, b| in_range(a).total_cmp(&in_range(b)));
    let caught = widest.map(|(metric, known)| (change(metric.mde.unwrap_or_default(), known.scale), &metric.name));
    match caught {
        Some((mde, name)) => format!("no regression found in {}; the least visible fall is {mde}, in {name}", counted(gated, "metric")),
        None => format!("no regression found in {}", counted(gated, "metric")),
    }
}
