//! `karat eval compare`: two runs that were made before.

use std::collections::BTreeMap;
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
        let what = "its cases are rows of a SELECT, which is not asked here; leave out --suite";
        return Err(Error::config(format!("{}: {what}", suite.path.display())));
    }
    let mut suite = suite.unwrap_or_else(|| of_report(&candidate));
    let (path, report) = baseline;
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
        ..candidate
    })
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
    // Ids stand there once for every repeat and provider.
    dataset.duplicates.clear();
    bare(PathBuf::from(&report.run.suite), dataset, metrics.collect(), GateSpec::default())
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
