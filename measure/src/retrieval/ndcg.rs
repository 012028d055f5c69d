//! Normalised discounted cumulative gain.

/// What a grade is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gain {
    /// The grade itself, as trec_eval has it.
    Linear,
    /// `2^grade − 1`, as most libraries have it.
    Exponential,
}

impl Gain {
    fn of(self, grade: f64) -> f64 {
        match self {
            Gain::Linear => grade.max(0.0),
            Gain::Exponential => grade.max(0.0).exp2() - 1.0,
        }
    }
}

/// nDCG at k, `0.0..=1.0`: `Σ gain(gradeᵢ) / log₂(i + 1)` over the first k ranks, over that of the best order of all `judged` grades.
///
/// `judged` are the grades of every document that was judged, retrieved or not. 0 where none is relevant.
/// Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques" (2002).
pub fn ndcg(grades: &[f64], judged: &[f64], k: usize, gain: Gain) -> f64 {
    let mut ideal = judged.to_vec();
    ideal.sort_by(|a, b| b.total_cmp(a));
    let best = discounted(&ideal, k, gain);
    if best == 0.0 { 0.0 } else { discounted(grades, k, gain) / best }
}

fn discounted(grades: &[f64], k: usize, gain: Gain) -> f64 {
    grades.iter().take(k).zip(2_u32..).map(|(grade, place)| gain.of(*grade) / f64::from(place).log2()).sum()
}
