//! Average precision.

/// Average precision: the mean, over all `n_relevant` documents that there are, of the precision at each one's rank; 0 for those not retrieved.
///
/// Its mean over questions is MAP. Source: trec_eval's `map`.
pub fn average_precision(grades: &[f64], n_relevant: usize) -> f64 {
    if n_relevant == 0 { 0.0 } else { precisions(grades).sum::<f64>() / n_relevant as f64 }
}

/// The same over the relevant documents that were retrieved alone, which ragas calls context precision: it is blind to recall.
pub fn context_ap_retrieved(grades: &[f64]) -> f64 {
    let n_found = precisions(grades).count();
    if n_found == 0 { 0.0 } else { precisions(grades).sum::<f64>() / n_found as f64 }
}

/// Precision at the rank of each relevant document.
fn precisions(grades: &[f64]) -> impl Iterator<Item = f64> {
    let ranks = grades.iter().zip(1..).filter(|(grade, _)| **grade > 0.0).map(|(_, rank): (_, u32)| f64::from(rank));
    ranks.zip(1..).map(|(rank, found): (_, u32)| f64::from(found) / rank)
}
