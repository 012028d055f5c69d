//! `karat eval compare`: two runs that were made before.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schema::Micros;
use serde_json::{Map, Value};

use crate::checks::Scale;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::fairness::fairness;
use crate::gate::{Ended, decide};
use crate::metrics::Metric;
use crate::report::{MetricReport, Report};
use crate::run::baseline_info;
use crate::spec::{GateSpec, MetricSpec};
use crate::suite::Suite;

/// Holds a run against another; the suite gives clusters, slices and rules, without it every metric is guarded and cases are independent.
pub fn compare(baseline: (&Path, Report), candidate: Report, suite: Option<Suite>, now: Micros) -> Result<Report, Error> {
    if let Some(suite) = suite.as_ref().filter(|suite| suite.dataset.is_unseen) {
        let what = "its cases are rows of a SELECT, which nobody has asked; say where the tables are, or leave out --suite";
        return Err(Error::config(format!("{}: {what}", suite.path.display())));
    }
    if let Some(suite) = &suite {
        expect_cases(suite, &candidate)?;
    }
    let mut suite = suite.unwrap_or_else(|| of_report(&candidate));
    let (path, mut report) = baseline;
    if candidate.run.part.is_some() {
        let ids: BTreeSet<&str> = candidate.cases.iter().map(|case| case.id.as_str()).collect();
        report.cases.retain(|case| ids.contains(case.id.as_str()));
    }
    let before = report.judges.clone();
    let known = |metric: &str| before.iter().find(|judge| judge.metric == metric);
    let judges = candidate
        .judges
        .into_iter()
        .map(|judge| {
            let before = known(&judge.metric);
            judge.against(before)
        })
        .collect();
    suite.compare_with(path, report);
    let decision = decide(&suite, &candidate.cases, Ended::Whole)?;
    let fairness = fairness(&suite, &candidate.cases)?;
    let mut run = candidate.run;
    run.baseline = suite.baseline.as_ref().map(|baseline| baseline_info(baseline, now));
    Ok(Report {
        run,
        verdict: decision.verdict,
        metrics: decision.metrics,
        slices: decision.slices,
        fairness,
        changes: decision.changes,
        judges,
        ..candidate
    })
}

/// Refuses a run of other cases than the suite's, where it matters which they belong to: a case that is not known would be a cluster of its own.
fn expect_cases(suite: &Suite, candidate: &Report) -> Result<(), Error> {
    if suite.cluster.is_none() && suite.slices.is_empty() && suite.fairness.is_none() {
        return Ok(());
    }
    let known: BTreeSet<&str> = suite.dataset.cases.iter().map(|case| case.id.as_str()).collect();
    let strange: BTreeSet<&str> = candidate.cases.iter().map(|case| case.id.as_str()).filter(|id| !known.contains(id)).collect();
    match strange.first() {
        None => Ok(()),
        Some(first) => Err(Error::config(format!(
            "{}: {} of the candidate's cases are none of this suite's now, such as {first:?}, so that their clusters, slices and groups are not known; \
             give the suite and the dataset as they were, or leave out --suite",
            suite.path.display(),
            strange.len()
        ))),
    }
}

/// What is known of a suite by a report of it.
fn of_report(report: &Report) -> Suite {
    let metrics = report.metrics.iter().map(|metric| Metric {
        name: metric.name.clone(),
        scale: scale_of(report, metric),
        better: metric.better,
        spec: MetricSpec::default(),
    });
    let mut ids: Vec<&str> = report.cases.iter().map(|case| case.id.as_str()).collect();
    ids.dedup();
    let rows = ids.into_iter().map(|id| Map::from_iter([("id".to_owned(), Value::from(id))])).collect();
    let mut dataset = Dataset::of(rows, String::new());
    // Ids stand there once for every repeat, prompt and provider.
    dataset.duplicates = twice(report);
    bare(PathBuf::from(&report.run.suite), dataset, metrics.collect(), GateSpec::default())
}

/// Ids of cases that have two answers to one question.
fn twice(report: &Report) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let again = report.cases.iter().filter(|case| !seen.insert((&case.id, case.repeat, &case.prompt, &case.provider)));
    again.map(|case| case.id.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// A suite with nothing to ask and to check, but for its gate.
pub(crate) fn bare(path: PathBuf, dataset: Dataset, metrics: Vec<Metric>, gate: GateSpec) -> Suite {
    Suite {
        path,
        description: None,
        dataset,
        prompts: Vec::new(),
        providers: Vec::new(),
        repeat: 1,
        cluster: None,
        slices: Vec::new(),
        fairness: None,
        plans: Vec::new(),
        has_tests: false,
        derived: Vec::new(),
        overrides: BTreeMap::new(),
        metrics,
        gate,
        budget: None,
        baseline: None,
        kept_baseline: None,
        baseline_path: None,
        hash: String::new(),
        asking_hash: String::new(),
        part: None,
        left_out: BTreeSet::new(),
        cache: None,
        batch: Arc::default(),
    }
}

/// What a metric's values look like: passes and fails, shares, or anything.
fn scale_of(report: &Report, metric: &MetricReport) -> Scale {
    let scores = report.cases.iter().flat_map(|case| &case.scores).filter(|score| score.metric == metric.name);
    let values: Vec<f64> = scores.filter_map(|score| score.value).collect();
    if values.iter().all(|value| *value == 0.0 || *value == 1.0) {
        Scale::Rate
    } else if values.iter().all(|value| (0.0..=1.0).contains(value)) {
        Scale::Score
    } else {
        Scale::Unbounded
    }
}
