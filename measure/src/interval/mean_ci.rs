//! Student's interval of a mean.

use crate::error::{Error, at_least, open_unit};
use crate::interval::Interval;
use crate::moments::Moments;
use crate::special::t_quantile;

/// Student's interval of a mean, two-sided at `level`: `x̄ ± t s/√n`, n − 1 degrees of freedom.
///
/// Numbers that are all alike give an interval of no width, infinite ones NaN. Errors below two numbers, or where the level is not
/// between 0 and 1. Source: Student (1908).
pub fn mean_ci(moments: &Moments, level: f64) -> Result<Interval, Error> {
    open_unit("mean_ci", "level", level)?;
    at_least("mean_ci", "values", 2, usize::try_from(moments.n).unwrap_or(usize::MAX))?;
    let n = moments.n as f64;
    let half = t_quantile(0.5 + level / 2.0, n - 1.0) * moments.sd() / n.sqrt();
    Ok(Interval { low: moments.mean - half, high: moments.mean + half })
}

/// The interval of a mean over values that come in clusters, two-sided at `level`.
///
/// `x̄ ± t √(G/(G−1) · Σ_g (S_g − n_g x̄)²) / n`, G − 1 degrees of freedom, out of each cluster's count and sum. A little too narrow where there
/// are few clusters of unequal sizes. Errors below two clusters, or where the level is not between 0 and 1.
/// Source: Miller, "Adding error bars to evals" (2024), appendix A.
pub fn clustered_mean_ci(clusters: &[(u64, f64)], level: f64) -> Result<Interval, Error> {
    open_unit("mean_ci", "level", level)?;
    let filled = || clusters.iter().copied().filter(|(n, _)| *n > 0);
    let (n, sum, g) = filled().fold((0.0, 0.0, 0_u32), |(n, sum, g), (count, part)| (n + count as f64, sum + part, g + 1));
    at_least("mean_ci", "clusters", 2, g as usize)?;
    let mean = sum / n;
    let squares: f64 = filled().map(|(count, part)| (part - count as f64 * mean).powi(2)).sum();
    let g = f64::from(g);
    let half = t_quantile(0.5 + level / 2.0, g - 1.0) * (g / (g - 1.0) * squares).sqrt() / n;
    Ok(Interval { low: mean - half, high: mean + half })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.t.interval(.95, 4, mean, sem)`.
    #[test]
    fn equals_scipy() {
        let found = mean_ci(&Moments::of(&[3.0, 5.0, 6.0, f64::NAN, 9.0, 11.0]), 0.95).unwrap();
        assert!((found.low - 2.8344431990903667).abs() < 1e-9 && (found.high - 10.765556800909632).abs() < 1e-9, "{found:?}");
    }

    /// Clusters of one value each are no clusters.
    #[test]
    fn single_values_as_clusters() {
        let values = [3.0, 5.0, 6.0, 9.0, 11.0];
        let (by_cluster, plain) = (clustered_mean_ci(&values.map(|x| (1, x)), 0.9).unwrap(), mean_ci(&Moments::of(&values), 0.9).unwrap());
        assert!((by_cluster.low - plain.low).abs() < 1e-12 && (by_cluster.high - plain.high).abs() < 1e-12);
        assert!(clustered_mean_ci(&[(5, 2.0)], 0.9).is_err() && mean_ci(&Moments::of(&[1.0]), 0.9).is_err());
    }
}
