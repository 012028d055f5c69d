//! Tests that two sides share one distribution over the same bins.
//!
//! Both sides are samples. A test that takes the reference for the truth, as is common, alarms in 20 to 80 % of the cases where
//! nothing changed.

pub mod chi2;
pub mod fisher;
pub mod g_test;
pub mod pick;

mod monte_carlo;

pub use chi2::{chi2, chi2_p_value};
pub use fisher::fisher_p_value;
pub use g_test::{g_test, g_test_p_value};
pub use monte_carlo::monte_carlo_p;
pub use pick::{Homogeneity, homogeneity};

use crate::drift::Counts;

/// The outcome of a test of homogeneity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TableTest {
    /// The statistic.
    pub statistic: f64,
    /// Degrees of freedom: bins that anything fell into, less one; each category that `other` pools is one.
    pub df: f64,
    /// The p-value.
    pub p_value: f64,
    /// The smallest count that one would expect in any cell; below 5 the p-value is rough.
    pub expected_min: f64,
}

/// Sums a term over all cells, `(observed, expected)` each, and returns the sum, the degrees of freedom and the smallest expected count.
fn over_cells(counts: &Counts, term: impl Fn(f64, f64) -> f64) -> (f64, f64, f64) {
    let counts = counts.apart();
    let (n, m) = counts.totals();
    let (n, m) = (n as f64, m as f64);
    let (mut sum, mut least, mut n_bins) = (0.0, f64::INFINITY, 0_u32);
    for (r, c) in counts.reference.iter().zip(&counts.current) {
        let both = (r + c) as f64;
        if both == 0.0 {
            continue;
        }
        n_bins += 1;
        for (observed, side) in [(*r as f64, n), (*c as f64, m)] {
            let expected = both * side / (n + m);
            sum += term(observed, expected);
            least = least.min(expected);
        }
    }
    (sum, f64::from(n_bins.saturating_sub(1)), least)
}
