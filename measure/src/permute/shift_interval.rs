//! The interval of a shift of means that inverts the permutation of clusters.

use std::collections::BTreeMap;

use super::{DRAWS, Rows, draw_to_front};
use crate::error::{Error, at_least, open_unit};
use crate::seed::Seed;
use crate::shift::MeanShift;

/// Interval for the current side's mean less the reference's, two-sided at `level`, where rows come in clusters.
///
/// Every shift δ of the current side that permuting whole clusters does not reject at `(1 − level)/2` on either side, over 9,999 draws.
/// A draw S rejects δ from below while `(D₀ − D_S) / (1 − B_S) > δ`, where D is the difference of means and B that of the shares of
/// current rows, so the ends are order statistics of these ratios; infinite where there are too few clusters to reject anything.
/// NaN is null and left out. Errors if a side has no value, or the level is not between 0 and 1.
pub fn clustered_mean_shift_ci(reference: Rows<'_>, current: Rows<'_>, level: f64) -> Result<MeanShift, Error> {
    open_unit("mean_shift_ci", "level", level)?;
    let clusters = clusters(reference, current);
    let n_current = clusters.iter().filter(|cluster| cluster.current > 0.0).count();
    at_least("mean_shift_ci", "clusters a side", 1, n_current.min(clusters.len() - n_current))?;
    let all = clusters.iter().fold(Cluster::default(), |sum, cluster| sum.plus(cluster));
    let side = clusters.iter().filter(|cluster| cluster.current > 0.0).fold(Cluster::default(), |sum, cluster| sum.plus(cluster));
    let (shift, _) = side.against_rest(&all);

    let mut order: Vec<usize> = (0..clusters.len()).collect();
    let mut rng = Seed::of(["permutation"]).rng();
    let mut ratios = Vec::with_capacity(DRAWS);
    let mut always = 1_usize;
    for _ in 0..DRAWS {
        draw_to_front(&mut order, n_current, &mut rng);
        let drawn = order[..n_current].iter().fold(Cluster::default(), |sum, cluster| sum.plus(&clusters[*cluster]));
        let (difference, share) = drawn.against_rest(&all);
        // The sides as they are count for every shift.
        if 1.0 - share < 1e-12 { always += 1 } else { ratios.push((shift - difference) / (1.0 - share)) }
    }
    let allowed = (1.0 - level) / 2.0 * (DRAWS + 1) as f64;
    // The first place at which so many draws reach the shift that it is no longer rejected.
    let place = (0..=ratios.len()).find(|n| (always + n) as f64 > allowed * (1.0 + 1e-12));
    let Some(place) = place.filter(|place| *place > 0) else {
        return Ok(MeanShift { shift, low: f64::NEG_INFINITY, high: f64::INFINITY });
    };
    ratios.sort_unstable_by(f64::total_cmp);
    Ok(MeanShift { shift, low: ratios[place - 1], high: ratios[ratios.len() - place] })
}

/// Rows, their sum, and how many of them are on the current side.
#[derive(Debug, Clone, Copy, Default)]
struct Cluster {
    n: f64,
    sum: f64,
    current: f64,
}

impl Cluster {
    fn plus(self, other: &Self) -> Self {
        Self { n: self.n + other.n, sum: self.sum + other.sum, current: self.current + other.current }
    }

    /// The difference of means and of shares of current rows, of these rows against the rest.
    fn against_rest(&self, all: &Self) -> (f64, f64) {
        let rest = all.n - self.n;
        (self.sum / self.n - (all.sum - self.sum) / rest, self.current / self.n - (all.current - self.current) / rest)
    }
}

/// The clusters of both sides in the order of their ids; one that is on both sides is one on each.
fn clusters(reference: Rows<'_>, current: Rows<'_>) -> Vec<Cluster> {
    let mut clusters: BTreeMap<(u64, bool), Vec<f64>> = BTreeMap::new();
    for (rows, side) in [(reference, false), (current, true)] {
        for (value, cluster) in rows.values.iter().zip(rows.clusters).filter(|(value, _)| !value.is_nan()) {
            clusters.entry((*cluster, side)).or_default().push(*value);
        }
    }
    let of = |((_, side), mut values): ((u64, bool), Vec<f64>)| {
        // In order, so that the sum does not hang on the order of rows.
        values.sort_unstable_by(f64::total_cmp);
        let n = values.len() as f64;
        Cluster { n, sum: values.iter().sum(), current: if side { n } else { 0.0 } }
    };
    clusters.into_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(n: u32, shift: f64) -> (Vec<f64>, Vec<u64>) {
        let value = |i: u32| (f64::from(i) * 0.618_033_988_749_894_9).fract() + f64::from(i / 4 % 3) + shift;
        ((0..n).map(value).collect(), (0..n).map(|i| u64::from(i / 4)).collect())
    }

    /// The interval moves with the data, holds the estimate, and widens with the level.
    #[test]
    fn follows_a_shift() {
        let ((reference, a), (current, b)) = (walk(80, 0.0), walk(60, 0.7));
        let ci =
            |values: &[f64], level| clustered_mean_shift_ci(Rows { values: &reference, clusters: &a }, Rows { values, clusters: &b }, level).unwrap();
        let found = ci(&current, 0.95);
        assert!(found.low < found.shift && found.shift < found.high, "{found:?}");
        let moved = ci(&current.iter().map(|x| x + 3.0).collect::<Vec<_>>(), 0.95);
        assert!((moved.low - found.low - 3.0).abs() < 1e-9 && (moved.high - found.high - 3.0).abs() < 1e-9);
        let wider = ci(&current, 0.99);
        assert!(wider.low < found.low && found.high < wider.high);
    }

    #[test]
    fn two_clusters_prove_nothing() {
        let rows = |values| Rows { values, clusters: &[1, 1] };
        let found = clustered_mean_shift_ci(rows(&[1.0, 2.0]), rows(&[8.0, 9.0]), 0.95).unwrap();
        assert_eq!((found.shift, found.low, found.high), (7.0, f64::NEG_INFINITY, f64::INFINITY));
    }
}
