//! `max-score`: of several answers to one test the best passes.

use serde_json::Value;

use crate::promptfoo::Assert;
use crate::report::{CaseOutcome, CaseReport, ScoreReport};

/// Judges the answers to one test against each other and adds the verdict to each.
///
/// The best is the one with the highest mean (or, `method: sum`, sum) of its other assertions' scores, each weighted by `weights` of its type, the
/// first of several; with a `threshold` it has to reach that too. The others fail, and score 0.
pub(crate) fn max_score(assert: &Assert, id: &str, metric: &str, weight: f64, cases: &mut [&mut CaseReport]) {
    let rule = Rule::of(assert.value());
    let totals: Vec<Option<f64>> = cases.iter().map(|case| rule.total(&case.scores)).collect();
    let fault = if cases.len() < 2 {
        Some("max-score needs two answers to compare")
    } else if totals.iter().any(Option::is_none) {
        Some("max-score needs another assertion to compare by")
    } else {
        None
    };
    let totals: Vec<f64> = totals.into_iter().map(Option::unwrap_or_default).collect();
    // The first of equals wins, as in promptfoo.
    let best = totals.iter().enumerate().fold(0, |best, (index, total)| if *total > totals[best] { index } else { best });
    for (index, case) in cases.iter_mut().enumerate() {
        let wins = index == best && rule.threshold.is_none_or(|threshold| totals[index] >= threshold);
        add(case, id, metric, weight, fault, wins, totals[index]);
    }
}

fn add(case: &mut CaseReport, id: &str, metric: &str, weight: f64, fault: Option<&str>, wins: bool, total: f64) {
    use crate::checks::Outcome;
    let value = fault.is_none().then_some(if wins { 1.0 } else { 0.0 });
    case.scores.push(ScoreReport {
        metric: metric.to_owned(),
        check: "max-score".to_owned(),
        assertion: id.to_owned(),
        value,
        score: None,
        passed: value.map(|value| value == 1.0),
        outcome: if fault.is_none() { Outcome::Value } else { Outcome::Failed },
        label: None,
        reason: fault.map_or_else(|| if wins { String::new() } else { format!("scores {total:.3}, and another answer more") }, str::to_owned),
        signature: "promptfoo-0.123 max-score".to_owned(),
        weight,
    });
    if fault.is_some() {
        case.outcome = CaseOutcome::Error;
    } else if !wins {
        case.score = Some(0.0);
        if case.outcome != CaseOutcome::Error {
            case.outcome = CaseOutcome::Fail;
        }
    }
}

struct Rule<'a> {
    is_sum: bool,
    weights: Option<&'a serde_json::Map<String, Value>>,
    threshold: Option<f64>,
}

impl<'a> Rule<'a> {
    fn of(value: Option<&'a Value>) -> Self {
        let key = |key: &str| value.and_then(|value| value.get(key));
        Self {
            is_sum: key("method").and_then(Value::as_str) == Some("sum"),
            weights: key("weights").and_then(Value::as_object),
            threshold: key("threshold").and_then(Value::as_f64),
        }
    }

    /// What an answer's other assertions come to; nothing where there are none.
    fn total(&self, scores: &[ScoreReport]) -> Option<f64> {
        let others: Vec<&ScoreReport> = scores.iter().filter(|score| score.check != "max-score" && score.check != "select-best").collect();
        let weight = |check: &str| self.weights.and_then(|weights| weights.get(check)).and_then(Value::as_f64).unwrap_or(1.0);
        let sum: f64 = others.iter().map(|score| weight(&score.check) * score.score.or(score.value).unwrap_or(0.0)).sum();
        let total: f64 = others.iter().map(|score| weight(&score.check)).sum();
        let mean = if total > 0.0 { sum / total } else { 0.0 };
        (!others.is_empty()).then_some(if self.is_sum { sum } else { mean })
    }
}
