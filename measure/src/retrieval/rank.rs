//! Measures that count relevant documents down to a rank.

/// Orders documents the way trec_eval does: by score, which it keeps as a 32-bit float, highest first, then by id, last first.
pub fn ranking<'a>(scored: &[(&'a str, f64)]) -> Vec<&'a str> {
    #[expect(clippy::cast_possible_truncation, reason = "trec_eval compares 32-bit floats: .9000000001 ties with .9")]
    let mut sorted: Vec<(f32, &str)> = scored.iter().map(|(id, score)| (*score as f32, *id)).collect();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| b.1.cmp(a.1)));
    sorted.into_iter().map(|(_, id)| id).collect()
}

fn relevant(grades: &[f64], k: usize) -> usize {
    grades.iter().take(k).filter(|grade| **grade > 0.0).count()
}

/// Precision at k: relevant documents among the first k, over k, however few there are. 0 for k = 0.
pub fn precision(grades: &[f64], k: usize) -> f64 {
    if k == 0 { 0.0 } else { relevant(grades, k) as f64 / k as f64 }
}

/// Recall at k: relevant documents among the first k, over all `n_relevant` that there are. 0 where there are none.
pub fn recall(grades: &[f64], n_relevant: usize, k: usize) -> f64 {
    if n_relevant == 0 { 0.0 } else { relevant(grades, k) as f64 / n_relevant as f64 }
}

/// 1 where a relevant document is among the first k, else 0.
pub fn hit(grades: &[f64], k: usize) -> f64 {
    if relevant(grades, k) > 0 { 1.0 } else { 0.0 }
}

/// `1 / rank` of the first relevant document; 0 without one. Its mean over questions is MRR.
pub fn reciprocal_rank(grades: &[f64]) -> f64 {
    grades.iter().position(|grade| *grade > 0.0).map_or(0.0, |place| 1.0 / (place + 1) as f64)
}

/// Precision at R, R being the number of relevant documents that there are; 0 where there are none.
pub fn r_precision(grades: &[f64], n_relevant: usize) -> f64 {
    precision(grades, n_relevant)
}

/// Rank-biased precision, `(1 − p) Σ relevantᵢ pⁱ⁻¹`: what a reader sees who goes on to the next rank with probability p.
///
/// Source: Moffat and Zobel, "Rank-biased precision for measurement of retrieval effectiveness" (2008).
pub fn rank_biased_precision(grades: &[f64], persistence: f64) -> f64 {
    let seen = grades.iter().scan(1.0, |weight, grade| {
        let own = *weight;
        *weight *= persistence;
        Some(if *grade > 0.0 { own } else { 0.0 })
    });
    (1.0 - persistence) * seen.sum::<f64>()
}
