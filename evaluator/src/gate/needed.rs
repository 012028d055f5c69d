//! What would decide what a run leaves open: more cases, more clusters, more repeats, and the cases to look at first.

use measure::test::cluster_sign_flip::{DRAWS, EXACT_MAX};
use measure::test::mde;

use crate::gate::compare::{Comparison, FLIPPED_MIN};
use crate::gate::phrase::{counted, number};
use crate::gate::values::Cases;
use crate::metrics::Metric;

/// Cases beyond which nobody is told to go.
const CASES_MAX: usize = 1_000_000;

/// Repeats beyond which nobody is told to go.
const REPEATS_MAX: u32 = 100;

/// Cases that are named.
const SHOWN_MAX: usize = 5;

/// Standard errors that make up four chances in five.
const POWER_REACH: f64 = 0.8416;

/// How much the answers to one case differ from each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Noise {
    /// Variance of one answer's value within its case.
    variance: f64,
    /// Answers a case, as far as averaging them goes.
    repeats: f64,
}

impl Noise {
    /// Looks at the cases with two scored repeats at least; nothing where there is none.
    pub(crate) fn of(candidate: &Cases<'_>, metric: &Metric) -> Option<Self> {
        let repeated: Vec<Vec<f64>> = candidate.repeats(&metric.name).filter(|values| values.len() > 1).collect();
        let n = repeated.len() as f64;
        let variance = |values: &Vec<f64>| measure::Moments::of(values).variance();
        let averaging = repeated.iter().map(|values| 1.0 / values.len() as f64).sum::<f64>() / n;
        (n > 0.0).then(|| Self { variance: repeated.iter().map(variance).sum::<f64>() / n, repeats: 1.0 / averaging })
    }
}

/// What would decide; each alone, where it would at all.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Needed {
    pub cases: Option<usize>,
    pub clusters: Option<usize>,
    pub repeats: Option<u32>,
}

impl Needed {
    /// For a fall of `limit` to be seen at this level.
    pub(crate) fn to_see(comparison: &Comparison, limit: f64, level: f64, noise: Option<Noise>) -> Self {
        let sees = |n: usize, variance: f64| resolves(comparison, n, level) && mde(&comparison.plan(n, variance, level)) <= limit;
        Self::that(comparison, noise, &sees)
    }

    /// For a margin to be proven four times in five, if the difference is what it looks like; `reach` is that of its bound in standard errors.
    pub(crate) fn to_prove(comparison: &Comparison, margin: f64, reach: f64, noise: Option<Noise>) -> Self {
        let (room, reach) = (margin + comparison.mean().min(0.0), reach + POWER_REACH);
        let proves = |n: usize, variance: f64| {
            room > 0.0 && reach * reach * comparison.floored(variance, n) * comparison.design_effect / (room * room) <= n as f64
        };
        Self::that(comparison, noise, &proves)
    }

    fn that(comparison: &Comparison, noise: Option<Noise>, decides: &dyn Fn(usize, f64) -> bool) -> Self {
        let (n, variance) = (comparison.n(), comparison.variance);
        let cases = least(n.max(2), |n| decides(n, variance));
        let clusters = cases.zip(comparison.n_clusters()).map(|(cases, clusters)| (clusters * cases).div_ceil(n.max(1)));
        let repeats = noise.and_then(|noise| {
            let without = (variance - noise.variance / noise.repeats).max(0.0);
            let mut more = (1..=REPEATS_MAX).filter(|repeats| f64::from(*repeats) > noise.repeats);
            more.find(|repeats| decides(n, without + noise.variance / f64::from(*repeats)))
        });
        Self { cases, clusters, repeats }
    }

    /// Says it as the end of a sentence: `; 240 cases would do (48 clusters), or 5 repeats of each`.
    pub(crate) fn sentence(&self) -> String {
        let clusters = self.clusters.map_or(String::new(), |n| format!(" ({})", counted(n, "cluster")));
        let cases = self.cases.map(|n| format!("{} would do{clusters}", counted(n, "case")));
        let repeats = self.repeats.map(|n| format!("{n} repeats of each{}", if cases.is_some() { "" } else { " case would do" }));
        let ways: Vec<String> = cases.into_iter().chain(repeats).collect();
        if ways.is_empty() { String::new() } else { format!("; {}", ways.join(", or ")) }
    }
}

/// Whether the test of so many cases can give a p-value as small as the level at all.
fn resolves(comparison: &Comparison, n: usize, level: f64) -> bool {
    let Some(clusters) = comparison.n_clusters() else { return true };
    match clusters * n / comparison.n().max(1) {
        ..FLIPPED_MIN => true,
        units @ ..=EXACT_MAX => 0.5_f64.powi(i32::try_from(units).unwrap_or(i32::MAX)) <= level,
        _ => 1.0 / (DRAWS as f64 + 1.0) <= level,
    }
}

/// The least number from `from` on for which it holds; nothing where it does not for a million.
fn least(from: usize, holds: impl Fn(usize) -> bool) -> Option<usize> {
    let mut high = from;
    while !holds(high) {
        high *= 2;
        if high > CASES_MAX {
            return None;
        }
    }
    let mut low = from;
    while low < high {
        let middle = low.midpoint(high);
        if holds(middle) { high = middle } else { low = middle + 1 }
    }
    Some(high)
}

/// The cases in which the two runs differ most, with by how much: what a person looks at first.
pub(crate) fn most_different(comparison: &Comparison) -> Vec<(String, f64)> {
    let pairs = &comparison.pairs;
    let differences = pairs.candidate.iter().zip(&pairs.baseline).map(|(new, old)| new - old);
    let mut cases: Vec<(String, f64)> = pairs.ids.iter().cloned().zip(differences).filter(|(_, by)| *by != 0.0).collect();
    cases.sort_by(|(one, a), (other, b)| b.abs().total_cmp(&a.abs()).then_with(|| one.cmp(other)));
    cases.truncate(SHOWN_MAX);
    cases
}

/// The same as the end of a sentence.
pub(crate) fn looked_at_first(cases: &[(String, f64)]) -> String {
    let shown: Vec<String> = cases.iter().map(|(id, by)| format!("{id} {}{}", if *by > 0.0 { "+" } else { "" }, number(*by))).collect();
    if shown.is_empty() { String::new() } else { format!("; most different: {}", shown.join(", ")) }
}
