//! bpref, which looks at judged documents alone.

/// bpref, `0.0..=1.0`: `1/R Σ (1 − min(n above r, R) / min(R, N))` over the retrieved relevant documents, n being judged irrelevant ones.
///
/// `grades` holds nothing for a document that nobody judged. R and N are the judged relevant and irrelevant documents that there are.
/// Source: Buckley and Voorhees, "Retrieval evaluation with incomplete information" (2004), as trec_eval has it.
pub fn bpref(grades: &[Option<f64>], n_relevant: usize, n_irrelevant: usize) -> f64 {
    if n_relevant == 0 {
        return 0.0;
    }
    let (mut above, mut sum) = (0_usize, 0.0);
    for grade in grades.iter().flatten() {
        if *grade <= 0.0 {
            above += 1;
        } else if above == 0 {
            sum += 1.0;
        } else {
            sum += 1.0 - above.min(n_relevant) as f64 / n_relevant.min(n_irrelevant) as f64;
        }
    }
    sum / n_relevant as f64
}
