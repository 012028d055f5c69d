//! The sign-flip test on cluster sums.

use rand_chacha::rand_core::RngCore;

use crate::error::{Error, at_least};
use crate::interval::Interval;
use crate::seed::Seed;

/// Clusters up to which every pattern of signs is tried.
pub const EXACT_MAX: usize = 13;

/// Random patterns beyond that.
pub const DRAWS: usize = 9_999;

/// A sign-flip test over a set of clusters: which signs are flipped in which draw.
///
/// Made once for a set of clusters, so that the p-value, the interval and the planted falls all look at the same draws.
#[derive(Debug, Clone)]
pub struct ClusterSignFlip {
    n_clusters: usize,
    exact: bool,
    /// One bit a cluster, set where its sign flips; `bytes` bytes a draw.
    flips: Vec<u8>,
    bytes: usize,
}

/// One-sided p-value for a fall of cluster sums, by [`ClusterSignFlip`]. Errors without a cluster.
pub fn cluster_sign_flip(sums: &[f64], seed: Seed) -> Result<f64, Error> {
    ClusterSignFlip::new(sums.len(), seed)?.p_fall(sums)
}

impl ClusterSignFlip {
    /// Lays out the sign patterns: all `2^G` up to 13 clusters, else 9,999 random ones from the seed. Errors without a cluster.
    pub fn new(n_clusters: usize, seed: Seed) -> Result<Self, Error> {
        at_least("cluster_sign_flip", "clusters", 1, n_clusters)?;
        let (exact, bytes) = (n_clusters <= EXACT_MAX, n_clusters.div_ceil(8));
        let flips = if exact {
            (0..1_u16 << n_clusters).flat_map(|pattern| pattern.to_le_bytes().into_iter().take(bytes)).collect()
        } else {
            let mut flips = vec![0; DRAWS * bytes];
            seed.rng().fill_bytes(&mut flips);
            flips
        };
        Ok(Self { n_clusters, exact, flips, bytes })
    }

    /// Returns whether every pattern was tried.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// Returns how many patterns are looked at.
    pub fn n_draws(&self) -> usize {
        self.flips.len() / self.bytes
    }

    /// Returns the smallest p-value that the test can give: `2^−G`, or `1/(B + 1)`.
    pub fn resolution(&self) -> f64 {
        1.0 / self.total()
    }

    /// One-sided p-value for a fall.
    ///
    /// `#{T* ≤ T}` over all patterns, `/ 2^G` (the identity is one of them), or `(1 + #)/(B + 1)` over random ones, where `T` is the
    /// sum and `T*` the sum with some signs flipped. Ties count, with a tolerance of `1e-9 · max |S|`. `0 < p ≤ 1`; exact for
    /// differences that are symmetric around zero, whatever the clusters' sizes. Errors if `sums` has another number of clusters.
    pub fn p_fall(&self, sums: &[f64]) -> Result<f64, Error> {
        // T* <= T + tolerance holds where the flipped clusters sum to at least minus half of the tolerance.
        let limit = -0.5e-9 * sums.iter().fold(0.0_f64, |most, sum| most.max(sum.abs()));
        Ok(self.p_of(self.totals(&self.tables(sums)?).filter(|total| *total >= limit).count()))
    }

    /// The interval of the mean difference that inverts the test: every shift that neither side rejects at `(1 − level)/2`.
    ///
    /// `sums` and `sizes` are the sum and the number of differences of each cluster. An end is infinite where the test cannot
    /// reject any shift on that side. Errors if the lists have another number of clusters.
    pub fn interval(&self, sums: &[f64], sizes: &[f64], level: f64) -> Result<Interval, Error> {
        let one_sided = 0.5 + level / 2.0;
        Ok(Interval { low: self.lower_bound(sums, sizes, one_sided)?, high: self.upper_bound(sums, sizes, one_sided)? })
    }

    /// The one-sided lower bound of the mean difference at `level`, minus infinity where nothing can be said.
    pub fn lower_bound(&self, sums: &[f64], sizes: &[f64], level: f64) -> Result<f64, Error> {
        let mirrored: Vec<f64> = sums.iter().map(|sum| -sum).collect();
        Ok(0.0 - self.upper_bound(&mirrored, sizes, level)?)
    }

    /// The one-sided upper bound of the mean difference at `level`, infinity where nothing can be said.
    ///
    /// A shift is rejected when few enough patterns flip clusters whose mean is at or above it, so the bound is an order statistic of
    /// these means.
    pub fn upper_bound(&self, sums: &[f64], sizes: &[f64], level: f64) -> Result<f64, Error> {
        self.upper_bound_over(sums, &self.flipped_shares(sizes)?, level)
    }

    /// [`ClusterSignFlip::upper_bound`] where the sizes' [`ClusterSignFlip::flipped_shares`] are known.
    pub(super) fn upper_bound_over(&self, sums: &[f64], shares: &[f64], level: f64) -> Result<f64, Error> {
        // A pattern that flips nothing counts for every shift.
        let always = shares.iter().filter(|share| share.is_infinite()).count();
        let enough = |n: &usize| self.p_of(always + n) > (1.0 - level) * (1.0 + 1e-12);
        let Some(nth @ 1..) = (0..=shares.len() - always).find(enough) else { return Ok(f64::INFINITY) };
        if !sums.iter().all(|sum| sum.is_finite()) {
            return Ok(f64::INFINITY);
        }
        // The nth largest mean: those above the least of the nth largest so far are kept, and thinned out when they are twice as many.
        let (mut largest, mut least) = (Vec::with_capacity(2 * nth), f64::NEG_INFINITY);
        let tables = self.tables(sums)?;
        for (total, share) in self.totals(&tables).zip(shares) {
            // Not a number where nothing is flipped, so never above.
            let mean = total * share;
            if mean > least {
                largest.push(mean);
                if largest.len() == 2 * nth {
                    least = nth_largest(&mut largest, nth);
                    largest.truncate(nth);
                }
            }
        }
        Ok(nth_largest(&mut largest, nth))
    }

    /// One over the size of the flipped clusters in every draw; infinite where none is flipped.
    pub(super) fn flipped_shares(&self, sizes: &[f64]) -> Result<Vec<f64>, Error> {
        let tables = self.tables(sizes)?;
        Ok(self.totals(&tables).map(f64::recip).collect())
    }

    /// The sum over the flipped clusters in every draw, eight clusters at a time out of tables.
    fn totals<'a>(&'a self, tables: &'a [[f64; 256]]) -> impl Iterator<Item = f64> + 'a {
        let total = move |draw: &[u8]| draw.iter().zip(tables).map(|(byte, table)| table[usize::from(*byte)]).sum();
        self.flips.chunks_exact(self.bytes).map(total)
    }

    /// The sums of every subset of each eight clusters.
    fn tables(&self, values: &[f64]) -> Result<Vec<[f64; 256]>, Error> {
        if values.len() != self.n_clusters {
            return Err(Error::Lengths { measure: "cluster_sign_flip", left: values.len(), right: self.n_clusters });
        }
        Ok(values.chunks(8).map(subset_sums).collect())
    }

    fn p_of(&self, count: usize) -> f64 {
        (count as f64 + if self.exact { 0.0 } else { 1.0 }) / self.total()
    }

    fn total(&self) -> f64 {
        self.n_draws() as f64 + if self.exact { 0.0 } else { 1.0 }
    }
}

/// The nth largest of the values, which are put in order around it.
fn nth_largest(values: &mut [f64], nth: usize) -> f64 {
    *values.select_nth_unstable_by(nth - 1, |a, b| b.total_cmp(a)).1
}

/// The sum of every subset of up to eight values; bits beyond the values count nothing.
fn subset_sums(values: &[f64]) -> [f64; 256] {
    let mut sums = [0.0; 256];
    for subset in 1..256_usize {
        let lowest = subset.trailing_zeros() as usize;
        sums[subset] = sums[subset & (subset - 1)] + values.get(lowest).copied().unwrap_or(0.0);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flip(n: usize) -> ClusterSignFlip {
        ClusterSignFlip::new(n, Seed::of(["test"])).unwrap()
    }

    #[test]
    fn nothing_changed_is_no_fall() {
        assert_eq!(flip(10).p_fall(&[0.0; 10]).unwrap(), 1.0);
        assert_eq!(flip(40).p_fall(&[0.0; 40]).unwrap(), 1.0);
    }

    #[test]
    fn a_fall_everywhere_gives_the_smallest_p() {
        assert_eq!(flip(10).p_fall(&[-1.0; 10]).unwrap(), 1.0 / 1024.0);
        assert_eq!(flip(40).p_fall(&[-1.0; 40]).unwrap(), 1e-4);
    }

    /// Tenths that add up to the same sum tie, though their floating sums differ.
    #[test]
    fn tied_tenths_count() {
        let exact = flip(6).p_fall(&[-0.1, -0.2, 0.3, -0.3, 0.1, 0.2]).unwrap();
        let whole = flip(6).p_fall(&[-1.0, -2.0, 3.0, -3.0, 1.0, 2.0]).unwrap();
        assert_eq!(exact, whole);
    }

    /// The interval is the set of shifts that the test does not reject: just inside it accepts, just outside it rejects.
    #[test]
    fn the_interval_inverts_the_test() {
        let sums = [-3.0, -1.0, 2.0, -4.0, -2.5, 1.0, -2.0, -3.0, -1.0, 0.5];
        let sizes = [3.0, 2.0, 4.0, 5.0, 3.0, 1.0, 2.0, 3.0, 2.0, 6.0];
        let test = flip(10);
        let interval = test.interval(&sums, &sizes, 0.9).unwrap();
        let p_at = |shift: f64| test.p_fall(&sums.iter().zip(&sizes).map(|(sum, size)| sum - shift * size).collect::<Vec<_>>()).unwrap();
        assert!(p_at(interval.high - 1e-6) > 0.05 && p_at(interval.high + 1e-6) <= 0.05, "{interval:?}");
        let mirrored: Vec<f64> = sums.iter().map(|sum| -sum).collect();
        let other = test.interval(&mirrored, &sizes, 0.9).unwrap();
        assert!((other.high + interval.low).abs() < 1e-12);
        assert_eq!(test.lower_bound(&sums, &sizes, 0.95).unwrap(), interval.low);
    }

    #[test]
    fn two_clusters_have_no_interval() {
        let interval = flip(2).interval(&[-1.0, -2.0], &[1.0, 1.0], 0.95).unwrap();
        assert_eq!((interval.low, interval.high), (f64::NEG_INFINITY, f64::INFINITY));
    }
}
