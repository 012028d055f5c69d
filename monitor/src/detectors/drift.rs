//! `watch: drift`: do the window's values come from where the baseline's came from?
//!
//! The measure and the test are those of SQL's `drift(value, is_current [, cluster])`, from the same lines of `measure`: categories, and numbers with
//! at most ten distinct values in the baseline, by the Jensen-Shannon distance and a test of homogeneity; other numbers by Wasserstein-1 in standard
//! deviations of the baseline and Kolmogorov-Smirnov; lists of numbers by the maximum mean discrepancy. Effects are less what chance alone gives.
//! Rows without a value are a category. Where the rule names a cluster, whole clusters are permuted; that takes time, so it is done where the
//! p-value of rows is at most `q`: above it, no p-value of clusters would alarm either, since both must.

use std::collections::{BTreeMap, BTreeSet};

use measure::drift::{
    Drift, bin_categories, drift, drift_categories, drift_categories_clustered, drift_clustered, drift_vectors, js_distance_counts,
};
use measure::permute::Rows;
use measure::shift::mmd::{N_FEATURES, Unit};

use super::{Blind, Evidence, Reading, enough};
use crate::baseline::Sample;
use crate::rule::{Direction, Rule};
use crate::series::{Series, Values};

/// Units of a side that are permuted; more of them are put together by the hash of their cluster.
const UNITS_MAX: u64 = 512;

pub(super) fn read(rule: &Rule, series: &Series, sample: &Sample) -> Result<Reading, Blind> {
    enough(rule, sample)?;
    let past: Vec<usize> = sample.past.iter().flatten().copied().collect();
    let (reference, current) =
        (Side { rows: &past, missing: &sample.past_missing, series }, Side { rows: &sample.current, missing: &sample.missing, series });
    let learning = |_| Blind::Learning { n_past: sample.n_past(), n_windows: sample.past.len() };
    match &series.values {
        Values::Categories(codes) => {
            let (distance, found) = categories(rule, &codes.codes, &reference, &current).map_err(learning)?;
            Ok(Reading { value: distance, baseline: None, effect: found.effect, evidence: Evidence::P(found.p_value) })
        }
        Values::Vectors(features) => {
            let found = drift_vectors(&reference.units(features), &current.units(features)).map_err(learning)?;
            Ok(Reading { value: found.statistic, baseline: None, effect: found.effect, evidence: Evidence::P(found.p_value) })
        }
        Values::Numbers(numbers) => {
            let found = of_numbers(rule, numbers, &reference, &current).map_err(learning)?;
            Ok(directed(rule, found, reference.mean(numbers), current.mean(numbers)))
        }
    }
}

/// The rows of one side.
struct Side<'a> {
    rows: &'a [usize],
    missing: &'a [usize],
    series: &'a Series,
}

impl Side<'_> {
    /// Values of all rows; NaN where there is none.
    fn values(&self, value: impl Fn(usize) -> f64) -> Vec<f64> {
        self.rows.iter().map(|row| value(*row)).chain(self.missing.iter().map(|_| f64::NAN)).collect()
    }

    /// The cluster of each of [`values`](Self::values).
    fn clusters(&self) -> Vec<u64> {
        let clusters = &self.series.clusters;
        let missing = self.missing.iter().map(|row| clusters.ids[self.series.missing.clusters[*row] as usize]);
        self.rows.iter().map(|row| clusters.id(*row)).chain(missing).collect()
    }

    fn mean(&self, numbers: &[f64]) -> f64 {
        self.rows.iter().map(|row| numbers[*row]).sum::<f64>() / self.rows.len() as f64
    }

    /// The sums of features of each cluster, or of each row.
    fn units(&self, features: &[f32]) -> Vec<Unit> {
        let keys = if self.series.has_clusters() { self.clusters() } else { (0..self.rows.len() as u64).collect() };
        let n_keys = keys[..self.rows.len()].iter().collect::<BTreeSet<_>>().len() as u64;
        let mut units: BTreeMap<u64, Unit> = BTreeMap::new();
        for (row, key) in self.rows.iter().zip(keys) {
            let place = if n_keys > UNITS_MAX { key % UNITS_MAX } else { key };
            let unit = units.entry(place).or_default();
            unit.n += 1;
            unit.sums.iter_mut().zip(&features[row * N_FEATURES..(row + 1) * N_FEATURES]).for_each(|(sum, more)| *sum += more);
        }
        units.into_values().collect()
    }
}

fn of_numbers(rule: &Rule, numbers: &[f64], reference: &Side<'_>, current: &Side<'_>) -> Result<Drift, measure::Error> {
    let (before, now) = (reference.values(|row| numbers[row]), current.values(|row| numbers[row]));
    let by_row = drift(&before, &now)?;
    if !needs_clusters(rule, reference.series, &by_row) {
        return Ok(by_row);
    }
    let (before_of, now_of) = (reference.clusters(), current.clusters());
    drift_clustered(Rows { values: &before, clusters: &before_of }, Rows { values: &now, clusters: &now_of })
}

/// The distance, with what chance gives, and the drift.
fn categories(rule: &Rule, codes: &[u32], reference: &Side<'_>, current: &Side<'_>) -> Result<(f64, Drift), measure::Error> {
    let (before, now) = (reference.values(|row| f64::from(codes[row])), current.values(|row| f64::from(codes[row])));
    let known: BTreeSet<u32> = reference.rows.iter().map(|row| codes[*row]).collect();
    let side = |of: &Side<'_>| of.rows.iter().map(|row| Some(codes[*row])).chain(of.missing.iter().map(|_| None)).collect::<Vec<_>>();
    let counts = bin_categories(side(reference), side(current))?;
    let (distance, by_row) = (js_distance_counts(&counts), drift_categories(&counts));
    if !needs_clusters(rule, reference.series, &by_row) {
        return Ok((distance, by_row));
    }
    // The bins of `counts`: what the reference has in order, what it has not, nulls.
    let known: Vec<f64> = known.into_iter().map(f64::from).collect();
    let null = counts.n_bins() - 1;
    let bin = |code: f64| if code.is_nan() { null } else { known.binary_search_by(|one| one.total_cmp(&code)).unwrap_or(known.len()) };
    let (before_of, now_of) = (reference.clusters(), current.clusters());
    let found = drift_categories_clustered(Rows { values: &before, clusters: &before_of }, Rows { values: &now, clusters: &now_of }, &counts, bin)?;
    Ok((distance, found))
}

fn needs_clusters(rule: &Rule, series: &Series, by_row: &Drift) -> bool {
    series.has_clusters() && by_row.p_value <= rule.q
}

/// The effect with the sign of the means. A fall is no news to a rule that watches for a rise, however different the distributions are.
fn directed(rule: &Rule, found: Drift, baseline: f64, value: f64) -> Reading {
    let sign = if value < baseline { -1.0 } else { 1.0 };
    let wanted = match rule.direction() {
        Direction::Both => true,
        Direction::Up => sign > 0.0,
        Direction::Down => sign < 0.0,
    };
    let p = if wanted { found.p_value } else { 1.0 };
    Reading { value, baseline: Some(baseline), effect: sign * found.effect, evidence: Evidence::P(p) }
}
