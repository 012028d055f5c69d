//! Holm's correction.

/// Holm's adjusted p-values, in the order of the input: `p̃₍ᵢ₎ = max over k ≤ i of (m − k + 1) p₍ₖ₎`, at most 1.
///
/// Rejecting where the adjusted p is at most alpha keeps the chance of *any* false alarm at alpha, whatever the dependence. NaN stays NaN and does
/// not count as a test. Source: Holm, "A simple sequentially rejective multiple test procedure" (1979); equal to R's `p.adjust("holm")`.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).filter(|i| !p_values[*i].is_nan()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![f64::NAN; p_values.len()];
    let (m, mut most) = (order.len(), 0.0_f64);
    for (smaller, index) in order.into_iter().enumerate() {
        most = most.max(p_values[index] * (m - smaller) as f64).min(1.0);
        adjusted[index] = most;
    }
    adjusted
}
