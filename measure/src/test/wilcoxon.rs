//! Wilcoxon's signed-rank test.

use crate::error::{Error, at_least};
use crate::special::normal_survival;

/// Differences up to which the p-value is exact where nothing ties (scipy's limit for `method = "auto"`).
pub const EXACT_MAX: usize = 50;
/// The same where some tie or are zero.
pub const EXACT_MAX_TIED: usize = 13;

/// The outcome of Wilcoxon's signed-rank test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wilcoxon {
    /// The smaller one of the rank sums of rises and of falls.
    pub statistic: f64,
    /// The two-sided p-value.
    pub p_value: f64,
    /// Whether the p-value is exact; else it is asymptotic.
    pub exact: bool,
}

/// Wilcoxon's signed-rank test that paired differences lie evenly about zero, two-sided.
///
/// Ranks of |d| (mid-ranks where they tie), differences of zero left out; W is the smaller one of the rank sums of either sign. Exact up to 50
/// differences, 13 where some tie or are zero, else normal with the variance `n(n+1)(2n+1)/24 − Σ(t³ − t)/48`, without a correction for
/// continuity, as scipy's `auto`. NaN is null and left out; an infinite difference has the last rank. Without a difference p is 1. Errors without a value.
/// Source: Wilcoxon, "Individual comparisons by ranking methods" (1945); equal to `scipy.stats.wilcoxon`.
pub fn wilcoxon(differences: &[f64]) -> Result<Wilcoxon, Error> {
    let mut known: Vec<f64> = differences.iter().copied().filter(|d| !d.is_nan()).collect();
    at_least("wilcoxon", "differences", 1, known.len())?;
    let n_all = known.len();
    known.retain(|d| *d != 0.0);
    if known.is_empty() {
        return Ok(Wilcoxon { statistic: 0.0, p_value: 1.0, exact: false });
    }
    known.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let (mut ranks_twice, mut rises, mut tied) = (Vec::new(), 0.0, 0.0);
    for alike in known.chunk_by(|a, b| a.abs() == b.abs()) {
        let (before, count) = (ranks_twice.len(), alike.len());
        ranks_twice.extend(std::iter::repeat_n(2 * before + count + 1, count));
        rises += alike.iter().filter(|d| **d > 0.0).count() as f64 * (2 * before + count + 1) as f64 / 2.0;
        tied += (count as f64).powi(3) - count as f64;
    }
    let n = known.len() as f64;
    let all = n * (n + 1.0) / 2.0;
    let statistic = rises.min(all - rises);
    let exact = n_all <= if tied > 0.0 || known.len() < n_all { EXACT_MAX_TIED } else { EXACT_MAX };
    let p_value = if exact {
        2.0 * exact_tail(&ranks_twice, statistic)
    } else {
        2.0 * normal_survival((all / 2.0 - statistic) / (n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - tied / 48.0).sqrt())
    };
    Ok(Wilcoxon { statistic, p_value: p_value.min(1.0), exact })
}

/// `P(W ≤ w)` where each rank is a rise or a fall as a coin says: the subsets of the ranks by their sums, both twice as large to be whole.
fn exact_tail(ranks_twice: &[usize], w: f64) -> f64 {
    let last = ranks_twice.iter().sum::<usize>();
    let mut shares = vec![0.0; last + 1];
    shares[0] = 0.5_f64.powf(ranks_twice.len() as f64);
    for rank in ranks_twice {
        for sum in (*rank..=last).rev() {
            shares[sum] += shares[sum - rank];
        }
    }
    shares.iter().zip(0_u32..).take_while(|(_, sum)| f64::from(*sum) <= 2.0 * w).map(|(share, _)| share).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(differences: &[f64], statistic: f64, p_value: f64, exact: bool) {
        let found = wilcoxon(differences).unwrap();
        assert!((found.statistic - statistic).abs() < 1e-12 && (found.p_value - p_value).abs() < 1e-9 && found.exact == exact, "{found:?}");
    }

    /// `scipy.stats.wilcoxon` 1.17: exact, exact with ties and a zero, asymptotic with both.
    #[test]
    fn equals_scipy() {
        let x = (1..=20).map(|i| (f64::from(i) * 0.618_033_988_749_894_9).fract());
        let y = (1..=20).map(|i| (f64::from(i) * 0.754_877_666_246_692_7).fract().powf(1.2));
        check(&x.zip(y).map(|(x, y)| x - y).collect::<Vec<_>>(), 77.0, 0.3117942810058594, true);
        check(&[1.0, -1.0, 2.0, 3.0, -2.0, 4.0, 5.0, 0.0, 2.0, 2.0], 6.0, 0.0625, true);
        check(&[1.0, -1.0, 2.0, 3.0, -2.0, 4.0, 5.0, 0.0, 2.0, 2.0, 7.0, 8.0, -9.0, 9.0, 1.0, 1.0], 23.5, 0.0373521617057361, false);
    }

    #[test]
    fn nothing_moved_is_no_shift() {
        check(&[0.0; 20], 0.0, 1.0, false);
        check(&[1.0, -1.0, f64::NAN], 1.5, 1.0, true);
        assert!(wilcoxon(&[f64::NAN]).is_err());
    }
}
