//! Adds the verdicts of a case up, as promptfoo does.

use crate::checks::{Assertion, Node, Outcome, Scale, Verdict};
use crate::report::{CaseOutcome, ScoreReport};

/// What a case's checks come to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Graded {
    pub outcome: CaseOutcome,
    /// Weighted mean of the scores.
    pub score: Option<f64>,
    pub scores: Vec<ScoreReport>,
}

/// Sums of one level: of a case, or of an `assert-set`.
#[derive(Default)]
struct Level {
    score: f64,
    weight: f64,
    n_decided: usize,
    n_failed: usize,
    is_broken: bool,
}

impl Level {
    fn add(&mut self, verdict: &Verdict, scale: Scale, weight: f64) {
        match verdict.outcome {
            Outcome::Failed => self.is_broken = true,
            Outcome::NotApplicable => {}
            Outcome::Value => {
                if let Some(score) = verdict.score.or(verdict.value.filter(|_| scale != Scale::Unbounded)) {
                    self.score += weight * score;
                    self.weight += weight;
                }
                // promptfoo: weight 0 is looked at, and forgives.
                if let Some(passed) = verdict.passed {
                    self.n_decided += 1;
                    self.n_failed += usize::from(!passed && weight > 0.0);
                }
            }
        }
    }

    fn mean(&self) -> f64 {
        if self.weight > 0.0 { self.score / self.weight } else { 0.0 }
    }

    /// Whether the level passes: by its threshold where it has one, else when nothing in it fails.
    fn passes(&self, threshold: Option<f64>) -> bool {
        threshold.map_or(self.n_failed == 0, |threshold| self.mean() >= threshold)
    }
}

/// Grades a case; `verdicts` are those of the leaves, in the order of the nodes.
pub(crate) fn grade(nodes: &[Node], verdicts: Vec<Verdict>, metrics: &[String], threshold: Option<f64>) -> Graded {
    let (mut top, mut scores) = (Level::default(), Vec::with_capacity(verdicts.len()));
    let mut leaves = verdicts.into_iter().zip(metrics);
    for node in nodes {
        match node {
            Node::One(assertion) => {
                let Some((verdict, metric)) = leaves.next() else { break };
                top.add(&verdict, assertion.check.scale(), assertion.weight);
                scores.push(report(assertion, verdict, metric));
            }
            Node::Set(set) => {
                let (mut level, mut inside) = (Level::default(), Vec::new());
                for assertion in &set.asserts {
                    let Some((verdict, metric)) = leaves.next() else { break };
                    level.add(&verdict, assertion.check.scale(), assertion.weight);
                    inside.push(report(assertion, verdict, metric));
                }
                let own = set_verdict(&level, set.threshold, set.asserts.is_empty());
                // A set decides whatever its weight is.
                top.n_decided += usize::from(own.passed.is_some());
                top.n_failed += usize::from(own.passed == Some(false));
                top.score += set.weight * own.value.unwrap_or(0.0);
                top.weight += if own.value.is_some() { set.weight } else { 0.0 };
                top.is_broken |= own.outcome == Outcome::Failed;
                scores.push(set_report(set, own));
                scores.append(&mut inside);
            }
        }
    }
    let outcome = match (top.is_broken, top.n_decided, threshold) {
        (true, _, _) => CaseOutcome::Error,
        // promptfoo passes what nothing is asked of.
        (false, 0, _) if nodes.is_empty() => CaseOutcome::Pass,
        (false, 0, None) => CaseOutcome::Scored,
        _ if top.passes(threshold) => CaseOutcome::Pass,
        _ => CaseOutcome::Fail,
    };
    let score = if nodes.is_empty() { Some(1.0) } else { (top.weight > 0.0 || top.n_decided > 0).then(|| top.mean()) };
    Graded { outcome, score, scores }
}

fn set_verdict(level: &Level, threshold: Option<f64>, is_empty: bool) -> Verdict {
    if is_empty {
        return Verdict::failed("an assert-set without assertions proves nothing");
    }
    if level.is_broken {
        return Verdict::failed("an assertion of the set could not be judged");
    }
    let passed = level.passes(threshold);
    let reason = if passed { String::new() } else { format!("the set scores {:.2}", level.mean()) };
    Verdict { passed: Some(passed), score: Some(level.mean()), ..Verdict::value(level.mean(), reason) }
}

fn report(assertion: &Assertion, verdict: Verdict, metric: &str) -> ScoreReport {
    ScoreReport {
        metric: metric.to_owned(),
        check: assertion.name.clone(),
        assertion: assertion.id.clone(),
        score: verdict.score.filter(|score| Some(*score) != verdict.value),
        value: verdict.value,
        passed: verdict.passed,
        outcome: verdict.outcome,
        label: verdict.label,
        reason: verdict.reason,
        signature: assertion.check.signature(),
        weight: assertion.weight,
    }
}

fn set_report(set: &crate::checks::AssertSet, verdict: Verdict) -> ScoreReport {
    ScoreReport {
        metric: set.metric.clone().unwrap_or_else(|| "assert-set".to_owned()),
        check: "assert-set".to_owned(),
        assertion: set.id.clone(),
        score: None,
        value: verdict.value,
        passed: verdict.passed,
        outcome: verdict.outcome,
        label: None,
        reason: verdict.reason,
        signature: "promptfoo-0.123 assert-set".to_owned(),
        weight: set.weight,
    }
}
