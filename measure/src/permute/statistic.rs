//! What is computed for each deal, out of how many rows of one side each cell has.

use super::Pooled;
use crate::drift::{Counts, js_distance_counts};
use crate::homogeneity::{chi2, g_test};

/// A statistic of two sides that is the same with the sides exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// Kolmogorov-Smirnov's largest gap.
    Ks,
    /// The mean square of the gap, weighed by rows (Cramér-von Mises).
    CramerVonMises,
    /// How far the share of pairs with the larger value on one side is from a half (Mann-Whitney).
    MannWhitney,
    /// Welch's t, without its sign.
    Welch,
    /// The area between the distribution functions, in the unit of the values (Wasserstein-1); infinite values count nothing.
    Wasserstein,
    /// Pearson's χ² over the cells.
    Chi2,
    /// The likelihood ratio over the cells.
    G,
    /// The Jensen-Shannon distance over the cells.
    JsDistance,
}

impl Statistic {
    /// Computes the statistic of the side that has `counts` rows in each cell against the rest.
    pub(super) fn of(self, pooled: &Pooled, counts: &[u32]) -> f64 {
        match self {
            Self::Ks => largest_gap(pooled, counts),
            Self::CramerVonMises => over_gaps(pooled, counts, |gap, cell| gap * gap * f64::from(pooled.totals[cell])),
            Self::Wasserstein => over_gaps(pooled, counts, |gap, cell| {
                let width = pooled.centres.get(cell + 1).map_or(0.0, |next| next - pooled.centres[cell]);
                if width.is_finite() { gap.abs() * width } else { 0.0 }
            }),
            Self::MannWhitney => mann_whitney(pooled, counts),
            Self::Welch => welch(pooled, counts),
            Self::Chi2 => chi2(&table(pooled, counts)).statistic,
            Self::G => g_test(&table(pooled, counts)).statistic,
            Self::JsDistance => js_distance_counts(&table(pooled, counts)),
        }
    }
}

/// Rows on the side and on the other one.
fn sizes(pooled: &Pooled, counts: &[u32]) -> (f64, f64) {
    let side: f64 = counts.iter().map(|count| f64::from(*count)).sum();
    (side, pooled.totals.iter().map(|count| f64::from(*count)).sum::<f64>() - side)
}

fn largest_gap(pooled: &Pooled, counts: &[u32]) -> f64 {
    let mut most = 0.0_f64;
    over_gaps(pooled, counts, |gap, _| {
        most = most.max(gap.abs());
        0.0
    });
    most
}

/// Sums a term over the cells: of the difference of the distribution functions from there on.
fn over_gaps(pooled: &Pooled, counts: &[u32], mut term: impl FnMut(f64, usize) -> f64) -> f64 {
    let (n, m) = sizes(pooled, counts);
    let (mut side, mut rest, mut sum) = (0.0, 0.0, 0.0);
    for (cell, (count, total)) in counts.iter().zip(&pooled.totals).enumerate() {
        side += f64::from(*count);
        rest += f64::from(total - count);
        sum += term(side / n - rest / m, cell);
    }
    sum
}

fn mann_whitney(pooled: &Pooled, counts: &[u32]) -> f64 {
    let (n, m) = sizes(pooled, counts);
    let (mut below, mut wins) = (0.0, 0.0);
    for (count, total) in counts.iter().zip(&pooled.totals) {
        let (side, rest) = (f64::from(*count), f64::from(total - count));
        wins += side * (below + rest / 2.0);
        below += rest;
    }
    (wins / (n * m) - 0.5).abs()
}

fn welch(pooled: &Pooled, counts: &[u32]) -> f64 {
    let (n, m) = sizes(pooled, counts);
    let cells =
        || counts.iter().zip(&pooled.totals).zip(&pooled.centres).map(|((count, total), x)| (f64::from(*count), f64::from(total - count), *x));
    let (side, rest) = cells().fold((0.0, 0.0), |sums, (count, other, x)| (sums.0 + count * x, sums.1 + other * x));
    let (mean, other_mean) = (side / n, rest / m);
    let square = |x: f64, mean: f64| (x - mean) * (x - mean);
    let (spread, other_spread) =
        cells().fold((0.0, 0.0), |sums, (count, other, x)| (sums.0 + count * square(x, mean), sums.1 + other * square(x, other_mean)));
    let error = (spread / (n * (n - 1.0).max(1.0)) + other_spread / (m * (m - 1.0).max(1.0))).sqrt();
    let difference = (mean - other_mean).abs();
    if difference == 0.0 { 0.0 } else { difference / error }
}

fn table(pooled: &Pooled, counts: &[u32]) -> Counts {
    let current = counts.iter().map(|count| u64::from(*count)).collect();
    let reference = counts.iter().zip(&pooled.totals).map(|(count, total)| u64::from(total - count)).collect();
    Counts::new(reference, current)
}
