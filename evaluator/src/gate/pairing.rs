//! Which cases of two runs are the same, and which of them belong together.

use std::collections::{BTreeMap, BTreeSet};

use measure::Seed;

use crate::dataset::Vars;
use crate::error::Error;
use crate::gate::changes::is_edited;
use crate::gate::compare::{Comparison, Pairs};
use crate::gate::values::{CaseValue, Cases, Key};
use crate::metrics::Metric;
use crate::suite::Suite;
use crate::template::show;

/// A case that both runs have, with what a metric says in each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared<'a> {
    pub key: &'a Key,
    pub old: CaseValue,
    pub new: CaseValue,
}

/// The columns of the cases, for clusters and slices.
pub(crate) struct Columns<'a> {
    vars: BTreeMap<&'a str, &'a Vars>,
    cluster: Option<&'a str>,
    suite: String,
}

/// Finds the cases that both runs have, leaving out those that are another case under the same id.
pub(crate) fn shared<'a>(candidate: &'a Cases<'_>, baseline: &'a Cases<'_>, metric: &Metric) -> Vec<Shared<'a>> {
    let before = baseline.of_metric(metric);
    let both = candidate.of_metric(metric).into_iter().filter_map(|(key, new)| Some(Shared { key, old: *before.get(key)?, new }));
    both.filter(|case| !is_edited(&baseline.by_key[case.key], &candidate.by_key[case.key])).collect()
}

impl<'a> Columns<'a> {
    pub(crate) fn of(suite: &'a Suite) -> Self {
        let vars = suite.dataset.cases.iter().map(|case| (case.id.as_str(), &case.vars)).collect();
        // The name, not the path: a suite gives the same verdict wherever it lies.
        let name = suite.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Self { vars, cluster: suite.cluster.as_deref(), suite: name }
    }

    /// The value of a column in a case, as text; empty where the case has none.
    pub(crate) fn value(&self, key: &Key, column: &str) -> String {
        self.vars.get(key.0.as_str()).and_then(|vars| vars.get(column)).map(show).unwrap_or_default()
    }

    /// Numbers the clusters of cases from 0: those of the suite's column, where a case without a value is its own. Answers of several prompts or
    /// providers to one case belong together in any way. Nothing where all are independent.
    pub(crate) fn clusters<'k>(&self, keys: impl Iterator<Item = &'k Key>) -> Option<Vec<usize>> {
        let name = |key: &Key| match self.cluster.map(|column| self.value(key, column)) {
            Some(value) if !value.is_empty() => (true, value),
            _ => (false, key.0.clone()),
        };
        let names: Vec<(bool, String)> = keys.map(name).collect();
        let distinct: BTreeSet<&(bool, String)> = names.iter().collect();
        if self.cluster.is_none() && distinct.len() == names.len() {
            return None;
        }
        let numbers: BTreeMap<&(bool, String), usize> = distinct.into_iter().zip(0..).collect();
        Some(names.iter().map(|name| numbers[name]).collect())
    }

    /// Compares a metric over some cases; `missing` is what a case counts that has no score now, where such cases count at all.
    pub(crate) fn compare(&self, metric: &Metric, cases: &[Shared<'_>], missing: Option<f64>, part: &[&str]) -> Result<Comparison, Error> {
        let paired: Vec<(&Key, f64, f64)> =
            cases.iter().filter_map(|case| Some((case.key, case.old.scored()?, case.new.scored().or(missing)?))).collect();
        let pairs = Pairs {
            baseline: paired.iter().map(|pair| pair.1).collect(),
            candidate: paired.iter().map(|pair| pair.2).collect(),
            clusters: self.clusters(paired.iter().map(|pair| pair.0)),
            ids: paired.iter().map(|pair| pair.0.0.clone()).collect(),
        };
        // The keys come sorted, so the order of the file does not matter.
        let ids = paired.iter().map(|pair| pair.0.0.as_str());
        let seed = Seed::of([self.suite.as_str(), &metric.name].into_iter().chain(part.iter().copied()).chain(ids));
        Comparison::new(pairs, metric.better, metric.scale, seed)
    }
}
