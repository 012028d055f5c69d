//! The Mann-Whitney U test.

use crate::error::Error;
use crate::shift::{merged, two_sides};
use crate::sorted::Sample;
use crate::special::normal_survival;

/// Values on the smaller side up to which the p-value is exact where nothing ties (scipy's limit for `method = "auto"`).
pub const EXACT_MAX: usize = 8;
/// Products of both sizes beyond which the exact distribution would take too much memory.
const PRODUCT_MAX: usize = 8_000_000;

/// The outcome of the Mann-Whitney U test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannWhitney {
    /// Pairs in which the value of the first side is the larger one; ties count half.
    pub statistic: f64,
    /// The two-sided p-value.
    pub p_value: f64,
    /// Whether the p-value is exact; else it is asymptotic.
    pub exact: bool,
}

/// The two-sided p-value of [`mann_whitney`]. Errors if a side has no value.
pub fn mann_whitney_p_value<A: Sample + ?Sized, B: Sample + ?Sized>(a: &A, b: &B) -> Result<f64, Error> {
    mann_whitney(a, b).map(|test| test.p_value)
}

/// Mann-Whitney U test, two-sided: is a value of one side as often the larger as the smaller one?
///
/// `U = R − n(n+1)/2` with R the sum of the first side's mid-ranks. Exact where a side has 8 values or fewer and nothing ties, else
/// normal with corrections for ties and continuity, as scipy's `auto`. Where all values are equal p is 1. NaN is null and left out,
/// infinite values have ranks as others. Errors if a side has no value.
/// Source: Mann and Whitney (1947); equal to `scipy.stats.mannwhitneyu`.
pub fn mann_whitney<A: Sample + ?Sized, B: Sample + ?Sized>(a: &A, b: &B) -> Result<MannWhitney, Error> {
    let (a, b) = two_sides("mann_whitney", a, b)?;
    let (n, m) = (a.values().len(), b.values().len());
    let (mut seen, mut ranks, mut tied) = (0.0, 0.0, 0.0);
    merged(a.values(), b.values(), |_, n_a, n_b| {
        let count = (n_a + n_b) as f64;
        ranks += n_a as f64 * (seen + (count + 1.0) / 2.0);
        tied += count * count * count - count;
        seen += count;
    });
    let (nf, mf) = (n as f64, m as f64);
    let statistic = ranks - nf * (nf + 1.0) / 2.0;
    let larger = statistic.max(nf * mf - statistic);
    let exact = tied == 0.0 && n.min(m) <= EXACT_MAX && n.saturating_mul(m) <= PRODUCT_MAX;
    let p_value = if exact {
        2.0 * exact_tail(n.min(m), n.max(m), nf * mf - larger)
    } else {
        let total = nf + mf;
        let variance = nf * mf / 12.0 * (total + 1.0 - tied / (total * (total - 1.0)));
        if variance > 0.0 { 2.0 * normal_survival((larger - nf * mf / 2.0 - 0.5) / variance.sqrt()) } else { 1.0 }
    };
    Ok(MannWhitney { statistic, p_value: p_value.min(1.0), exact })
}

/// `P(U ≤ u)` for a whole `u ≤ nm/2`: how many of the arrangements have each U are the coefficients of a Gaussian binomial.
fn exact_tail(few: usize, many: usize, u: f64) -> f64 {
    let last = few * many / 2;
    let mut counts = vec![0.0; last + 1];
    counts[0] = 1.0;
    let mut arrangements = 1.0;
    for i in 1..=few {
        // Times (1 − q^(many + i)) / (1 − q^i), scaled to shares so that nothing overflows.
        for k in ((many + i)..=last).rev() {
            counts[k] -= counts[k - many - i];
        }
        for k in i..=last {
            counts[k] += counts[k - i];
        }
        arrangements *= (many + i) as f64 / i as f64;
    }
    counts.iter().zip(0_u32..).take_while(|(_, k)| f64::from(*k) <= u + 0.25).map(|(count, _)| count).sum::<f64>() / arrangements
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(n: u32, scale: f64, shift: f64) -> Vec<f64> {
        (1..=n).map(|i| (f64::from(i) * 0.618_033_988_749_894_9).fract() * scale + shift).collect()
    }

    #[track_caller]
    fn check(a: &[f64], b: &[f64], expect: (f64, f64, bool)) {
        let found = mann_whitney(a, b).unwrap();
        assert!((found.statistic - expect.0).abs() < 1e-9, "{found:?}");
        assert!((found.p_value - expect.1).abs() < 1e-9 * expect.1.max(1e-3), "{found:?}");
        assert_eq!(found.exact, expect.2);
    }

    /// `scipy.stats.mannwhitneyu` on the same inputs.
    #[test]
    fn equals_scipy() {
        check(&ramp(200, 1.0, 0.0), &ramp(151, 1.1, 0.031), (12934.0, 0.021404394748092543, false));
        check(&ramp(8, 1.0, 0.0), &ramp(9, 1.0, 0.2101), (23.0, 0.2358700123406006, true));
        check(&ramp(7, 1.0, 0.0), &ramp(1000, 1.0, 0.2), (2014.0, 0.05133463580477931, true));
        check(&ramp(3, 1.0, 0.0), &ramp(3, 1.0, 0.9), (0.0, 0.1, true));
        check(&ramp(9, 1.0, 0.0), &ramp(20, 1.0, 0.3), (46.0, 0.04030497436254076, false));
        check(&[1.0, 1.0, 2.0, 3.0, 5.0, 8.0], &[1.0, 2.0, 2.0, 4.0, 4.0, 4.0, 9.0], (18.0, 0.7164707988185162, false));
    }

    #[test]
    fn all_alike_is_no_shift() {
        assert_eq!(mann_whitney(&[2.0; 9], &[2.0; 12]).unwrap().p_value, 1.0);
        assert!(mann_whitney(&[f64::NAN], &[2.0]).is_err());
    }
}
