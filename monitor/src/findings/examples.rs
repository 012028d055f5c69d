//! What shows an alert best: the category that moved, and traces worth a look.

use std::collections::BTreeMap;

use schema::TraceId;

use crate::baseline::Sample;
use crate::config::Limits;
use crate::series::{Codes, Series, Values};

/// The name of the category whose share changed most, up or down; up, where two changed as much.
pub(super) fn moved(series: &Series, sample: &Sample) -> Option<String> {
    let Values::Categories(categories) = &series.values else { return None };
    let changes = changes(categories, sample);
    let size = |change: &f64| (change.abs() * 1e9).round();
    let (code, _) = changes.iter().max_by(|a, b| size(a.1).total_cmp(&size(b.1)).then_with(|| a.1.total_cmp(b.1)))?;
    Some(categories.names[*code as usize].clone())
}

/// Traces of the window: those whose values lie furthest out in the direction of the effect; of categories, those of the one that grew most.
pub(super) fn examples(series: &Series, sample: &Sample, effect: f64, limits: &Limits) -> Vec<TraceId> {
    let has_trace = |row: &usize| series.traces.get(*row).is_some_and(|trace| *trace != TraceId::default());
    let mut rows: Vec<usize> = sample.current.iter().copied().filter(has_trace).collect();
    match &series.values {
        Values::Numbers(numbers) => rows.sort_by(|a, b| {
            let by_value = numbers[*a].total_cmp(&numbers[*b]);
            (if effect < 0.0 { by_value } else { by_value.reverse() }).then_with(|| a.cmp(b))
        }),
        Values::Categories(categories) => {
            let changes = changes(categories, sample);
            let grown = changes.iter().max_by(|a, b| a.1.total_cmp(b.1)).map(|(code, _)| *code);
            rows.retain(|row| Some(categories.codes[*row]) == grown);
        }
        Values::Vectors(_) => {}
    }
    let mut traces: Vec<TraceId> = Vec::new();
    for row in rows {
        if traces.len() == limits.examples_max {
            break;
        }
        if !traces.contains(&series.traces[row]) {
            traces.push(series.traces[row]);
        }
    }
    traces
}

/// By how much the share of each category changed.
fn changes(categories: &Codes, sample: &Sample) -> BTreeMap<u32, f64> {
    let mut changes: BTreeMap<u32, f64> = BTreeMap::new();
    let (n, n_past) = (sample.current.len() as f64, sample.n_past() as f64);
    sample.current.iter().for_each(|row| *changes.entry(categories.codes[*row]).or_default() += 1.0 / n);
    sample.past.iter().flatten().for_each(|row| *changes.entry(categories.codes[*row]).or_default() -= 1.0 / n_past);
    changes
}
