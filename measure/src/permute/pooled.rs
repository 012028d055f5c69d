//! Both sides together, ready to be dealt out again.

use super::{Rows, Statistic, draw_to_front, n_draws};
use crate::error::{Error, at_least};
use crate::seed::Seed;

/// Distinct values up to which each is a cell of its own; above, cells are quantiles of both sides together.
const CELLS_MAX: usize = 4_096;
/// Draws out of which the mean of an effect without a change is taken.
const EFFECT_DRAWS: usize = 999;

/// The rows of both sides by cluster, each row reduced to the cell of its value.
#[derive(Debug, Clone)]
pub struct Pooled {
    /// Cells of all rows, cluster by cluster.
    cells: Vec<u32>,
    /// Where each cluster ends in `cells`, and whether it is on the current side; in the order of the clusters' ids.
    clusters: Vec<(usize, bool)>,
    /// How many rows of both sides each cell has.
    pub(super) totals: Vec<u32>,
    /// The mean of the values in each cell.
    pub(super) centres: Vec<f64>,
}

/// What permuting found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Permuted {
    /// `(1 + #{T* ≥ T}) / (draws + 1)`; NaN where the statistic is, such as a mean of infinite values.
    pub p_value: f64,
    /// How many draws were made.
    pub n_draws: usize,
    /// The effect's mean over draws, which is what chance alone gives; NaN where no effect was asked for.
    pub effect_mean: f64,
}

impl Pooled {
    /// Pools numbers by value; NaN is null and left out. A cluster that is on both sides is one on each. Errors if a side has no value.
    pub fn of_numbers(reference: Rows<'_>, current: Rows<'_>) -> Result<Self, Error> {
        let mut rows = labelled(reference, false).chain(labelled(current, true)).filter(|row| !row.value.is_nan()).collect::<Vec<_>>();
        rows.sort_unstable_by(|a, b| a.value.total_cmp(&b.value));
        let n_distinct = rows.chunk_by(|a, b| a.value == b.value).count();
        let (n, mut seen, mut first_of_cell) = (rows.len(), 0, 0);
        let mut cell = 0_u32;
        for run in rows.chunk_by_mut(|a, b| a.value == b.value) {
            // A run of equal values is never divided; beyond the limit a cell takes runs until it has its share of all rows.
            let is_full = n_distinct <= CELLS_MAX || (seen - first_of_cell) * CELLS_MAX >= n;
            if seen > 0 && is_full {
                (cell, first_of_cell) = (cell + 1, seen);
            }
            run.iter_mut().for_each(|row| row.cell = cell);
            seen += run.len();
        }
        Self::of_labelled(rows)
    }

    /// Pools rows by their value, each a cell of its own; NaN is null, and a cell, too. Errors if a side has no row.
    ///
    /// What a test of categories compares with chance: bins that pool what the reference lacks would be others if other clusters were the
    /// reference.
    pub fn of_values(reference: Rows<'_>, current: Rows<'_>) -> Result<Self, Error> {
        // Adding zero makes one number of the two zeros.
        let plain = |rows: Rows<'_>| rows.values.iter().map(|value| value + 0.0).collect::<Vec<f64>>();
        let mut distinct = [plain(reference), plain(current)].concat();
        distinct.sort_unstable_by(f64::total_cmp);
        distinct.dedup_by(|a, b| a.total_cmp(b).is_eq());
        Self::of_bins(reference, current, |value| distinct.partition_point(|known| known.total_cmp(&(value + 0.0)).is_lt()))
    }

    /// Pools rows by the bin of their value. Errors if a side has no row.
    pub fn of_bins(reference: Rows<'_>, current: Rows<'_>, bin: impl Fn(f64) -> usize) -> Result<Self, Error> {
        let mut rows = labelled(reference, false).chain(labelled(current, true)).collect::<Vec<_>>();
        rows.iter_mut().for_each(|row| row.cell = u32::try_from(bin(row.value)).unwrap_or(u32::MAX));
        Self::of_labelled(rows)
    }

    fn of_labelled(mut rows: Vec<Row>) -> Result<Self, Error> {
        for side in [false, true] {
            at_least("permutation", "values a side", 1, usize::from(rows.iter().any(|row| row.current == side)))?;
        }
        rows.sort_unstable_by(|a, b| (a.cluster, a.current, a.cell).cmp(&(b.cluster, b.current, b.cell)).then(a.value.total_cmp(&b.value)));
        let n_cells = rows.iter().map(|row| row.cell as usize + 1).max().unwrap_or(0);
        let (mut totals, mut centres) = (vec![0; n_cells], vec![0.0; n_cells]);
        for row in &rows {
            let cell = row.cell as usize;
            totals[cell] += 1;
            if row.value != centres[cell] {
                centres[cell] += (row.value - centres[cell]) / f64::from(totals[cell]);
            }
        }
        let mut end = 0;
        let clusters = rows.chunk_by(|a, b| (a.cluster, a.current) == (b.cluster, b.current));
        let clusters = clusters.map(|rows| {
            end += rows.len();
            (end, rows[0].current)
        });
        let clusters = clusters.collect();
        Ok(Self { cells: rows.iter().map(|row| row.cell).collect(), clusters, totals, centres })
    }

    /// Returns how many clusters the reference and the current side have.
    pub fn n_clusters(&self) -> (usize, usize) {
        let current = self.clusters.iter().filter(|(_, current)| *current).count();
        (self.clusters.len() - current, current)
    }

    /// Returns a statistic of the sides as they are.
    pub fn observed(&self, statistic: Statistic) -> f64 {
        let mut counts = vec![0; self.totals.len()];
        let current = (0..self.clusters.len()).filter(|cluster| self.clusters[*cluster].1);
        current.for_each(|cluster| self.count(cluster, &mut counts));
        statistic.of(self, &counts)
    }

    /// Deals the clusters out again and again: how often chance reaches the statistic, and what it makes of the effect.
    ///
    /// Each side keeps its number of clusters. 9,999 draws, fewer above 40,000 rows and never below 999; ChaCha8 with a fixed seed over
    /// clusters in the order of their ids, so equal rows give an equal p whatever their order. Valid whatever the clusters' sizes.
    pub fn permuted(&self, statistic: Statistic, effect: Option<Statistic>) -> Permuted {
        // Ties count, though their floating sums may differ.
        let limit = self.observed(statistic) * (1.0 - 1e-9) - 1e-15;
        let (n_draws, mut reached, mut effects) = (n_draws(self.cells.len()), 0, 0.0);
        let n_effects = n_draws.min(EFFECT_DRAWS);
        self.deal(n_draws, |draw, counts| {
            reached += usize::from(statistic.of(self, counts) >= limit);
            if let Some(effect) = effect.filter(|_| draw < n_effects) {
                effects += effect.of(self, counts);
            }
        });
        let effect_mean = effect.map_or(f64::NAN, |_| effects / n_effects as f64);
        let p_value = if limit.is_nan() { f64::NAN } else { (1 + reached) as f64 / (n_draws + 1) as f64 };
        Permuted { p_value, n_draws, effect_mean }
    }

    /// Returns the mean of an effect when the clusters are dealt out again and again: what chance alone gives.
    pub fn mean_by_chance(&self, effect: Statistic) -> f64 {
        let (n_draws, mut sum) = (n_draws(self.cells.len()).min(EFFECT_DRAWS), 0.0);
        self.deal(n_draws, |_, counts| sum += effect.of(self, counts));
        sum / n_draws as f64
    }

    /// Shows the counts of one side to `see` for each of so many deals.
    fn deal(&self, n_draws: usize, mut see: impl FnMut(usize, &[u32])) {
        let (n_reference, n_current) = self.n_clusters();
        // Every statistic is the same with the sides exchanged, so the smaller one is dealt.
        let k = n_reference.min(n_current);
        let mut order: Vec<usize> = (0..self.clusters.len()).collect();
        let mut rng = Seed::of(["permutation"]).rng();
        let mut counts = vec![0; self.totals.len()];
        for draw in 0..n_draws {
            draw_to_front(&mut order, k, &mut rng);
            counts.fill(0);
            order[..k].iter().for_each(|cluster| self.count(*cluster, &mut counts));
            see(draw, &counts);
        }
    }

    /// Adds the rows of a cluster to their cells.
    fn count(&self, cluster: usize, counts: &mut [u32]) {
        let start = if cluster == 0 { 0 } else { self.clusters[cluster - 1].0 };
        self.cells[start..self.clusters[cluster].0].iter().for_each(|cell| counts[*cell as usize] += 1);
    }
}

struct Row {
    value: f64,
    cluster: u64,
    current: bool,
    cell: u32,
}

fn labelled(rows: Rows<'_>, current: bool) -> impl Iterator<Item = Row> {
    rows.values.iter().zip(rows.clusters).map(move |(value, cluster)| Row { value: *value, cluster: *cluster, current, cell: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows<'a>(values: &'a [f64], clusters: &'a [u64]) -> Rows<'a> {
        Rows { values, clusters }
    }

    /// Two sessions of three turns against two: of the six ways to deal them out two are as far apart.
    #[test]
    fn sessions_are_the_unit() {
        let (reference, current) = ([1.0, 1.1, 1.2, 2.0, 2.1, 2.2], [5.0, 5.1, 5.2, 6.0, 6.1, 6.2]);
        let pooled = Pooled::of_numbers(rows(&reference, &[1, 1, 1, 2, 2, 2]), rows(&current, &[3, 3, 3, 4, 4, 4])).unwrap();
        let found = pooled.permuted(Statistic::Ks, None);
        assert!((found.p_value - 1.0 / 3.0).abs() < 0.02, "{found:?}");
        assert_eq!(pooled.observed(Statistic::Ks), 1.0);
    }

    /// Neither the order of rows nor the names of sides' clusters may move a p-value.
    #[test]
    fn the_order_of_rows_does_not_matter() {
        let values: Vec<f64> = (0..40).map(|i| f64::from(i * 7 % 40)).collect();
        let clusters: Vec<u64> = (0..40).map(|i| i / 4).collect();
        let (mut back, mut back_clusters) = (values[..20].to_vec(), clusters[..20].to_vec());
        back.reverse();
        back_clusters.reverse();
        let current = rows(&values[20..], &clusters[20..]);
        let p = |reference| Pooled::of_numbers(reference, current).unwrap().permuted(Statistic::Wasserstein, None).p_value;
        assert_eq!(p(rows(&values[..20], &clusters[..20])), p(rows(&back, &back_clusters)));
    }

    #[test]
    fn a_side_of_nulls_is_an_error() {
        assert!(Pooled::of_numbers(rows(&[f64::NAN], &[1]), rows(&[1.0], &[1])).is_err());
        assert!(Pooled::of_bins(rows(&[f64::NAN], &[1]), rows(&[1.0], &[1]), |x| usize::from(x.is_nan())).is_ok());
    }
}
