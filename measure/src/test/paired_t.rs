//! The paired t-test, and the clustered standard error.

use crate::error::{Error, at_least};
use crate::special::{t_cdf, t_quantile};

/// The outcome of a t-test that the mean of paired differences is zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedT {
    /// Mean difference.
    pub mean: f64,
    /// Standard error of the mean.
    pub error: f64,
    /// Mean over its standard error.
    pub t: f64,
    /// Degrees of freedom, `n − 1`.
    pub df: f64,
    /// One-sided p-value for a fall.
    pub p_fall: f64,
    /// Two-sided p-value.
    pub p_two_sided: f64,
}

impl PairedT {
    /// Returns the one-sided lower bound of the mean at `level`: `mean − t₍level₎ · error`.
    pub fn lower_bound(&self, level: f64) -> f64 {
        self.mean - t_quantile(level, self.df) * self.error
    }

    /// Returns the two-sided interval of the mean at `level`.
    pub fn interval(&self, level: f64) -> crate::Interval {
        let half = t_quantile(0.5 + level / 2.0, self.df) * self.error;
        crate::Interval { low: self.mean - half, high: self.mean + half }
    }
}

/// Paired t-test on differences, `t = d̄ / (sd(d)/√n)` with n − 1 degrees of freedom.
///
/// Differences that are all alike have no spread: all zero gives p 1 (nothing fell), others the exact p of flipping their signs,
/// `2^−n`, for a p-value is never zero. Errors below two differences.
/// Source: Student, "The probable error of a mean" (1908).
pub fn paired_t(differences: &[f64]) -> Result<PairedT, Error> {
    at_least("paired_t", "differences", 2, differences.len())?;
    let n = differences.len() as f64;
    let mean = mean(differences);
    let error = (variance(differences, mean) / n).sqrt();
    let t = if error > 0.0 {
        mean / error
    } else if mean == 0.0 {
        0.0
    } else {
        f64::INFINITY.copysign(mean)
    };
    let df = n - 1.0;
    let all_alike = 0.5_f64.powf(n);
    let (p_fall, p_two_sided) = match (error == 0.0, mean) {
        (false, _) => (t_cdf(t, df), 2.0 * t_cdf(-t.abs(), df)),
        (true, 0.0) => (1.0, 1.0),
        (true, mean) => (if mean < 0.0 { all_alike } else { 1.0 }, 2.0 * all_alike),
    };
    Ok(PairedT { mean, error, t, df, p_fall, p_two_sided })
}

/// Standard error of a mean over values that come in clusters.
///
/// `√(G/(G−1) · Σ_g (Σ_{i∈g} (dᵢ − d̄))²) / n` for G clusters; `clusters[i]` names the cluster of value `i`, from 0.
/// Errors below two clusters, or where the lists differ in length. For display alone: with clusters of unequal sizes a t-test on it
/// rejects too often. Source: Miller, "Adding error bars to evals" (2024), appendix A.
pub fn clustered_error(values: &[f64], clusters: &[usize]) -> Result<f64, Error> {
    if values.len() != clusters.len() {
        return Err(Error::Lengths { measure: "clustered_error", left: values.len(), right: clusters.len() });
    }
    let mean = mean(values);
    let mut sums = vec![(0.0, false); clusters.iter().max().map_or(0, |last| last + 1)];
    for (value, cluster) in values.iter().zip(clusters) {
        sums[*cluster].0 += value - mean;
        sums[*cluster].1 = true;
    }
    let n_clusters = sums.iter().filter(|(_, seen)| *seen).count();
    at_least("clustered_error", "clusters", 2, n_clusters)?;
    let squares: f64 = sums.iter().map(|(sum, _)| sum * sum).sum();
    Ok((n_clusters as f64 / (n_clusters as f64 - 1.0) * squares).sqrt() / values.len() as f64)
}

/// Mean of a list; 0 for an empty one.
pub(crate) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// Variance with `n − 1` in the denominator; exactly 0 where all values are alike, whatever the mean rounds to.
pub(crate) fn variance(values: &[f64], mean: f64) -> f64 {
    if values.len() < 2 || values.iter().all(|value| *value == values[0]) {
        return 0.0;
    }
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}
