//! Whether a run treats groups alike: the same template asked for each group, and the groups' means side by side.
//!
//! Groups are values of a column. Cases that differ by the group alone share a value of another column, the pair; a dataset has both, or
//! its `swap` makes them. What is resampled is the suite's cluster, where it names one, else the pair, else the case. All p-values of differences in a run,
//! over metrics and groups, are corrected together (Benjamini-Hochberg), and so are those of equivalence: in one family, groups shown to be alike
//! would make it easier for others to differ.

mod group;
mod report;

use measure::fairness::{Counterfactual, Disparity, FourFifths, Kind, clustered_disparity, counterfactual, four_fifths, shrink};
use measure::test::bh;
use measure::{Interval, Seed};
use serde::Deserialize;

use crate::checks::Scale;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::gate::mean_interval;
use crate::keys::unknown;
use crate::metrics::Metric;
use crate::report::CaseReport;
use crate::suite::Suite;
use group::{Cell, Differences, Groups, clusters};

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
    let gap = clustered_disparity(&groups.members(), samples.len())?;
    let rates = groups.are_rates().then(|| groups.by_name.values().map(|cells| hits(cells)).collect::<Vec<_>>());
    let fifths = rates.as_deref().map(|rates| four_fifths(rates, Seed::of(["four_fifths", metric]))).transpose()?;
    let shrunk = shrunk(&samples);
    let kind = kind(scale, &samples);
    let mut looks = Vec::new();
    for (index, (name, cells)) in groups.by_name.iter().enumerate() {
        let differences = groups.against_others(name);
        looks.push(Look {
            group: name.clone(),
            n: cells.len(),
            mean: samples[index].moments.mean,
            interval: interval(cells, scale),
            shrunk: shrunk.as_ref().map(|shrunk| shrunk[index]),
            others: against_others(&differences, kind, spec.margin, Seed::of(["counterfactual", metric, name]))?,
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

/// The interval of a group's mean.
fn interval(cells: &[Cell], scale: Scale) -> Option<Interval> {
    let values: Vec<f64> = cells.iter().map(|cell| cell.value).collect();
    mean_interval(&values, clusters(cells).as_deref(), scale)
}

/// What the differences of a metric are made of.
fn kind(scale: Scale, samples: &[measure::fairness::Group]) -> Kind {
    let mut all = measure::Moments::default();
    samples.iter().for_each(|sample| all.merge(&sample.moments));
    match scale {
        Scale::Rate => Kind::Rate,
        Scale::Score => Kind::Score,
        Scale::Unbounded => Kind::Amount(all.mean),
    }
}

/// A group against the others; nothing below two pairs, and where all of them depend on each other.
fn against_others(differences: &Differences, kind: Kind, margin: f64, seed: Seed) -> Result<Option<Counterfactual>, Error> {
    let Differences { values, clusters } = differences;
    if values.len() < 2 || clusters.as_ref().is_some_and(|clusters| clusters.iter().all(|cluster| *cluster == 0)) {
        return Ok(None);
    }
    let mut found = counterfactual(values, clusters.as_deref(), kind, margin, seed)?;
    if !matches!(kind, Kind::Amount(_)) {
        found.interval = Interval { low: found.interval.low.max(-1.0), high: found.interval.high.min(1.0) };
    }
    Ok(Some(found))
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
            p_equivalent_adjusted: others.p_equivalent,
            mean_absolute: others.mean_absolute,
        });
        let interval = look.interval.map(|interval| [interval.low, interval.high]);
        GroupReport { group: look.group, n: look.n, mean: look.mean, interval, shrunk: look.shrunk, others }
    }
}

/// Corrects the p-values of all differences together, those of gaps and of groups; and all those of equivalence.
fn correct(reports: &mut [FairnessReport]) {
    let others = || reports.iter().flat_map(|report| &report.groups).filter_map(|group| group.others.as_ref());
    let different: Vec<f64> = reports.iter().map(|report| report.p).chain(others().map(|others| others.p)).collect();
    let mut equivalent = bh(&others().map(|others| others.p_equivalent).collect::<Vec<_>>()).into_iter();
    let mut different = bh(&different).into_iter();
    reports.iter_mut().zip(&mut different).for_each(|(report, p)| report.p_adjusted = p);
    let others = reports.iter_mut().flat_map(|report| &mut report.groups).filter_map(|group| group.others.as_mut());
    for ((others, p), p_equivalent) in others.zip(&mut different).zip(&mut equivalent) {
        (others.p_adjusted, others.p_equivalent_adjusted) = (p, p_equivalent);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn group(p: f64, p_equivalent: f64) -> GroupReport {
        let (interval, p_adjusted, p_equivalent_adjusted) = ([-1.0, 1.0], p, p_equivalent);
        let others = OthersReport { n: 9, difference: 0.0, interval, p, p_adjusted, p_equivalent, p_equivalent_adjusted, mean_absolute: 0.0 };
        GroupReport { group: String::new(), n: 9, mean: 0.5, interval: None, shrunk: None, others: Some(others) }
    }

    /// A gap and two groups are three tests of one family, whatever is shown to be alike.
    #[test]
    fn gaps_and_groups_are_corrected_together() {
        let looks = vec![];
        let gap = Disparity { gap: 0.1, gap_adjusted: 0.0, p_value: 0.02, highest: 0, lowest: 1, exact: true };
        let spec = FairnessSpec { group: default_group(), pair: default_pair(), metrics: Vec::new(), margin: default_margin() };
        let mut reports = [written(&spec, "metric", looks, &gap, None)];
        reports[0].groups = vec![group(0.04, 0.01), group(0.9, 0.04)];
        correct(&mut reports);
        let others: Vec<&OthersReport> = reports[0].groups.iter().filter_map(|group| group.others.as_ref()).collect();
        let found =
            [reports[0].p_adjusted, others[0].p_adjusted, others[1].p_adjusted, others[0].p_equivalent_adjusted, others[1].p_equivalent_adjusted];
        let expected = [0.06, 0.06, 0.9, 0.02, 0.04];
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-12), "{found:?}");
    }
}
