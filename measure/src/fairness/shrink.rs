//! Group means that borrow strength from each other: a group of five is not believed as one of five hundred is.

use crate::error::{Error, at_least};

/// Shrinks group means to their common mean, by how little each is known (empirical Bayes).
///
/// `means` and `variances` (of the means, `s²/n`) are of one length. With the common mean `m` weighted by `1/(v + τ²)` and the spread between
/// groups `τ² = max(0, (Q − (k − 1)) / (Σw − Σw²/Σw))` for `w = 1/v` (DerSimonian and Laird, 1986), a group's estimate is
/// `m + τ²/(τ² + v) · (x − m)`. Groups that differ by chance alone all get the common mean. Errors below two groups, and where a variance is
/// not positive.
pub fn shrink(means: &[f64], variances: &[f64]) -> Result<Vec<f64>, Error> {
    at_least("shrink", "groups", 2, means.len().min(variances.len()))?;
    if let Some(bad) = variances.iter().find(|variance| variance.is_nan() || **variance <= 0.0) {
        return Err(Error::Range { measure: "shrink", parameter: "variances", wants: "above 0", value: *bad });
    }
    let weights: Vec<f64> = variances.iter().map(|variance| 1.0 / variance).collect();
    let fixed = weighted_mean(means, &weights);
    let q: f64 = means.iter().zip(&weights).map(|(mean, weight)| weight * (mean - fixed).powi(2)).sum();
    let (sum, squares) = weights.iter().fold((0.0, 0.0), |(sum, squares), weight| (sum + weight, squares + weight * weight));
    let between = ((q - (means.len() - 1) as f64) / (sum - squares / sum)).max(0.0);
    let weights: Vec<f64> = variances.iter().map(|variance| 1.0 / (variance + between)).collect();
    let common = weighted_mean(means, &weights);
    Ok(means.iter().zip(variances).map(|(mean, variance)| common + between / (between + variance) * (mean - common)).collect())
}

fn weighted_mean(means: &[f64], weights: &[f64]) -> f64 {
    means.iter().zip(weights).map(|(mean, weight)| mean * weight).sum::<f64>() / weights.iter().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The formula with numpy: Q = 6.285714, τ² = 0.021429.
    #[test]
    fn a_small_group_moves_most() {
        let found = shrink(&[0.5, 0.9, 0.4], &[0.01, 0.04, 0.0025]).unwrap();
        let expected = [0.508_256_542_572_797_6, 0.656_431_994_102_469_6, 0.413_158_864_725_396_26];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
    }

    #[test]
    fn chance_leaves_one_mean() {
        let found = shrink(&[0.30, 0.31, 0.29], &[0.01, 0.01, 0.01]).unwrap();
        assert!(found.iter().all(|mean| (mean - 0.30).abs() < 1e-12), "{found:?}");
        assert!(shrink(&[0.3], &[0.1]).is_err() && shrink(&[0.3, 0.4], &[0.1, 0.0]).is_err());
    }
}
