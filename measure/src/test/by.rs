//! The Benjamini-Yekutieli correction.

use super::bh;

/// Benjamini-Yekutieli adjusted p-values, in the order of the input: [`bh()`] times `Σ 1/k` over the tests, at most 1.
///
/// Keeps the false discovery rate whatever the dependence between the tests, where BH wants it positive. NaN stays NaN and does not count
/// as a test. Source: Benjamini and Yekutieli, "The control of the false discovery rate in multiple testing under dependency" (2001); equal
/// to `scipy.stats.false_discovery_control(method="by")`.
pub fn by(p_values: &[f64]) -> Vec<f64> {
    let harmonic: f64 = (1..).take(p_values.iter().filter(|p| !p.is_nan()).count()).map(|k: u32| 1.0 / f64::from(k)).sum();
    // A product by hand: `min` would make NaN a 1.
    bh(p_values).into_iter().map(|p| if p * harmonic > 1.0 { 1.0 } else { p * harmonic }).collect()
}
