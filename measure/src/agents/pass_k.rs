//! How reliable repeated attempts are.

/// pass@k, the chance that one of k attempts succeeds: `1 − C(n − c, k) / C(n, k)` for c successes in n attempts.
///
/// Nothing where k is 0 or above n. Source: Chen et al., "Evaluating large language models trained on code" (2021).
pub fn pass_at_k(n: usize, successes: usize, k: usize) -> Option<f64> {
    Some(1.0 - all_of(n, n.checked_sub(successes)?, k)?)
}

/// pass^k, the chance that all of k attempts succeed: `C(c, k) / C(n, k)`.
///
/// Nothing where k is 0 or above n. Source: Yao et al., "τ-bench" (2024); its mean over tasks is the figure that is published.
pub fn pass_hat_k(n: usize, successes: usize, k: usize) -> Option<f64> {
    all_of(n, successes, k)
}

/// The chance that k of n drawn without putting back are all among m.
fn all_of(n: usize, m: usize, k: usize) -> Option<f64> {
    if k == 0 || k > n || m > n {
        return None;
    }
    Some((0..k).map(|drawn| m.saturating_sub(drawn) as f64 / (n - drawn) as f64).product())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// τ-bench, gpt-4o on airline, 50 tasks of 4 trials: pass^1..4 are .420, .273, .220, .200 (successes 0 to 4 as published).
    #[test]
    fn known_values() {
        assert_eq!(pass_hat_k(4, 2, 2), Some(1.0 / 6.0));
        assert_eq!(pass_at_k(4, 2, 2), Some(1.0 - 1.0 / 6.0));
        assert_eq!((pass_hat_k(4, 4, 4), pass_hat_k(4, 3, 4), pass_at_k(5, 0, 1)), (Some(1.0), Some(0.0), Some(0.0)));
        assert_eq!((pass_hat_k(4, 2, 5), pass_at_k(4, 2, 0)), (None, None));
    }
}
