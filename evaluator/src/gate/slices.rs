//! The same comparison, value by value of the slice columns.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::gate::compare::Comparison;
use crate::gate::pairing::{Columns, Shared, shared};
use crate::gate::values::Cases;
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
}

/// Compares every metric in every slice that has two paired cases at least; critical metrics look at single cases and need no slices.
pub(crate) fn slices<'a>(suite: &'a Suite, columns: &Columns<'_>, candidate: &Cases<'_>, baseline: &Cases<'_>) -> Result<Vec<Slice<'a>>, Error> {
    let mut slices = Vec::new();
    for metric in suite.metrics.iter().filter(|metric| !metric.spec.critical) {
        let cases = shared(candidate, baseline, metric);
        for column in &suite.slices {
            let values: BTreeSet<String> = cases.iter().map(|case| columns.value(case.key, column)).filter(|value| !value.is_empty()).collect();
            for value in values {
                let inside: Vec<Shared<'_>> = cases.iter().filter(|case| columns.value(case.key, column) == value).copied().collect();
                let comparison = columns.compare(metric, &inside, None, &[column, &value])?;
                if comparison.n() >= 2 {
                    slices.push(Slice { column, value, metric, comparison, gating: suite.gate.slices.contains(column) });
                }
            }
        }
    }
    Ok(slices)
}
