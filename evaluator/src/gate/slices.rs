//! The same comparison, value by value of the slice columns.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::gate::compare::Comparison;
use crate::gate::pairing::{Columns, Shared, shared};
use crate::gate::values::{CaseValue, Cases};
use crate::metrics::Metric;
use crate::suite::Suite;

/// One metric in one slice.
pub(crate) struct Slice<'a> {
    pub column: &'a str,
    pub value: String,
    pub metric: &'a Metric,
    pub comparison: Comparison,
    /// Whether the suite lets it decide.
    pub gating: bool,
    /// Its cases that this run judged, and those that it could not.
    pub n_scored: usize,
    pub n_unscored: usize,
}

/// Compares every metric in every slice: where it gates, whatever is left of it; else where two cases are paired at least. Critical metrics look at
/// single cases and need no slices.
pub(crate) fn slices<'a>(suite: &'a Suite, columns: &Columns<'_>, candidate: &Cases<'_>, baseline: &Cases<'_>) -> Result<Vec<Slice<'a>>, Error> {
    let mut slices = Vec::new();
    for metric in suite.metrics.iter().filter(|metric| !metric.spec.critical) {
        let cases = shared(candidate, baseline, metric);
        for column in &suite.slices {
            let values: BTreeSet<String> = cases.iter().map(|case| columns.value(case.key, column)).filter(|value| !value.is_empty()).collect();
            for value in values {
                let inside: Vec<Shared<'_>> = cases.iter().filter(|case| columns.value(case.key, column) == value).copied().collect();
                let comparison = columns.compare(metric, &inside, None, &[column, &value])?;
                let gating = suite.gate.slices.contains(column);
                let is_judged = inside.iter().any(|case| [case.old, case.new].iter().any(|value| *value != CaseValue::NotApplicable));
                if comparison.n() >= 2 || gating && is_judged {
                    let n_scored = inside.iter().filter(|case| case.new.scored().is_some()).count();
                    let n_unscored = inside.iter().filter(|case| case.new == CaseValue::Unscored).count();
                    slices.push(Slice { column, value, metric, comparison, gating, n_scored, n_unscored });
                }
            }
        }
    }
    Ok(slices)
}
