//! What every form of a report says in the same words.

use crate::checks::Outcome;
use crate::gate::number;
use crate::report::{CaseReport, Changes, Report, RunInfo, RunOutcome, SliceReport};

/// Adjusted p-value up to which a slice is worth a line.
const SLICE_P_MAX: f64 = 0.2;

/// Slices that are shown at most.
const SLICES_MAX: usize = 8;

/// What a run was compared with: the file or branch, how old its run is, and how many runs were averaged.
pub(super) fn against(run: &RunInfo) -> String {
    let Some(baseline) = &run.baseline else { return "without a baseline".to_owned() };
    let age = baseline.age_days.map_or(String::new(), |days| format!(", {} old", plural(days, "day")));
    let averaged = if baseline.n_runs > 1 { format!(", {} averaged", plural(baseline.n_runs.cast_signed(), "run")) } else { String::new() };
    format!("against {} (run {}{age}{averaged})", baseline.file, baseline.run)
}

/// How many cases there are, and which were left out.
pub(super) fn cases(run: &RunInfo) -> String {
    let part = run.part.as_ref().map_or(String::new(), |part| format!(" ({part})"));
    format!("{} cases{part}", run.n_cases)
}

fn plural(n: i64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// The slices that changed most, worst first, those that gate and those that were only looked at; and those that gate and cannot tell.
pub(super) fn changed_slices(report: &Report) -> Vec<&SliceReport> {
    let p = |slice: &SliceReport| slice.p_adjusted.unwrap_or(1.0);
    let is_open = |slice: &SliceReport| slice.outcome == Some(RunOutcome::Inconclusive);
    let mut shown: Vec<&SliceReport> = report.slices.iter().filter(|slice| p(slice) <= SLICE_P_MAX || is_open(slice)).collect();
    shown.sort_by(|a, b| p(a).total_cmp(&p(b)));
    shown.truncate(SLICES_MAX);
    shown
}

impl SliceReport {
    /// Says how the slice changed.
    pub(super) fn sentence(&self) -> String {
        let kind = if self.gating { "gating" } else { "explored" };
        let (p, difference) = (self.p_adjusted.unwrap_or(1.0), signed(self.difference));
        let open = if self.reason.is_empty() { String::new() } else { format!("; {}", self.reason) };
        format!("where {} is {}: {} {difference} (adjusted p {p:.4}, {} cases, {kind}){open}", self.column, self.value, self.metric, self.n)
    }
}

impl Changes {
    /// The lists of cases that are not empty, with what they are.
    pub(super) fn lists(&self) -> impl Iterator<Item = (&'static str, &[String])> {
        let lists = [
            ("newly failing", &self.newly_failing),
            ("fixed", &self.fixed),
            ("flaky", &self.flaky),
            ("could not be judged", &self.errored),
            ("new", &self.new),
            ("removed", &self.removed),
            ("edited", &self.edited),
            ("metrics that are not measured any more", &self.dropped_metrics),
        ];
        lists.into_iter().filter(|(_, ids)| !ids.is_empty()).map(|(name, ids)| (name, ids.as_slice()))
    }
}

impl CaseReport {
    /// The case's id, with what its test is about.
    pub(super) fn name(&self) -> String {
        self.description.as_ref().map_or_else(|| self.id.clone(), |description| format!("{} ({description})", self.id))
    }

    /// Why the case failed or could not be judged: its error, else the first check that says so, before others one that could not judge.
    pub(super) fn fault(&self) -> Option<String> {
        self.error.clone().or_else(|| {
            let unjudged = self.scores.iter().find(|score| score.outcome == Outcome::Failed);
            let score = unjudged.or_else(|| self.scores.iter().find(|score| score.passed == Some(false)))?;
            Some(format!("{}: {}", score.metric, score.reason))
        })
    }
}

/// A number with its sign, unless it is shown as 0.
pub(super) fn signed(value: f64) -> String {
    let plain = number(value);
    if value > 0.0 && !plain.trim_matches(['0', '.']).is_empty() { format!("+{plain}") } else { plain }
}
