//! The value of a metric in each case of a run.

use std::collections::{BTreeMap, BTreeSet};

use measure::agents::{pass_at_k, pass_hat_k};

use crate::checks::Outcome;
use crate::metrics::Metric;
use crate::report::{CaseReport, Report};
use crate::spec::AttemptsSpec;

/// A case as it is paired: its id, and the places of its prompt and provider.
pub(crate) type Key = (String, usize, usize);

/// What a metric says about a case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum CaseValue {
    /// Its value, repeats averaged.
    Scored(f64),
    /// It errored or could not be judged.
    Unscored,
    /// There was nothing to judge.
    NotApplicable,
}

impl CaseValue {
    pub(crate) fn scored(self) -> Option<f64> {
        match self {
            CaseValue::Scored(value) => Some(value),
            _ => None,
        }
    }
}

/// The cases of a run, by how they are paired.
pub(crate) struct Cases<'a> {
    pub by_key: BTreeMap<Key, Vec<&'a CaseReport>>,
}

impl<'a> Cases<'a> {
    /// Groups the repeats of each case of a run.
    pub(crate) fn of(cases: &'a [CaseReport]) -> Self {
        let (prompts, providers) = labels(cases);
        Self::placed(cases, &|label| place(&prompts, label), &|label| place(&providers, label))
    }

    /// Groups the baseline's cases by the places that their prompts and providers have in the candidate: the same label, else the same place.
    pub(crate) fn paired(baseline: &'a Report, candidate: &[CaseReport]) -> Self {
        let (prompts, providers) = labels(&baseline.cases);
        let (new_prompts, new_providers) = labels(candidate);
        Self::placed(&baseline.cases, &|label| counterpart(&prompts, &new_prompts, label), &|label| counterpart(&providers, &new_providers, label))
    }

    fn placed(cases: &'a [CaseReport], prompt: &dyn Fn(&str) -> usize, provider: &dyn Fn(&str) -> usize) -> Self {
        let mut by_key: BTreeMap<Key, Vec<&CaseReport>> = BTreeMap::new();
        for case in cases {
            let key = (case.id.clone(), prompt(case.prompt.as_deref().unwrap_or_default()), provider(&case.provider));
            by_key.entry(key).or_default().push(case);
        }
        Self { by_key }
    }

    /// Leaves out what averaged runs say about another case of the same id, where one of them has the case as it is now.
    pub(crate) fn held_against(mut self, candidate: &Cases<'_>) -> Self {
        for (key, repeats) in &mut self.by_key {
            let Some(now) = candidate.by_key.get(key).and_then(|repeats| repeats.first()?.hash.as_ref()) else { continue };
            if repeats.iter().any(|case| case.hash.as_ref() == Some(now)) {
                repeats.retain(|case| case.hash.as_ref().is_none_or(|hash| hash == now));
            }
        }
        self
    }

    /// The value of a metric in every case: the mean of its repeats, or what the metric makes of them.
    pub(crate) fn of_metric(&self, metric: &Metric) -> BTreeMap<&Key, CaseValue> {
        match metric.spec.attempts() {
            None => self.values(&metric.name),
            Some(attempts) => {
                let rule = if metric.spec.pass_k.is_some() { pass_hat_k } else { pass_at_k };
                self.by_key.iter().map(|(key, repeats)| (key, attempted(repeats, attempts, rule))).collect()
            }
        }
    }

    /// The mean value over repeats of the checks of this name, in every case.
    pub(crate) fn values(&self, metric: &str) -> BTreeMap<&Key, CaseValue> {
        self.by_key.iter().map(|(key, repeats)| (key, averaged(repeats, metric))).collect()
    }

    /// The values of every case's scored repeats.
    pub(crate) fn repeats(&self, metric: &str) -> impl Iterator<Item = Vec<f64>> {
        self.by_key.values().map(move |repeats| repeats.iter().filter_map(|case| value_of(case, metric).scored()).collect())
    }

    /// Whether any case has a score of this metric.
    pub(crate) fn knows(&self, metric: &Metric) -> bool {
        let metric = metric.spec.attempts().map_or(&metric.name, |attempts| &attempts.of);
        self.by_key.values().flatten().any(|case| case.scores.iter().any(|score| score.metric == *metric))
    }

    /// The ids of the cases.
    pub(crate) fn ids(&self) -> BTreeSet<&str> {
        self.by_key.keys().map(|(id, _, _)| id.as_str()).collect()
    }
}

/// The value of one metric in one answer: the weighted mean of its assertions.
pub(crate) fn value_of(case: &CaseReport, metric: &str) -> CaseValue {
    let scores: Vec<_> = case.scores.iter().filter(|score| score.metric == metric).collect();
    if scores.iter().any(|score| score.outcome == Outcome::Failed) {
        return CaseValue::Unscored;
    }
    let valued: Vec<(f64, f64)> = scores.iter().filter_map(|score| score.value.map(|value| (value, score.weight))).collect();
    if valued.is_empty() {
        return CaseValue::NotApplicable;
    }
    let total: f64 = valued.iter().map(|(_, weight)| weight).sum();
    let mean = if total > 0.0 {
        valued.iter().map(|(value, weight)| value * weight).sum::<f64>() / total
    } else {
        valued.iter().map(|(value, _)| value).sum::<f64>() / valued.len() as f64
    };
    CaseValue::Scored(mean)
}

fn averaged(repeats: &[&CaseReport], metric: &str) -> CaseValue {
    let values: Vec<CaseValue> = repeats.iter().map(|case| value_of(case, metric)).collect();
    let scored: Vec<f64> = values.iter().filter_map(|value| value.scored()).collect();
    if !scored.is_empty() {
        return CaseValue::Scored(scored.iter().sum::<f64>() / scored.len() as f64);
    }
    if values.contains(&CaseValue::Unscored) { CaseValue::Unscored } else { CaseValue::NotApplicable }
}

/// What k of a case's attempts come to; with fewer than k that could be judged nothing is known.
fn attempted(repeats: &[&CaseReport], attempts: &AttemptsSpec, rule: fn(usize, usize, usize) -> Option<f64>) -> CaseValue {
    if repeats.iter().all(|case| value_of(case, &attempts.of) == CaseValue::NotApplicable) {
        return CaseValue::NotApplicable;
    }
    let judged: Vec<bool> = repeats.iter().filter_map(|case| passes(case, &attempts.of)).collect();
    let passed = judged.iter().filter(|passed| **passed).count();
    rule(judged.len(), passed, attempts.k).map_or(CaseValue::Unscored, CaseValue::Scored)
}

/// Whether every deciding check of the metric passed; nothing where none decided.
pub(crate) fn passes(case: &CaseReport, metric: &str) -> Option<bool> {
    if value_of(case, metric) == CaseValue::Unscored {
        return None;
    }
    let mut decided = case.scores.iter().filter(|score| score.metric == metric).filter_map(|score| score.passed).peekable();
    decided.peek()?;
    Some(decided.all(|passed| passed))
}

/// Labels of prompts and providers in the order in which the cases name them.
fn labels(cases: &[CaseReport]) -> (Vec<String>, Vec<String>) {
    let (mut prompts, mut providers) = (Vec::new(), Vec::new());
    for case in cases {
        for (labels, label) in [(&mut prompts, case.prompt.as_deref().unwrap_or_default()), (&mut providers, case.provider.as_str())] {
            if !labels.iter().any(|known: &String| known == label) {
                labels.push(label.to_owned());
            }
        }
    }
    (prompts, providers)
}

fn place(labels: &[String], label: &str) -> usize {
    labels.iter().position(|known| known == label).unwrap_or(labels.len())
}

/// Where a label of the baseline stands in the candidate: at the same label, else at its own place if the label there is new.
fn counterpart(old: &[String], new: &[String], label: &str) -> usize {
    if let Some(same) = new.iter().position(|known| known == label) {
        return same;
    }
    let own = place(old, label);
    match new.get(own) {
        Some(other) if !old.contains(other) => own,
        // No counterpart: a place that the candidate does not have.
        _ => new.len() + own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_prompts_pair_by_their_place() {
        let old = ["a".to_owned(), "b".to_owned()];
        assert_eq!(counterpart(&old, &["b".to_owned(), "a".to_owned()], "a"), 1);
        assert_eq!(counterpart(&old, &["a2".to_owned(), "b".to_owned()], "a"), 0);
        assert_eq!(counterpart(&old, &["b".to_owned()], "a"), 1);
    }
}
