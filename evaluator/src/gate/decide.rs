//! The decision over a whole run.

use std::collections::BTreeSet;

use measure::test::mcnemar;

use crate::checks::{Outcome, Scale};
use crate::error::Error;
use crate::gate::changes::changes;
use crate::gate::compare::{Comparison, Test};
use crate::gate::correct::{Tested, correct};
use crate::gate::extend::Looks;
use crate::gate::judge::{Rules, judge, visible};
use crate::gate::manski::Bounds;
use crate::gate::needed::Noise;
use crate::gate::pairing::{Columns, shared};
use crate::gate::phrase::counted;
use crate::gate::slices::{Slice, slices};
use crate::gate::summary::{Facts, verdict};
use crate::gate::values::{CaseValue, Cases, Key, passes};
use crate::metrics::Metric;
use crate::report::{CaseOutcome, CaseReport, Changes, MetricReport, Report, RunOutcome, SliceReport, Verdict};
use crate::spec::{Better, GateSpec};
use crate::suite::Suite;

/// What the gate says about a run.
pub(crate) struct Decision {
    pub metrics: Vec<MetricReport>,
    pub slices: Vec<SliceReport>,
    pub changes: Changes,
    pub verdict: Verdict,
    /// Whether more repeats may decide what is open.
    pub repeats_may_tell: bool,
}

/// How the run itself ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Every case was run.
    Whole,
    /// The budget was spent before.
    BudgetSpent,
}

/// One metric, looked at from all sides before the correction.
pub(crate) struct Look<'a> {
    pub metric: &'a Metric,
    /// Nothing where there is no baseline, or the baseline does not know the metric.
    pub comparison: Option<Comparison>,
    /// The same with every newly missing case at its worst, where significantly more of them are missing than before.
    pub imputed: Option<Comparison>,
    /// Values of this run, without a pairing.
    pub values: Vec<f64>,
    /// The cluster of each of them.
    pub clusters: Option<Vec<usize>>,
    pub n_unscored: usize,
    /// Cases that the baseline scored and this run did not.
    pub n_lost: usize,
    pub n_new: usize,
    pub n_removed: usize,
    /// What the unscored cases could make of it.
    pub bounds: Option<Bounds>,
    /// How much repeats differ; nothing where there is one a case.
    pub noise: Option<Noise>,
    /// Cases that a critical metric complains about.
    pub newly_failing: Vec<String>,
}

/// Decides a run.
pub(crate) fn decide(suite: &Suite, cases: &[CaseReport], ended: Ended) -> Result<Decision, Error> {
    let order: Vec<String> = suite.dataset.cases.iter().map(|case| case.id.clone()).collect();
    let columns = Columns::of(suite);
    let candidate = Cases::of(cases);
    let report = suite.baseline.as_ref().map(|baseline| &baseline.report);
    let baseline = report.map(|report| Cases::paired(report, cases).held_against(&candidate));
    let changes = changes(&candidate, baseline.as_ref(), &order);
    let looks: Vec<Look<'_>> = suite.metrics.iter().map(|metric| look(metric, &columns, &candidate, baseline.as_ref())).collect::<Result<_, _>>()?;
    let unfit = unfit(suite, cases, &looks, &changes, report);
    let slices = match (&baseline, &unfit) {
        (Some(baseline), None) => slices(suite, &columns, &candidate, baseline)?,
        _ => Vec::new(),
    };
    let looked = Looks::of(suite, cases);
    let corrected = correct(&looks, &slices, suite.gate.q, looked)?;
    let rules = Rules { gate: &suite.gate, level: corrected.level, looked, compared: report.is_some(), fit: unfit.is_none() };
    let metrics: Vec<MetricReport> = looks
        .iter()
        .zip(&corrected.metrics)
        .zip(&corrected.hidden_fall)
        .map(|((look, tested), hidden)| judge(look, *tested, *hidden, &rules))
        .collect::<Result<_, _>>()?;
    let repeats_may_tell = looks.iter().zip(&metrics).any(|(look, metric)| repeats_may_tell(look, metric));
    let slice_reports = slices.iter().zip(&corrected.slices).map(|(slice, tested)| slice_report(slice, *tested, &rules));
    let slices: Vec<SliceReport> = slice_reports.collect::<Result<_, _>>()?;
    let count = |outcome: CaseOutcome| cases.iter().filter(|case| case.outcome == outcome).count();
    let facts = Facts {
        compared: report.is_some(),
        unfit,
        ended,
        on_inconclusive: suite.gate.on_inconclusive,
        n_failed: count(CaseOutcome::Fail),
        n_errors: count(CaseOutcome::Error),
        n_cases: cases.len(),
        n_unjudged: cases.iter().filter(|case| is_unjudged(case)).count(),
    };
    let changes = Changes { dropped_metrics: dropped(suite, report), ..changes };
    let verdict = verdict(&facts, &suite.metrics, &metrics, &slices, &changes.dropped_metrics);
    Ok(Decision { metrics, slices, changes, verdict, repeats_may_tell })
}

/// Metrics that the baseline scored and the suite does not know any more: what they guarded is guarded by nobody.
fn dropped(suite: &Suite, baseline: Option<&Report>) -> Vec<String> {
    let known: BTreeSet<&str> = suite.metrics.iter().map(|metric| metric.name.as_str()).collect();
    let scores = baseline.iter().flat_map(|report| &report.cases).flat_map(|case| &case.scores);
    let scored = scores.filter(|score| score.outcome == Outcome::Value && !known.contains(score.metric.as_str()));
    scored.map(|score| score.metric.as_str()).collect::<BTreeSet<_>>().into_iter().map(str::to_owned).collect()
}

/// Whether a metric is open for a reason that repeats take away: as far as is known, when there is one answer a case.
fn repeats_may_tell(look: &Look<'_>, metric: &MetricReport) -> bool {
    metric.outcome == Some(RunOutcome::Inconclusive) && (metric.repeats_needed.is_some() || metric.n_needed.is_some() && look.noise.is_none())
}

fn look<'a>(metric: &'a Metric, columns: &Columns<'_>, candidate: &Cases<'_>, baseline: Option<&Cases<'_>>) -> Result<Look<'a>, Error> {
    let now = candidate.of_metric(metric);
    let scored: Vec<(&Key, f64)> = now.iter().filter_map(|(key, value)| Some((*key, value.scored()?))).collect();
    let mut look = Look {
        metric,
        comparison: None,
        imputed: None,
        values: scored.iter().map(|(_, value)| *value).collect(),
        clusters: columns.clusters(scored.iter().map(|(key, _)| *key)),
        n_unscored: now.values().filter(|value| **value == CaseValue::Unscored).count(),
        n_lost: 0,
        n_new: 0,
        n_removed: 0,
        bounds: None,
        noise: Noise::of(candidate, metric),
        newly_failing: Vec::new(),
    };
    look.bounds = Bounds::of_value(metric, &look.values, look.n_unscored);
    let Some(baseline) = baseline else { return Ok(look) };
    if metric.spec.critical {
        look.newly_failing = newly_failing(metric, candidate, baseline);
    }
    if !baseline.knows(metric) {
        return Ok(look);
    }
    let (old_ids, new_ids) = (baseline.ids(), candidate.ids());
    look.n_new = new_ids.difference(&old_ids).count();
    look.n_removed = old_ids.difference(&new_ids).count();
    let cases = shared(candidate, baseline, metric);
    let comparison = columns.compare(metric, &cases, None, &[])?;
    let moved = |old: bool, new: bool| {
        let n = cases.iter().filter(|case| case.old.scored().is_some() == old && case.new.scored().is_some() == new).count();
        u64::try_from(n).unwrap_or(u64::MAX)
    };
    let (lost, found) = (moved(true, false), moved(false, true));
    look.n_lost = usize::try_from(lost).unwrap_or(usize::MAX);
    look.bounds = Bounds::of_difference(metric, &cases);
    if lost > 0 && mcnemar(found, lost).p_fall < 0.05 {
        look.imputed = Some(columns.compare(metric, &cases, Some(worst(metric, &comparison)), &[])?);
    }
    look.comparison = Some(comparison);
    Ok(look)
}

/// The worst value that a case without a score could have had.
fn worst(metric: &Metric, comparison: &Comparison) -> f64 {
    let seen = comparison.pairs.baseline.iter().chain(&comparison.pairs.candidate).copied();
    match (metric.scale, metric.better) {
        (Scale::Unbounded, Better::Lower) => seen.fold(0.0, f64::max),
        (Scale::Unbounded, Better::Higher) => seen.fold(0.0, f64::min),
        (_, Better::Higher) => 0.0,
        (_, Better::Lower) => 1.0,
    }
}

/// Cases of a critical metric that fail now in most of their repeats, and did not before or are new.
fn newly_failing(metric: &Metric, candidate: &Cases<'_>, baseline: &Cases<'_>) -> Vec<String> {
    let fails = |repeats: &Vec<&CaseReport>| {
        let decided: Vec<bool> = repeats.iter().filter_map(|case| passes(case, &metric.name)).collect();
        decided.iter().filter(|passed| !**passed).count() * 2 > decided.len()
    };
    let failed_before = |key: &Key| baseline.by_key.get(key).is_some_and(fails);
    let fresh = candidate.by_key.iter().filter(|(key, repeats)| fails(repeats) && !failed_before(key));
    fresh.map(|(key, _)| key.0.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Why nothing can be judged, if so.
fn unfit(suite: &Suite, cases: &[CaseReport], looks: &[Look<'_>], changes: &Changes, baseline: Option<&Report>) -> Option<String> {
    let duplicates = &suite.dataset.duplicates;
    if !duplicates.is_empty() {
        let shown = duplicates.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        return Some(format!("{} in the dataset ({shown}): which case is meant cannot be told", counted(duplicates.len(), "duplicate id")));
    }
    if looks.iter().all(|look| look.values.is_empty()) {
        let why = cases.iter().find_map(|case| {
            let failed = case.scores.iter().find(|score| score.outcome == Outcome::Failed);
            case.error.clone().or_else(|| failed.map(|score| score.reason.clone()))
        });
        return Some(why.map_or_else(|| "no case could be scored".to_owned(), |why| format!("no case could be scored: {why}")));
    }
    let baseline = baseline?;
    let before = baseline.cases.iter().map(|case| case.id.as_str()).collect::<BTreeSet<_>>().len();
    let (removed, edited) = (changes.removed.len(), changes.edited.len());
    if (removed + edited) as f64 > suite.gate.max_changed * before as f64 {
        return Some(format!(
            "of the baseline's {before} cases {removed} are gone and {edited} edited, more than max_changed = {}; {}",
            suite.gate.max_changed,
            if suite.baseline_path.is_some() {
                "make a new baseline by --update-baseline"
            } else {
                "run it once with --no-baseline, and hold later runs against that one"
            }
        ));
    }
    let paired = looks.iter().any(|look| look.comparison.as_ref().is_some_and(|comparison| comparison.n() > 0));
    (!paired).then(|| "no case is scored in both runs".to_owned())
}

/// Whether there was nothing in the answer that any of its checks could judge.
fn is_unjudged(case: &CaseReport) -> bool {
    !case.scores.is_empty() && case.scores.iter().all(|score| score.outcome == Outcome::NotApplicable)
}

fn slice_report(slice: &Slice<'_>, tested: Option<Tested>, rules: &Rules<'_>) -> Result<SliceReport, Error> {
    let found = &slice.comparison;
    let fall = -found.mean();
    let least = slice.metric.spec.min_effect.unwrap_or(rules.gate.min_effect);
    let fell = tested.is_some_and(|tested| tested.adjusted <= rules.gate.q) && fall > 0.0 && fall >= least;
    let mde = if slice.gating { visible(found, rules.level)? } else { None };
    let open = open_slice(slice, mde, rules.gate);
    let (outcome, reason) = match open {
        _ if fell => (RunOutcome::Regressed, String::new()),
        Some(open) => (RunOutcome::Inconclusive, open),
        None => (RunOutcome::Pass, String::new()),
    };
    Ok(SliceReport {
        column: slice.column.to_owned(),
        value: slice.value.clone(),
        metric: slice.metric.name.clone(),
        difference: found.candidate() - found.baseline(),
        p: tested.map(|tested| tested.p),
        p_adjusted: tested.map(|tested| tested.adjusted),
        mde,
        n: found.n(),
        gating: slice.gating,
        outcome: slice.gating.then_some(outcome),
        reason: if slice.gating { reason } else { String::new() },
    })
}

/// Why a slice in which nothing fell says nothing, if so: too much of it is without a score, or even a fall of everything would not have been seen.
fn open_slice(slice: &Slice<'_>, mde: Option<f64>, gate: &GateSpec) -> Option<String> {
    let total = slice.n_unscored + slice.n_scored;
    if slice.n_unscored as f64 > gate.max_unscored * total as f64 {
        return Some(format!("{} of {total} cases went unscored, more than max_unscored = {}", slice.n_unscored, gate.max_unscored));
    }
    match (&slice.comparison.test, mde) {
        (Test::None(why), _) => Some(format!("nothing to test: {why}")),
        (_, Some(mde)) if mde <= slice.comparison.unit() => None,
        _ if slice.comparison.is_idle() => None,
        _ => Some(format!("too little to tell: no fall could have been seen in {}", counted(slice.comparison.n(), "case"))),
    }
}
