//! What the interval of one run's mean is made of.

use crate::error::{Error, at_least};
use crate::test::paired_t::{mean, variance};
use crate::test::variance_floor;

/// The variance that one more cluster, all alike at even odds, would have: what is put beside the data before they tell of their clusters.
const EVEN_ODDS: f64 = 0.25;

/// Values of one run, independent or in clusters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub n: f64,
    pub mean: f64,
    /// Independent units that count as much: the values, or `n²/Σ n_g²` clusters (Kish).
    pub units: f64,
    /// Degrees of freedom: the units less one, at least 1.
    pub df: f64,
    /// Variance of the mean over its variance if the values were independent, at least 1.
    pub design_effect: f64,
    /// Squared standard error of the mean, before any floor.
    pub error_squared: f64,
}

impl Sample {
    /// Sums up values; `clusters[i]` names the cluster of value `i`. `unit` is u: the values' range, or their mean where they have none.
    ///
    /// `deff = max(1, (C + u² b²/4) / (N + u² b/4))` with `N = Σ (xᵢ − x̄)²`, `C = G/(G−1) Σ_g (Σ_{i∈g} (xᵢ − x̄))²` and `b = Σ n_g²/n`: values that
    /// are all alike say nothing of how clusters resemble each other, so that a cluster counts as one value until the data tell otherwise.
    /// Errors without a value, below two clusters, and where the lists differ in length.
    pub(crate) fn of(measure: &'static str, values: &[f64], clusters: Option<&[usize]>, unit: f64) -> Result<Self, Error> {
        at_least(measure, "values", 1, values.len())?;
        let (n, mean) = (values.len() as f64, mean(values));
        let variance = variance(values, mean);
        let Some(clusters) = clusters else {
            return Ok(Self { n, mean, units: n, df: (n - 1.0).max(1.0), design_effect: 1.0, error_squared: variance / n });
        };
        if values.len() != clusters.len() {
            return Err(Error::Lengths { measure, left: values.len(), right: clusters.len() });
        }
        let mut sums = vec![(0.0, 0.0); clusters.iter().max().map_or(0, |last| last + 1)];
        for (value, cluster) in values.iter().zip(clusters) {
            sums[*cluster].0 += value - mean;
            sums[*cluster].1 += 1.0;
        }
        sums.retain(|(_, size)| *size > 0.0);
        at_least(measure, "clusters", 2, sums.len())?;
        let g = sums.len() as f64;
        let size = sums.iter().map(|(_, size)| size * size).sum::<f64>() / n;
        // Exactly none where all values are alike, whatever the mean rounds to.
        let between = if variance == 0.0 { 0.0 } else { g / (g - 1.0) * sums.iter().map(|(sum, _)| sum * sum).sum::<f64>() };
        let within = variance * (n - 1.0);
        let odds = EVEN_ODDS * unit * unit * size;
        let design_effect = if within + odds > 0.0 { ((between + odds * size) / (within + odds)).max(1.0) } else { size };
        let error_squared = between.max(within * design_effect) / (n * n);
        Ok(Self { n, mean, units: n / size, df: (n / size - 1.0).max(1.0), design_effect, error_squared })
    }

    /// The standard error, no less than that of units whose variance is `2 r²/n`.
    pub(crate) fn floored_error(&self, r: f64) -> f64 {
        // The floor of a fractional number of units, as of whole ones.
        let floor = variance_floor(1, r) / (self.units * self.units);
        self.error_squared.max(floor).sqrt()
    }
}
