//! Pearson's chi-square test.

use super::{TableTest, over_cells};
use crate::drift::Counts;
use crate::special::chi_square_survival;

/// The asymptotic p-value of [`chi2`].
pub fn chi2_p_value(counts: &Counts) -> f64 {
    chi2(counts).p_value
}

/// Pearson's χ² test that both sides share one distribution over the bins.
///
/// `Σ (O − E)² / E` over both sides of each bin, E = bin total times side total over all, B − 1 degrees of freedom, asymptotic, without
/// Yates' correction. A single bin gives p 1. Source: Pearson (1900); equal to `scipy.stats.chi2_contingency(correction=False)`.
pub fn chi2(counts: &Counts) -> TableTest {
    let (statistic, df, expected_min) = over_cells(counts, |observed, expected| (observed - expected).powi(2) / expected);
    TableTest { statistic, df, p_value: chi_square_survival(statistic, df), expected_min }
}
