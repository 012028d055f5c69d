//! What the rule of one metric says.

use crate::checks::Scale;
use crate::error::Error;
use crate::gate::bound::bound;
use crate::gate::compare::{Comparison, LEVEL, Test};
use crate::gate::correct::Tested;
use crate::gate::decide::Look;
use crate::gate::extend::Looks;
use crate::gate::needed::{Needed, looked_at_first, most_different};
use crate::gate::phrase::{change, counted, number};
use crate::gate::single::mean_interval;
use crate::report::{MetricReport, Mode, RunOutcome};
use crate::spec::{Better, GateSpec, MetricSpec};

/// What a pass says first.
const NO_REGRESSION: &str = "no regression found";

/// What holds for every metric of a run.
pub(crate) struct Rules<'a> {
    pub gate: &'a GateSpec,
    /// The level that one test among all has to reach.
    pub level: f64,
    pub looked: Looks,
    /// Whether there is a baseline.
    pub compared: bool,
    /// Whether the two runs can be compared at all.
    pub fit: bool,
}

/// Judges one metric. `tested` is its p-value, `hidden` whether newly missing cases could hide a fall.
pub(crate) fn judge(look: &Look<'_>, tested: Option<Tested>, hidden: bool, rules: &Rules<'_>) -> Result<MetricReport, Error> {
    let mut report = blank(look);
    if let Some(comparison) = &look.comparison {
        fill(&mut report, comparison, tested, look, rules)?;
    }
    let (outcome, reason) = match (&look.comparison, rules.compared && rules.fit) {
        (Some(comparison), true) if comparison.n() == 0 && is_empty(look) => (None, "no case has anything to judge".to_owned()),
        (Some(comparison), true) => decided(&mut report, look, comparison, tested, hidden, rules)?,
        (None, true) if look.values.is_empty() && look.n_unscored == 0 => (None, "no case has anything to judge".to_owned()),
        (None, true) if look.values.is_empty() => {
            report.n_missing = missing(look, rules.gate);
            (Some(RunOutcome::Inconclusive), format!("{}{}", unscored(look), scored_cases(report.n_missing)))
        }
        (None, true) if !look.newly_failing.is_empty() => {
            (Some(RunOutcome::Regressed), format!("the baseline does not have it yet, and {}", failing(look)))
        }
        (None, true) => (None, "the baseline does not have it yet".to_owned()),
        (_, false) => (None, unscored(look)),
    };
    let missed = missed(&look.metric.spec, &look.values, report.candidate_interval);
    (report.outcome, report.reason) = match missed {
        Some(missed) if outcome != Some(RunOutcome::Regressed) => (Some(RunOutcome::Fail), missed),
        Some(missed) => (outcome, format!("{reason}; {missed}")),
        None if outcome.is_none() && has_threshold(&look.metric.spec) && look.values.is_empty() => {
            (Some(RunOutcome::Inconclusive), format!("{reason}, so its threshold was not met by anything"))
        }
        None if outcome.is_none() && has_threshold(&look.metric.spec) && !look.values.is_empty() => (Some(RunOutcome::Pass), reason),
        None => (outcome, reason),
    };
    if let Some(bounds) = look.bounds {
        report.bounds = Some(bounds.ends);
        report.reason =
            [std::mem::take(&mut report.reason), bounds.sentence()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
    }
    if rules.compared {
        report.candidate_interval = None;
    }
    Ok(report)
}

/// A report with what is known without a comparison.
fn blank(look: &Look<'_>) -> MetricReport {
    let spec = &look.metric.spec;
    let interval = mean_interval(&look.values, look.clusters.as_deref(), look.metric.scale);
    MetricReport {
        name: look.metric.name.clone(),
        mode: if spec.critical {
            Mode::Critical
        } else if spec.margin.is_some() {
            Mode::Prove
        } else {
            Mode::Guard
        },
        outcome: None,
        reason: String::new(),
        better: look.metric.better,
        baseline: None,
        candidate: (!look.values.is_empty()).then(|| mean(&look.values)),
        candidate_interval: interval.map(|interval| [interval.low, interval.high]),
        difference: None,
        interval: None,
        level: LEVEL,
        p: None,
        p_adjusted: None,
        test: None,
        mde: None,
        margin: None,
        lower_bound: None,
        bounds: None,
        n_needed: None,
        clusters_needed: None,
        repeats_needed: None,
        n_missing: None,
        most_different: Vec::new(),
        n: look.values.len(),
        n_clusters: look.clusters.as_ref().map(|clusters| clusters.iter().max().map_or(0, |last| last + 1)),
        n_unscored: look.n_unscored,
        n_new: look.n_new,
        n_removed: look.n_removed,
        newly_failing: look.newly_failing.clone(),
    }
}

/// Adds what the comparison found.
fn fill(report: &mut MetricReport, comparison: &Comparison, tested: Option<Tested>, look: &Look<'_>, rules: &Rules<'_>) -> Result<(), Error> {
    report.n = comparison.n();
    report.n_clusters = comparison.n_clusters();
    if comparison.n() == 0 {
        return Ok(());
    }
    report.baseline = Some(comparison.baseline());
    report.candidate = Some(comparison.candidate());
    report.difference = Some(comparison.candidate() - comparison.baseline());
    let interval = comparison.interval(rules.looked.of_interval()?)?;
    let end = |end: f64| end.is_finite().then_some(end);
    report.interval = interval.map(|(interval, _)| [end(interval.low), end(interval.high)]);
    if look.metric.spec.critical {
        return Ok(());
    }
    report.p = tested.map(|tested| tested.p);
    report.p_adjusted = tested.map(|tested| tested.adjusted);
    let kind = rules.looked.name();
    let named = |name: String| interval.map_or(name.clone(), |(_, interval)| format!("{name}{kind}; interval: {interval}{kind}"));
    report.test = comparison.test_name().map(named);
    report.mde = visible(comparison, rules.level)?;
    Ok(())
}

/// The smallest fall that would have been caught; nothing where none would, not even one through the whole range.
pub(crate) fn visible(comparison: &Comparison, level: f64) -> Result<Option<f64>, Error> {
    if comparison.is_idle() {
        return Ok(None);
    }
    let mde = comparison.mde(level)?;
    let reachable = if comparison.scale == Scale::Unbounded { mde.is_finite() } else { mde <= 1.0 };
    Ok(reachable.then_some(mde))
}

/// The outcome of a metric that is compared, first rule that holds.
fn decided(
    report: &mut MetricReport,
    look: &Look<'_>,
    comparison: &Comparison,
    tested: Option<Tested>,
    hidden: bool,
    rules: &Rules<'_>,
) -> Result<(Option<RunOutcome>, String), Error> {
    let (spec, scale) = (&look.metric.spec, look.metric.scale);
    let inconclusive = |reason: String| Ok((Some(RunOutcome::Inconclusive), reason));
    if spec.critical && !look.newly_failing.is_empty() {
        return Ok((Some(RunOutcome::Regressed), failing(look)));
    }
    let (fall, least) = (-comparison.mean(), spec.min_effect.unwrap_or(rules.gate.min_effect));
    let mut fell = None;
    if let Some(tested) = tested.filter(|tested| tested.adjusted <= rules.gate.q && fall > 0.0) {
        let direction = if look.metric.better == Better::Higher { "fell" } else { "rose" };
        let what = format!("{direction} by {} (adjusted p {:.4})", change(fall, scale), tested.adjusted);
        if fall >= least {
            let within = proven_all_the_same(report, look, comparison, rules.looked)?;
            return Ok((Some(RunOutcome::Regressed), what + &within));
        }
        fell = Some(format!("{what}, less than min_effect = {}", change(least, scale)));
    }
    let total = look.n_unscored + look.values.len();
    if look.n_unscored as f64 > rules.gate.max_unscored * total as f64 {
        report.n_missing = missing(look, rules.gate);
        let what = format!("{} of {total} cases went unscored, more than max_unscored = {}", look.n_unscored, rules.gate.max_unscored);
        return inconclusive(format!("{what}{}", scored_cases(report.n_missing)));
    }
    if hidden {
        report.n_missing = Some(look.n_lost);
        let what = "more cases lack a score than in the baseline, and at their worst they would be a regression";
        return inconclusive(format!("{what}{}", scored_cases(report.n_missing)));
    }
    if spec.critical && comparison.n() == 0 && look.n_lost > 0 {
        return inconclusive(format!("nothing to test: none of the {} that the baseline scored is scored now", counted(look.n_lost, "case")));
    }
    if spec.critical {
        return Ok((Some(RunOutcome::Pass), format!("no case fails that passed before, of {}", comparison.n())));
    }
    if let Test::None(why) = comparison.test {
        return inconclusive(format!("nothing to test: {why}"));
    }
    let decided = seen_enough(report, look, comparison, rules)?;
    if decided.0 != Some(RunOutcome::Inconclusive) {
        let reason =
            fell.map_or(decided.1.clone(), |fell| format!("{fell}; {}", decided.1.trim_start_matches(NO_REGRESSION).trim_start_matches("; ")));
        return Ok((decided.0, reason));
    }
    let cases = most_different(comparison);
    let reason = format!("{}{}", decided.1, looked_at_first(&cases));
    report.most_different = cases.into_iter().map(|(id, _)| id).collect();
    inconclusive(reason)
}

/// Whether neither run has anything to judge, so that nothing was lost.
fn is_empty(look: &Look<'_>) -> bool {
    look.values.is_empty() && look.n_unscored == 0 && look.n_lost == 0 && look.n_removed == 0
}

/// The cases that a critical metric complains about.
fn failing(look: &Look<'_>) -> String {
    let shown = look.newly_failing.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    let more = if look.newly_failing.len() > 5 { ", ..." } else { "" };
    format!("{} newly: {shown}{more}", counted(look.newly_failing.len(), "case") + " fail")
}

/// Scored cases that are missing for coverage to be enough.
fn missing(look: &Look<'_>, gate: &GateSpec) -> Option<usize> {
    let total = look.n_unscored + look.values.len();
    (1..=look.n_unscored).find(|scored| (look.n_unscored - scored) as f64 <= gate.max_unscored * total as f64)
}

fn scored_cases(n: Option<usize>) -> String {
    n.map_or(String::new(), |n| format!("; {} more with a score would do", counted(n, "case")))
}

/// With many cases a fall can be seen and be smaller than the margin; the report says both, and `min_effect` decides.
fn proven_all_the_same(report: &mut MetricReport, look: &Look<'_>, comparison: &Comparison, looked: Looks) -> Result<String, Error> {
    let Some(margin) = look.metric.spec.margin.map(|margin| margin.of(comparison.baseline())) else { return Ok(String::new()) };
    let found = bound(comparison, margin, looked.level(1.0 - LEVEL)?, unscored_share(look))?;
    report.margin = Some(margin);
    report.lower_bound = found.lower.is_finite().then_some(found.lower);
    if !found.proven {
        return Ok(String::new());
    }
    Ok(format!("; it is shown to be within the margin of {}: set min_effect if that is small enough", change(margin, look.metric.scale)))
}

fn unscored_share(look: &Look<'_>) -> f64 {
    look.n_unscored as f64 / (look.n_unscored + look.values.len()).max(1) as f64
}

/// Whether a fall would have been seen, and whether the margin is proven.
fn seen_enough(
    report: &mut MetricReport,
    look: &Look<'_>,
    comparison: &Comparison,
    rules: &Rules<'_>,
) -> Result<(Option<RunOutcome>, String), Error> {
    let (spec, scale) = (&look.metric.spec, look.metric.scale);
    if comparison.is_idle() && spec.margin.is_none() {
        return Ok((Some(RunOutcome::Pass), format!("{NO_REGRESSION}: it is 0 in every case, as before")));
    }
    let limit = spec.max_mde.unwrap_or(rules.gate.max_mde) * comparison.unit();
    let visible = match report.mde {
        Some(mde) => format!("a fall of {} or more would have been caught (80 %)", change(mde, scale)),
        None => "no fall could have been seen".to_owned(),
    };
    if report.mde.is_none_or(|mde| mde > limit) {
        let needed = note(report, Needed::to_see(comparison, limit, rules.level, look.noise));
        return Ok((Some(RunOutcome::Inconclusive), format!("too little to tell: {visible}, max_mde wants {}{needed}", change(limit, scale))));
    }
    let Some(margin) = spec.margin.map(|margin| margin.of(comparison.baseline())) else {
        return Ok((Some(RunOutcome::Pass), format!("{NO_REGRESSION}; {visible}")));
    };
    let found = bound(comparison, margin, rules.looked.level(1.0 - LEVEL)?, unscored_share(look))?;
    report.margin = Some(margin);
    report.lower_bound = found.lower.is_finite().then_some(found.lower);
    let lower = report.lower_bound.map_or("open".to_owned(), |lower| change(lower, scale));
    if found.proven {
        return Ok((Some(RunOutcome::Pass), format!("shown not to have fallen by {} (lower bound {lower}); {visible}", change(margin, scale))));
    }
    let needed = note(report, Needed::to_prove(comparison, margin, rules.looked.reach()?, look.noise));
    Ok((Some(RunOutcome::Inconclusive), format!("not yet shown to be within {} (lower bound {lower}){needed}", change(margin, scale))))
}

/// Keeps what would decide in the report, and says it.
fn note(report: &mut MetricReport, needed: Needed) -> String {
    (report.n_needed, report.clusters_needed, report.repeats_needed) = (needed.cases, needed.clusters, needed.repeats);
    needed.sentence()
}

fn unscored(look: &Look<'_>) -> String {
    match (look.values.is_empty(), look.n_unscored) {
        (true, 0) => "no case has anything to judge".to_owned(),
        (true, n) => format!("not run: all {} went unscored", counted(n, "case")),
        (false, 0) => String::new(),
        (false, n) => format!("{} went unscored", counted(n, "case")),
    }
}

fn has_threshold(spec: &MetricSpec) -> bool {
    [spec.min, spec.max, spec.min_lower_bound, spec.max_upper_bound].iter().any(Option::is_some)
}

/// The absolute threshold that was missed, in words.
fn missed(spec: &MetricSpec, values: &[f64], interval: Option<[f64; 2]>) -> Option<String> {
    if values.is_empty() {
        return None;
    }
    let mean = mean(values);
    let below = |what: &str, value: f64, limit: Option<f64>| {
        limit.filter(|limit| value < *limit).map(|limit| format!("{what} {} is below {}", number(value), number(limit)))
    };
    let above = |what: &str, value: f64, limit: Option<f64>| {
        limit.filter(|limit| value > *limit).map(|limit| format!("{what} {} is above {}", number(value), number(limit)))
    };
    let [low, high] = interval.unwrap_or([f64::NEG_INFINITY, f64::INFINITY]);
    below("the value", mean, spec.min)
        .or_else(|| above("the value", mean, spec.max))
        .or_else(|| below("the lower bound", low, spec.min_lower_bound))
        .or_else(|| above("the upper bound", high, spec.max_upper_bound))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
