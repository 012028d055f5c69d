//! The test of homogeneity that fits the counts.

use super::{chi2, fisher_p_value, monte_carlo_p};
use crate::drift::Counts;

/// Expected count below which χ²'s p-value is not trusted.
const EXPECTED_MIN: f64 = 5.0;

/// A test of homogeneity that was picked by the counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Homogeneity {
    /// Which test: `fisher`, `chi2` or `chi2_monte_carlo`.
    pub test: &'static str,
    /// Pearson's χ².
    pub statistic: f64,
    /// The p-value.
    pub p_value: f64,
}

/// Tests that both sides share one distribution: Fisher for two bins, χ² where every expected count is 5 or more, else χ² by 9,999 tables
/// that are drawn.
pub fn homogeneity(counts: &Counts) -> Homogeneity {
    let asymptotic = chi2(counts);
    let statistic = asymptotic.statistic;
    if asymptotic.df <= 1.0 {
        // Two bins are never refused.
        return Homogeneity { test: "fisher", statistic, p_value: fisher_p_value(counts).unwrap_or(asymptotic.p_value) };
    }
    if asymptotic.expected_min < EXPECTED_MIN {
        return Homogeneity { test: "chi2_monte_carlo", statistic, p_value: monte_carlo_p(counts) };
    }
    Homogeneity { test: "chi2", statistic, p_value: asymptotic.p_value }
}
