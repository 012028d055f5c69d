//! P-values by permuting whole clusters between the window and its baseline.

use measure::Seed;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

use crate::series::Series;

/// Draws of a permutation test, unless the sample is so large that fewer must do.
const DRAWS: usize = 9_999;
/// Permutations that reach the observed statistic after which no more are needed.
const ENOUGH: usize = 20;
/// Bound on rows times draws: what one p-value may cost, some 50 ms.
const STEPS_MAX: usize = 20_000_000;

/// What is computed for each draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Statistic {
    /// Kolmogorov-Smirnov's largest gap.
    Gap,
    /// Pearson's χ² over equal values.
    ChiSquare,
}

/// Both sides together, sorted by value: each row's cluster, and where runs of equal values end.
pub(super) struct Pooled {
    clusters: Vec<u32>,
    run_ends: Vec<usize>,
    /// Side of each cluster: true where it is in the window.
    sides: Vec<bool>,
}

impl Pooled {
    /// Puts the rows of both sides together; a cluster that is on both sides is one cluster a side.
    pub fn of(series: &Series, current: &[usize], past: &[usize], key: impl Fn(usize) -> f64) -> Self {
        let mut numbers = std::collections::HashMap::new();
        let mut sides = Vec::new();
        let mut rows: Vec<(f64, u32)> = Vec::with_capacity(current.len() + past.len());
        for (side, members) in [(true, current), (false, past)] {
            for row in members {
                let cluster = series.clusters.codes.get(*row).map_or(*row as u64, |code| u64::from(*code));
                let next = u32::try_from(sides.len()).unwrap_or(u32::MAX);
                let number = *numbers.entry((cluster, side)).or_insert(next);
                if number == next {
                    sides.push(side);
                }
                rows.push((key(*row), number));
            }
        }
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        let run_ends = (1..=rows.len()).filter(|i| *i == rows.len() || rows[*i].0 != rows[*i - 1].0).collect();
        Self { clusters: rows.into_iter().map(|(_, cluster)| cluster).collect(), run_ends, sides }
    }

    fn statistic(&self, kind: Statistic, sides: &[bool]) -> f64 {
        let side = |row: usize| sides[self.clusters[row] as usize];
        let n = (0..self.clusters.len()).filter(|row| side(*row)).count() as f64;
        let m = self.clusters.len() as f64 - n;
        if n == 0.0 || m == 0.0 {
            return 0.0;
        }
        let (mut start, mut seen, mut rest, mut found) = (0, 0.0, 0.0, 0.0_f64);
        for end in &self.run_ends {
            let inside = (start..*end).filter(|row| side(*row)).count() as f64;
            let outside = (end - start) as f64 - inside;
            start = *end;
            match kind {
                Statistic::Gap => {
                    seen += inside;
                    rest += outside;
                    found = found.max((seen / n - rest / m).abs());
                }
                Statistic::ChiSquare => {
                    let share = (inside + outside) / (n + m);
                    found += (inside - n * share).powi(2) / (n * share) + (outside - m * share).powi(2) / (m * share);
                }
            }
        }
        found
    }
}

/// Share of permutations of the clusters whose statistic is at least the observed one: `(1 + #) / (draws + 1)`.
///
/// Where chance reaches the observed one twenty times before all draws are made, the rest is not drawn and the p-value is
/// `20 / draws so far`, which is as valid (Besag and Clifford, "Sequential Monte Carlo p-values", 1991).
pub(super) fn permuted_p(pooled: &Pooled, kind: Statistic, name: &str) -> f64 {
    let observed = pooled.statistic(kind, &pooled.sides) * (1.0 - 1e-12);
    let draws = DRAWS.min(STEPS_MAX / pooled.clusters.len().max(1)).max(99);
    let mut rng = Seed::of([name, &pooled.clusters.len().to_string(), &pooled.sides.len().to_string()]).rng();
    let mut sides = pooled.sides.clone();
    let mut reached = 0_usize;
    for draw in 1..=draws {
        shuffle(&mut sides, &mut rng);
        reached += usize::from(pooled.statistic(kind, &sides) >= observed);
        if reached == ENOUGH {
            return ENOUGH as f64 / draw as f64;
        }
    }
    (1 + reached) as f64 / (draws + 1) as f64
}

/// Fisher-Yates, with Lemire's multiplication in place of a remainder.
fn shuffle(sides: &mut [bool], rng: &mut ChaCha8Rng) {
    for i in (1..sides.len()).rev() {
        let scaled = (u128::from(rng.next_u64()) * (i as u128 + 1)) >> 64;
        sides.swap(i, usize::try_from(scaled).unwrap_or(i));
    }
}
