//! The G-test.

use super::{TableTest, over_cells};
use crate::drift::Counts;
use crate::special::chi_square_survival;

/// The asymptotic p-value of [`g_test`].
pub fn g_test_p_value(counts: &Counts) -> f64 {
    g_test(counts).p_value
}

/// The likelihood-ratio test that both sides share one distribution over the bins.
///
/// `G = 2 Σ O ln(O/E)` over both sides of each bin, E = bin total times side total over all, B − 1 degrees of freedom, asymptotic. An empty
/// cell counts nothing; a single bin gives p 1. Source: Wilks (1935); equal to
/// `scipy.stats.chi2_contingency(correction=False, lambda_="log-likelihood")`.
pub fn g_test(counts: &Counts) -> TableTest {
    let term = |observed: f64, expected: f64| if observed > 0.0 { 2.0 * observed * (observed / expected).ln() } else { 0.0 };
    let (sum, df, expected_min) = over_cells(counts, term);
    let statistic = sum.max(0.0);
    TableTest { statistic, df, p_value: chi_square_survival(statistic, df), expected_min }
}
