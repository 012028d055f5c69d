//! The bins that every binned divergence shares, fixed so that everyone gets the same number.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::error::{Error, at_least};
use crate::sorted::{Sample, Sorted};

/// Bins of a numeric column before equal edges merge, and the distinct values up to which each is a bin of its own.
pub const N_BINS: usize = 10;

/// How many observations of either side fell into each bin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Counts of the reference.
    pub reference: Vec<u64>,
    /// Counts of the current side, over the same bins.
    pub current: Vec<u64>,
    /// Rows of each category that the bin `other` pools; empty where it pools none.
    unseen: Vec<u64>,
}

impl Counts {
    /// Makes the counts of bins that pool nothing.
    pub fn new(reference: Vec<u64>, current: Vec<u64>) -> Self {
        Self { reference, current, unseen: Vec::new() }
    }

    /// Makes bins of categories, `(reference, current)` each, and of the nulls of both sides.
    ///
    /// A category that the reference has is a bin; those that only the current side has are pooled in one, `other`; null is a bin
    /// where either side has one. Errors if a side is empty.
    pub fn of_categories(categories: impl IntoIterator<Item = (u64, u64)>, nulls: (u64, u64)) -> Result<Self, Error> {
        let (mut bins, mut unseen) = (Vec::new(), Vec::new());
        for (reference, current) in categories {
            if reference > 0 {
                bins.push((reference, current));
            } else if current > 0 {
                unseen.push(current);
            }
        }
        bins.extend((!unseen.is_empty()).then(|| (0, unseen.iter().sum())));
        bins.extend((nulls != (0, 0)).then_some(nulls));
        let (reference, current): (Vec<u64>, Vec<u64>) = bins.into_iter().unzip();
        let counts = Self { reference, current, unseen };
        let (n, m) = counts.totals();
        at_least("binning", "values in the reference", 1, usize::from(n > 0))?;
        at_least("binning", "values on the current side", 1, usize::from(m > 0))?;
        Ok(counts)
    }

    /// Returns the same rows with a bin for each category, also for those that `other` pools.
    ///
    /// What a test compares with chance: which categories are pooled hangs on the rows of the reference, and would be others if these were. The
    /// statistics of χ² and G are the same either way, since what a bin without a row in the reference adds to them grows with its rows.
    pub fn apart(&self) -> Cow<'_, Counts> {
        if self.unseen.len() < 2 {
            return Cow::Borrowed(self);
        }
        let pooled = self.unseen.iter().sum::<u64>();
        let mut bins: Vec<(u64, u64)> = self.reference.iter().copied().zip(self.current.iter().copied()).collect();
        if let Some(other) = bins.iter().position(|bin| *bin == (0, pooled)) {
            bins.splice(other..=other, self.unseen.iter().map(|current| (0, *current)));
        }
        let (reference, current) = bins.into_iter().unzip();
        Cow::Owned(Counts::new(reference, current))
    }

    /// Returns the number of bins.
    pub fn n_bins(&self) -> usize {
        self.reference.len()
    }

    /// Returns how many observations the reference and the current side have.
    pub fn totals(&self) -> (u64, u64) {
        (self.reference.iter().sum(), self.current.iter().sum())
    }

    /// Returns the shares of both sides, bin by bin: `(count + ½) / (n + B/2)`, so that an empty bin has a share.
    pub fn shares(&self) -> impl Iterator<Item = (f64, f64)> {
        let n_bins = self.n_bins() as f64;
        let total = |side: &[u64]| side.iter().map(|count| *count as f64).sum::<f64>() + n_bins / 2.0;
        let (reference, current) = (total(&self.reference), total(&self.current));
        self.reference.iter().zip(&self.current).map(move |(r, c)| ((*r as f64 + 0.5) / reference, (*c as f64 + 0.5) / current))
    }
}

/// Where the bins of a numeric column lie.
///
/// Ten bins at the reference's linear quantiles (numpy's default), right-closed, the outer ones open; equal edges merge.
/// A reference of at most ten distinct values gets one bin a value, and a new value of the current side is `other`.
/// NaN is null: a bin of its own where either side has one. Infinite values lay down no edge and fall into the outer bins.
#[derive(Debug, Clone, PartialEq)]
pub struct Binning {
    /// Inner edges, or the values themselves.
    points: Vec<f64>,
    discrete: bool,
    has_other: bool,
    has_null: bool,
}

impl Binning {
    /// Lays down the bins for two sides. Errors if a side is empty.
    pub fn of(reference: &Sorted, current: &Sorted) -> Result<Self, Error> {
        at_least("binning", "values in the reference", 1, reference.n_rows())?;
        at_least("binning", "values on the current side", 1, current.n_rows())?;
        let has_null = reference.nulls() + current.nulls() > 0;
        let discrete = is_discrete(reference);
        let points = if discrete { reference.runs().map(|(x, _)| x).collect() } else { quantile_edges(finite(reference.values())) };
        let has_other = discrete && current.runs().any(|(x, _)| place(&points, x).is_err());
        Ok(Self { points, discrete, has_other, has_null })
    }

    /// Returns the number of bins.
    pub fn n_bins(&self) -> usize {
        self.null_bin() + usize::from(self.has_null)
    }

    /// Returns the bin of a value; NaN is null.
    pub fn bin(&self, x: f64) -> usize {
        if x.is_nan() {
            self.null_bin()
        } else if self.discrete {
            place(&self.points, x + 0.0).unwrap_or(self.points.len())
        } else {
            self.points.partition_point(|edge| *edge < x)
        }
    }

    fn null_bin(&self) -> usize {
        self.points.len() + usize::from(!self.discrete || self.has_other)
    }

    /// Counts a side that is in order by looking for the edges, not at the values.
    fn counts(&self, side: &Sorted) -> Vec<u64> {
        let mut counts = vec![0; self.n_bins()];
        if self.discrete {
            side.runs().for_each(|(x, count)| counts[self.bin(x)] += count as u64);
        } else {
            let mut start = 0;
            for (bin, edge) in self.points.iter().map(Some).chain([None]).enumerate() {
                let end = edge.map_or(side.values().len(), |edge| side.values().partition_point(|x| x <= edge));
                counts[bin] = (end - start) as u64;
                start = end;
            }
        }
        if self.has_null {
            counts[self.null_bin()] += side.nulls() as u64;
        }
        counts
    }
}

/// Counts numbers in the bins of [`Binning`]. Errors if a side is empty.
pub fn bin_numbers<A: Sample + ?Sized, B: Sample + ?Sized>(reference: &A, current: &B) -> Result<Counts, Error> {
    let (reference, current) = (reference.sorted(), current.sorted());
    let binning = Binning::of(&reference, &current)?;
    let unseen = match binning.discrete {
        true => current.runs().filter(|(x, _)| place(&binning.points, *x + 0.0).is_err()).map(|(_, count)| count as u64).collect(),
        false => Vec::new(),
    };
    Ok(Counts { reference: binning.counts(&reference), current: binning.counts(&current), unseen })
}

/// Returns whether a reference has so few distinct values that each is a category.
pub fn is_discrete(reference: &Sorted) -> bool {
    reference.runs().nth(N_BINS).is_none()
}

fn place(points: &[f64], x: f64) -> Result<usize, usize> {
    points.binary_search_by(|point| point.total_cmp(&x))
}

/// Counts categories: those of the reference, `other` where the current side has unseen ones, null where either side has one.
///
/// Errors if a side is empty.
pub fn bin_categories<T: Ord>(reference: impl IntoIterator<Item = Option<T>>, current: impl IntoIterator<Item = Option<T>>) -> Result<Counts, Error> {
    let mut bins: BTreeMap<T, (u64, u64)> = BTreeMap::new();
    let mut nulls = (0, 0);
    for value in reference {
        value.map_or(&mut nulls, |value| bins.entry(value).or_default()).0 += 1;
    }
    for value in current {
        value.map_or(&mut nulls, |value| bins.entry(value).or_default()).1 += 1;
    }
    Counts::of_categories(bins.into_values(), nulls)
}

/// The part of ascending numbers that is finite.
pub(crate) fn finite(sorted: &[f64]) -> &[f64] {
    let start = sorted.partition_point(|x| *x == f64::NEG_INFINITY);
    let end = sorted.partition_point(|x| *x < f64::INFINITY);
    &sorted[start..end]
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
