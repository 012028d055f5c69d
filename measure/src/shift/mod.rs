//! Measures of how far one sample lies from another.

pub mod ks;
pub mod wasserstein;

mod kolmogorov;

pub use ks::{KsTest, ks_p_value, ks_statistic, ks_test};
pub use wasserstein::wasserstein;

/// Sorts the values that are not NaN, which is null.
fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values: Vec<f64> = values.iter().copied().filter(|x| !x.is_nan()).collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}
