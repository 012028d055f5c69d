//! The bins that every binned divergence shares, fixed so that everyone gets the same number.

use std::collections::BTreeMap;

use crate::error::{Error, at_least};

/// Bins of a numeric column, before equal edges merge.
pub const N_BINS: usize = 10;

/// How many observations of either side fell into each bin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Counts of the reference.
    pub reference: Vec<u64>,
    /// Counts of the current side, over the same bins.
    pub current: Vec<u64>,
}

impl Counts {
    /// Returns the shares of both sides, bin by bin: `(count + ½) / (n + B/2)`, so that an empty bin has a share.
    pub fn shares(&self) -> impl Iterator<Item = (f64, f64)> {
        let n_bins = self.reference.len() as f64;
        let total = |side: &[u64]| side.iter().map(|count| *count as f64).sum::<f64>() + n_bins / 2.0;
        let (reference, current) = (total(&self.reference), total(&self.current));
        self.reference.iter().zip(&self.current).map(move |(r, c)| ((*r as f64 + 0.5) / reference, (*c as f64 + 0.5) / current))
    }
}

/// Counts numbers in bins that the reference lays down.
///
/// Ten bins at the reference's linear quantiles (numpy's default), right-closed, the outer ones open; equal edges merge.
/// A reference of at most ten distinct values gets one bin a value, and a new value of the current side is `other`.
/// NaN is null: a bin of its own where either side has one. Infinite values lay down no edge and fall into the outer bins.
/// Errors if a side is empty.
pub fn bin_numbers(reference: &[f64], current: &[f64]) -> Result<Counts, Error> {
    let mut sorted: Vec<f64> = reference.iter().copied().filter(|x| !x.is_nan()).map(positive_zero).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let mut distinct = sorted.clone();
    distinct.dedup();
    if distinct.len() <= N_BINS {
        let key = |x: &f64| (!x.is_nan()).then(|| positive_zero(*x).to_bits());
        return bin_categories(reference.iter().map(key), current.iter().map(key));
    }
    at_least("binning", "values on the current side", 1, current.len())?;
    sorted.retain(|x| x.is_finite());
    let edges = quantile_edges(&sorted);
    let has_null = reference.iter().chain(current).any(|x| x.is_nan());
    let count = |side: &[f64]| {
        let mut counts = vec![0; edges.len() + 1 + usize::from(has_null)];
        for x in side {
            let bin = if x.is_nan() { edges.len() + 1 } else { edges.partition_point(|edge| edge < x) };
            counts[bin] += 1;
        }
        counts
    };
    Ok(Counts { reference: count(reference), current: count(current) })
}

/// Counts categories: those of the reference, `other` where the current side has unseen ones, null where either side has one.
///
/// Errors if a side is empty.
pub fn bin_categories<T: Ord>(reference: impl IntoIterator<Item = Option<T>>, current: impl IntoIterator<Item = Option<T>>) -> Result<Counts, Error> {
    let mut bins: BTreeMap<T, (u64, u64)> = BTreeMap::new();
    let (mut nulls, mut other) = ((0_u64, 0_u64), 0_u64);
    for value in reference {
        match value {
            Some(value) => bins.entry(value).or_default().0 += 1,
            None => nulls.0 += 1,
        }
    }
    for value in current {
        match value.map(|value| bins.get_mut(&value)) {
            Some(Some(counts)) => counts.1 += 1,
            Some(None) => other += 1,
            None => nulls.1 += 1,
        }
    }
    let mut counts: Vec<(u64, u64)> = bins.into_values().collect();
    if other > 0 {
        counts.push((0, other));
    }
    if nulls != (0, 0) {
        counts.push(nulls);
    }
    let (reference, current): (Vec<u64>, Vec<u64>) = counts.into_iter().unzip();
    at_least("binning", "values in the reference", 1, usize::from(reference.iter().any(|count| *count > 0)))?;
    at_least("binning", "values on the current side", 1, usize::from(current.iter().any(|count| *count > 0)))?;
    Ok(Counts { reference, current })
}

/// The nine inner edges of ten quantile bins, equal ones merged. The ranks are whole tenths, so no rounding moves a tie.
fn quantile_edges(sorted: &[f64]) -> Vec<f64> {
    let last = sorted.len() - 1;
    let mut edges: Vec<f64> = (1..N_BINS)
        .map(|k| {
            let (low, share) = (last * k / N_BINS, (last * k % N_BINS) as f64 / N_BINS as f64);
            let (a, b) = (sorted[low], sorted[(low + 1).min(last)]);
            // numpy interpolates from the nearer end, which keeps its last digit.
            if share < 0.5 { a + (b - a) * share } else { b - (b - a) * (1.0 - share) }
        })
        .collect();
    edges.dedup();
    edges
}

fn positive_zero(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reference: &[f64], current: &[f64], expect: (&[u64], &[u64])) {
        let counts = bin_numbers(reference, current).unwrap();
        assert_eq!((counts.reference.as_slice(), counts.current.as_slice()), expect);
    }

    fn ramp(n: i32) -> Vec<f64> {
        (0..n).map(f64::from).collect()
    }

    #[test]
    fn bins_are_right_closed_and_open_outside() {
        check(&ramp(21), &[-9.0, 2.0, 2.1, 99.0, f64::INFINITY], (&[3, 2, 2, 2, 2, 2, 2, 2, 2, 2], &[2, 1, 0, 0, 0, 0, 0, 0, 0, 2]));
    }

    #[test]
    fn equal_edges_merge() {
        let mut reference = vec![0.0; 55];
        reference.extend((1..=45).map(f64::from));
        let counts = bin_numbers(&reference, &[0.0]).unwrap();
        assert_eq!(counts.reference, [55, 5, 10, 10, 10, 10]);
    }

    #[test]
    fn few_distinct_values_are_bins_and_new_ones_are_other() {
        check(&[1.0, 1.0, 2.0, -0.0, 0.0], &[2.0, 7.0, f64::NAN], (&[2, 2, 1, 0, 0], &[0, 0, 1, 1, 1]));
    }

    #[test]
    fn nulls_are_a_bin_where_either_side_has_one() {
        let mut reference = ramp(20);
        reference.push(f64::NAN);
        let counts = bin_numbers(&reference, &ramp(20)).unwrap();
        assert_eq!((counts.reference.len(), counts.reference[10], counts.current[10]), (11, 1, 0));
    }

    #[test]
    fn an_empty_side_is_an_error() {
        assert!(bin_numbers(&[], &[1.0]).is_err());
        assert!(bin_numbers(&[1.0], &[]).is_err());
        assert!(bin_numbers(&ramp(50), &[]).is_err());
    }
}
