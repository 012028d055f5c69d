//! What changed since the baseline, case by case.

use std::collections::BTreeSet;

use crate::gate::values::Cases;
use crate::report::{CaseOutcome, CaseReport, Changes};

/// Names the cases that changed; ids in the dataset's order, those of removed cases last.
pub(crate) fn changes(candidate: &Cases<'_>, baseline: Option<&Cases<'_>>, order: &[String]) -> Changes {
    let mut notes: BTreeSet<(&'static str, &str)> = BTreeSet::new();
    for (key, repeats) in &candidate.by_key {
        let id = key.0.as_str();
        let passes = share_of_passes(repeats);
        // Answers under one number are those of cases with the same id.
        let is_repeated = repeats.iter().map(|case| case.repeat).collect::<BTreeSet<_>>().len() > 1;
        if is_repeated && passes.is_some_and(|share| share > 0.0 && share < 1.0) {
            notes.insert(("flaky", id));
        }
        if repeats.iter().all(|case| case.outcome == CaseOutcome::Error) {
            notes.insert(("errored", id));
        }
        notes.extend(baseline.and_then(|baseline| since(baseline.by_key.get(key), repeats)).map(|what| (what, id)));
    }
    let gone = baseline.iter().flat_map(|baseline| baseline.by_key.keys()).filter(|key| !candidate.by_key.contains_key(*key));
    notes.extend(gone.map(|key| ("removed", key.0.as_str())));
    let ids = |what: &'static str| {
        let named: Vec<&str> = notes.iter().filter(|(other, _)| *other == what).map(|(_, id)| *id).collect();
        let in_order = order.iter().filter(|id| named.contains(&id.as_str())).cloned();
        let elsewhere = named.iter().filter(|id| !order.iter().any(|known| known == *id)).map(|id| (*id).to_owned());
        in_order.chain(elsewhere).collect()
    };
    Changes {
        newly_failing: ids("newly_failing"),
        fixed: ids("fixed"),
        flaky: ids("flaky"),
        errored: ids("errored"),
        new: ids("new"),
        removed: ids("removed"),
        edited: ids("edited"),
        dropped_metrics: Vec::new(),
    }
}

/// What became of one case since the baseline.
fn since(before: Option<&Vec<&CaseReport>>, now: &[&CaseReport]) -> Option<&'static str> {
    let Some(before) = before else { return Some("new") };
    if is_edited(before, now) {
        return Some("edited");
    }
    match (share_of_passes(before)?, share_of_passes(now)?) {
        (before, now) if before >= 0.5 && now < 0.5 => Some("newly_failing"),
        (before, now) if before < 0.5 && now >= 0.5 => Some("fixed"),
        _ => None,
    }
}

/// Whether the same id names another case now, in every run that there was before.
pub(crate) fn is_edited(before: &[&CaseReport], now: &[&CaseReport]) -> bool {
    let Some(now) = now.first().and_then(|case| case.hash.as_ref()) else { return false };
    before.iter().all(|case| case.hash.as_ref().is_some_and(|before| before != now))
}

/// The share of a case's repeats that pass, of those that pass or fail.
fn share_of_passes(repeats: &[&CaseReport]) -> Option<f64> {
    let decided: Vec<bool> = repeats
        .iter()
        .filter_map(|case| match case.outcome {
            CaseOutcome::Pass => Some(true),
            CaseOutcome::Fail => Some(false),
            CaseOutcome::Scored | CaseOutcome::Error => None,
        })
        .collect();
    let passes = decided.iter().filter(|passed| **passed).count();
    (!decided.is_empty()).then(|| passes as f64 / decided.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of averaged runs those count that had the case as it is now; where none had, it was edited.
    #[test]
    fn an_edited_case_is_held_against_runs_that_had_it() {
        let case = |hash: &str, repeat: u32| -> CaseReport {
            let fields = serde_json::json!({"id": "a", "provider": "p", "repeat": repeat, "outcome": "pass", "hash": hash, "scores": []});
            serde_json::from_value(fields).unwrap()
        };
        let (before, now) = ([case("old", 0), case("new", 1_000)], [case("new", 0)]);
        let candidate = Cases::of(&now);
        let averaged = Cases::of(&before).held_against(&candidate);
        let kept: Vec<u32> = averaged.by_key.values().flatten().map(|case| case.repeat).collect();
        assert_eq!(kept, [1_000]);
        assert!(changes(&candidate, Some(&averaged), &[]).edited.is_empty());
        assert_eq!(changes(&candidate, Some(&Cases::of(&before[..1]).held_against(&candidate)), &[]).edited, ["a"]);
    }
}
