//! The Benjamini-Hochberg correction.

/// Benjamini-Hochberg adjusted p-values, in the order of the input.
///
/// `p̃₍ᵢ₎ = min over k ≥ i of p₍ₖ₎ · m/k`, at most 1. Rejecting where the adjusted p is at most `q` keeps the false discovery rate at
/// `q` for independent or positively dependent tests. NaN stays NaN and does not count as a test.
/// Source: Benjamini and Hochberg, "Controlling the false discovery rate" (1995).
pub fn bh(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).filter(|i| !p_values[*i].is_nan()).collect();
    order.sort_by(|a, b| p_values[*b].total_cmp(&p_values[*a]));
    let mut adjusted = vec![f64::NAN; p_values.len()];
    let (m, mut least) = (order.len(), 1.0_f64);
    for (from_largest, index) in order.into_iter().enumerate() {
        let rank = m - from_largest;
        least = least.min(p_values[index] * m as f64 / rank as f64);
        adjusted[index] = least;
    }
    adjusted
}
