//! The slices of a look: what each slice column divides the window and its baseline into.

use std::collections::BTreeMap;

use crate::baseline::Sample;
use crate::config::Limits;
use crate::rule::Rule;
use crate::series::Series;

/// The slices that are looked at, of how many.
pub(super) struct Slices {
    pub chosen: Vec<(String, Sample)>,
    pub n_slices: usize,
}

/// Rows of a slice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Size {
    current: usize,
    missing: usize,
    past: usize,
}

/// The slices of every slice column that the window or its baseline has, those with the most rows a window first, at most as many as the limits allow.
///
/// A slice that has fallen silent has no row in the window, and one whose values are missing none with a value: both are slices all the same.
pub(super) fn slices_of(rule: &Rule, series: &Series, whole: &Sample, limits: &Limits) -> Slices {
    let all = Size { current: whole.current.len(), missing: whole.missing.len(), past: whole.past.iter().map(Vec::len).sum() };
    let n_windows = whole.past.len().max(1);
    let mut found: Vec<(usize, u32, Size)> = Vec::new();
    for column in 0..series.slices.len() {
        // A slice that is everything says nothing that the whole does not say.
        found.extend(sizes(series, column, whole).into_iter().filter(|(_, size)| *size != all).map(|(code, size)| (column, code, size)));
    }
    let rank = |size: &Size| (size.current + size.missing).max(size.past / n_windows);
    let name = |column: usize, code: u32| format!("{}={}", rule.slices[column], series.slices[column].names[code as usize]);
    found.sort_by(|a, b| rank(&b.2).cmp(&rank(&a.2)).then_with(|| name(a.0, a.1).cmp(&name(b.0, b.1))));
    let n_slices = found.len();
    found.truncate(limits.slices_max);
    let mut parts: BTreeMap<(usize, u32), Sample> = BTreeMap::new();
    for column in 0..series.slices.len() {
        let codes: Vec<u32> = found.iter().filter(|(of, ..)| *of == column).map(|(_, code, _)| *code).collect();
        parts.extend(divided(series, column, whole, &codes).into_iter().map(|(code, part)| ((column, code), part)));
    }
    let chosen = found.iter().filter_map(|(column, code, _)| Some((name(*column, *code), parts.remove(&(*column, *code))?))).collect();
    Slices { chosen, n_slices }
}

fn sizes(series: &Series, column: usize, whole: &Sample) -> BTreeMap<u32, Size> {
    let (codes, missing) = (&series.slices[column].codes, &series.missing.slices[column]);
    let mut sizes: BTreeMap<u32, Size> = BTreeMap::new();
    whole.current.iter().for_each(|row| sizes.entry(codes[*row]).or_default().current += 1);
    whole.missing.iter().for_each(|row| sizes.entry(missing[*row]).or_default().missing += 1);
    whole.past.iter().flatten().for_each(|row| sizes.entry(codes[*row]).or_default().past += 1);
    sizes
}

/// The rows of each of the slices `wanted`.
fn divided(series: &Series, column: usize, whole: &Sample, wanted: &[u32]) -> BTreeMap<u32, Sample> {
    let (codes, missing) = (&series.slices[column].codes, &series.missing.slices[column]);
    let windows = |of: &[Vec<usize>]| vec![Vec::new(); of.len()];
    let empty = Sample { past: windows(&whole.past), others: windows(&whole.others), n_empty: whole.n_empty, ..Sample::default() };
    let mut parts: BTreeMap<u32, Sample> = wanted.iter().map(|code| (*code, empty.clone())).collect();
    let mut put = |code: u32, place: &dyn Fn(&mut Sample)| {
        if let Some(part) = parts.get_mut(&code) {
            place(part);
        }
    };
    whole.current.iter().for_each(|row| put(codes[*row], &|part| part.current.push(*row)));
    whole.missing.iter().for_each(|row| put(missing[*row], &|part| part.missing.push(*row)));
    whole.past_missing.iter().for_each(|row| put(missing[*row], &|part| part.past_missing.push(*row)));
    for (window, rows) in whole.past.iter().enumerate() {
        rows.iter().for_each(|row| put(codes[*row], &|part| part.past[window].push(*row)));
    }
    for (window, rows) in whole.others.iter().enumerate() {
        rows.iter().for_each(|row| put(codes[*row], &|part| part.others[window].push(*row)));
    }
    for part in parts.values_mut() {
        part.others.retain(|rows| !rows.is_empty());
        part.past.retain(|rows| !rows.is_empty());
        part.n_empty += whole.past.len() - part.past.len();
    }
    parts
}
