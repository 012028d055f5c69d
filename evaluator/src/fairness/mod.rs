//! Whether a run treats groups alike: the same template asked for each group, and the groups' means side by side.
//!
//! Groups are values of a column. Cases that differ by the group alone share a value of another column, the pair; a dataset has both, or
//! its `swap` makes them. All p-values of a run, over metrics and groups, are corrected together (Benjamini-Hochberg).

mod group;
mod report;

use measure::fairness::{Counterfactual, Disparity, FourFifths, counterfactual, disparity, four_fifths, shrink};
use measure::test::bh;
use measure::{Interval, Seed};
use serde::Deserialize;

use crate::checks::Scale;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::keys::unknown;
use crate::metrics::Metric;
use crate::report::CaseReport;
use crate::suite::Suite;
use group::{Cell, Groups};

pub use report::{FairnessReport, GroupReport, OthersReport};

/// The `fairness` of a suite.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FairnessSpec {
    /// Column whose values are the groups.
    #[serde(default = "default_group")]
    pub group: String,
    /// Column that is alike in cases that differ by the group alone.
    #[serde(default = "default_pair")]
    pub pair: String,
    /// Metrics to look at; all where none is named.
    #[serde(default)]
    pub metrics: Vec<String>,
    /// Difference below which groups count as treated alike, in the metric's unit.
    #[serde(default = "default_margin")]
    pub margin: f64,
}

fn default_group() -> String {
    "group".to_owned()
}

fn default_pair() -> String {
    "pair".to_owned()
}

fn default_margin() -> f64 {
    0.05
}

/// One group's part of a metric, before the correction.
struct Look {
    group: String,
    n: usize,
    mean: f64,
    interval: Option<Interval>,
    shrunk: Option<f64>,
    others: Option<Counterfactual>,
}

/// Compares the groups of a run, metric by metric.
pub(crate) fn fairness(suite: &Suite, cases: &[CaseReport]) -> Result<Vec<FairnessReport>, Error> {
    let Some(spec) = &suite.fairness else { return Ok(Vec::new()) };
    let wanted = |name: &str| spec.metrics.is_empty() || spec.metrics.iter().any(|metric| metric == name);
    let mut reports = Vec::new();
    for metric in suite.metrics.iter().filter(|metric| wanted(&metric.name)) {
        let groups = Groups::of(suite, spec, cases, &metric.name);
        if groups.by_name.len() >= 2 {
            reports.push(look(spec, metric, &groups)?);
        }
    }
    correct(&mut reports);
    Ok(reports)
}

fn look(spec: &FairnessSpec, metric: &Metric, groups: &Groups) -> Result<FairnessReport, Error> {
    let (metric, scale) = (metric.name.as_str(), metric.scale);
    let samples: Vec<measure::fairness::Group> = groups.by_name.values().map(|cells| sample(cells)).collect();
    let gap = disparity(&samples)?;
    let rates = groups.are_rates().then(|| groups.by_name.values().map(|cells| hits(cells)).collect::<Vec<_>>());
    let fifths = rates.as_deref().map(|rates| four_fifths(rates, Seed::of(["four_fifths", metric]))).transpose()?;
    let shrunk = shrunk(&samples);
    let mut looks = Vec::new();
    for (index, (name, cells)) in groups.by_name.iter().enumerate() {
        let differences = groups.against_others(name);
        looks.push(Look {
            group: name.clone(),
            n: cells.len(),
            mean: samples[index].moments.mean,
            interval: interval(cells, rates.as_ref().map(|rates| rates[index]), scale),
            shrunk: shrunk.as_ref().map(|shrunk| shrunk[index]),
            others: (differences.len() >= 2)
                .then(|| counterfactual(&differences, spec.margin, Seed::of(["counterfactual", metric, name])))
                .transpose()?,
        });
    }
    Ok(written(spec, metric, looks, &gap, fifths))
}

fn sample(cells: &[Cell]) -> measure::fairness::Group {
    let values: Vec<f64> = cells.iter().map(|cell| cell.value).collect();
    measure::fairness::Group { moments: measure::Moments::of(&values), values }
}

fn hits(cells: &[Cell]) -> (u64, u64) {
    (cells.iter().filter(|cell| cell.value == 1.0).count() as u64, cells.len() as u64)
}

/// Wilson's interval of a rate, Student's of any other mean; what no score can be is left out of it, which costs no coverage.
fn interval(cells: &[Cell], rate: Option<(u64, u64)>, scale: Scale) -> Option<Interval> {
    if let Some((hits, n)) = rate {
        return measure::interval::wilson(hits, n, 0.95).ok();
    }
    let values: Vec<f64> = cells.iter().map(|cell| cell.value).collect();
    let Interval { low, high } = measure::test::paired_t(&values).ok()?.interval(0.95);
    Some(if scale == Scale::Unbounded { Interval { low, high } } else { Interval { low: low.max(0.0), high: high.min(1.0) } })
}

/// Means that borrow from each other; nothing where no group's spread can be told.
fn shrunk(samples: &[measure::fairness::Group]) -> Option<Vec<f64>> {
    let mut all = measure::Moments::default();
    samples.iter().for_each(|sample| all.merge(&sample.moments));
    // The common spread: a small group whose few rows are all alike is not known the better for it.
    let variance = all.sd().powi(2);
    let variances: Vec<f64> = samples.iter().map(|sample| variance / sample.values.len() as f64).collect();
    shrink(&samples.iter().map(|sample| sample.moments.mean).collect::<Vec<_>>(), &variances).ok()
}

fn written(spec: &FairnessSpec, metric: &str, looks: Vec<Look>, gap: &Disparity, fifths: Option<FourFifths>) -> FairnessReport {
    let name_of = |index: usize| looks.get(index).map(|look| look.group.clone()).unwrap_or_default();
    FairnessReport {
        metric: metric.to_owned(),
        column: spec.group.clone(),
        margin: spec.margin,
        gap: gap.gap,
        gap_adjusted: gap.gap_adjusted,
        p: gap.p_value,
        p_adjusted: gap.p_value,
        highest: name_of(gap.highest),
        lowest: name_of(gap.lowest),
        four_fifths_ratio: fifths.map(|fifths| fifths.ratio),
        four_fifths_false_alarms: fifths.map(|fifths| fifths.false_alarms),
        groups: looks.into_iter().map(GroupReport::from).collect(),
    }
}

impl From<Look> for GroupReport {
    fn from(look: Look) -> Self {
        let others = look.others.map(|others| OthersReport {
            n: others.n,
            difference: others.mean,
            interval: [others.interval.low, others.interval.high],
            p: others.p_value,
            p_adjusted: others.p_value,
            p_equivalent: others.p_equivalent,
            mean_absolute: others.mean_absolute,
        });
        let interval = look.interval.map(|interval| [interval.low, interval.high]);
        GroupReport { group: look.group, n: look.n, mean: look.mean, interval, shrunk: look.shrunk, others }
    }
}

/// Corrects the p-values of all gaps and of all groups, each kind together.
fn correct(reports: &mut [FairnessReport]) {
    let gaps = bh(&reports.iter().map(|report| report.p).collect::<Vec<_>>());
    reports.iter_mut().zip(gaps).for_each(|(report, p)| report.p_adjusted = p);
    let mut others: Vec<&mut OthersReport> =
        reports.iter_mut().flat_map(|report| &mut report.groups).filter_map(|group| group.others.as_mut()).collect();
    let corrected = bh(&others.iter().map(|others| others.p).collect::<Vec<_>>());
    others.iter_mut().zip(corrected).for_each(|(others, p)| others.p_adjusted = p);
}

impl FairnessSpec {
    /// Refuses columns and metrics that the suite does not have.
    pub(crate) fn check(&self, dataset: &Dataset, metrics: &[Metric]) -> Result<(), Error> {
        dataset.expect_column("fairness.group", &self.group)?;
        if self.pair != default_pair() {
            dataset.expect_column("fairness.pair", &self.pair)?;
        }
        // What is made of repeats has no score a case.
        let known: Vec<&str> = metrics.iter().filter(|metric| metric.spec.attempts().is_none()).map(|metric| metric.name.as_str()).collect();
        match self.metrics.iter().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(Error::config(format!("fairness.metrics: {}", unknown("metric", name, &known)))),
            None => Ok(()),
        }
    }
}
