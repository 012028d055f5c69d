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
    let ranks = Ranks::of(a, b)?;
    let larger = ranks.u.max(ranks.n * ranks.m - ranks.u);
    Ok(MannWhitney { statistic: ranks.u, p_value: (2.0 * ranks.at_least(larger)).min(1.0), exact: ranks.exact })
}

/// The one-sided p-value that the values of the first side are not the smaller ones (scipy's `alternative = "less"`).
///
/// Else as [`mann_whitney`]; a rise of the first side never shows. Errors if a side has no value.
pub fn mann_whitney_less_p_value<A: Sample + ?Sized, B: Sample + ?Sized>(a: &A, b: &B) -> Result<f64, Error> {
    let ranks = Ranks::of(a, b)?;
    Ok(ranks.at_least(ranks.n * ranks.m - ranks.u).min(1.0))
}

/// What the ranks of both sides say.
struct Ranks {
    n: f64,
    m: f64,
    /// Pairs in which the first side's value is the larger one.
    u: f64,
    /// Variance of `u` where nothing changed.
    variance: f64,
    exact: bool,
}

impl Ranks {
    fn of<A: Sample + ?Sized, B: Sample + ?Sized>(a: &A, b: &B) -> Result<Self, Error> {
        let (a, b) = two_sides("mann_whitney", a, b)?;
        let (few, many) = (a.values().len().min(b.values().len()), a.values().len().max(b.values().len()));
        let (mut seen, mut ranks, mut tied) = (0.0, 0.0, 0.0);
        merged(a.values(), b.values(), |_, n_a, n_b| {
            let count = (n_a + n_b) as f64;
            ranks += n_a as f64 * (seen + (count + 1.0) / 2.0);
            tied += count * count * count - count;
            seen += count;
        });
        let (n, m) = (a.values().len() as f64, b.values().len() as f64);
        let total = n + m;
        let variance = n * m / 12.0 * (total + 1.0 - tied / (total * (total - 1.0)));
        let exact = tied == 0.0 && few <= EXACT_MAX && few.saturating_mul(many) <= PRODUCT_MAX;
        Ok(Self { n, m, u: ranks - n * (n + 1.0) / 2.0, variance, exact })
    }

    /// How likely a statistic of `u` or more is where nothing changed; the distribution is symmetric about `nm/2`.
    fn at_least(&self, u: f64) -> f64 {
        let (mirrored, middle) = (self.n * self.m - u, self.n * self.m / 2.0);
        if !self.exact {
            return if self.variance > 0.0 { normal_survival((u - middle - 0.5) / self.variance.sqrt()) } else { 1.0 };
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most eight values, and eight million pairs")]
        let (few, many) = (self.n.min(self.m) as usize, self.n.max(self.m) as usize);
        if u >= middle { exact_tail(few, many, mirrored) } else { 1.0 - exact_tail(few, many, u - 1.0) }
    }
}

/// `P(U ≤ u)` for a whole `u ≤ nm/2`, 0 below 0: how many of the arrangements have each U are the coefficients of a Gaussian binomial.
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

    /// `scipy.stats.mannwhitneyu(alternative="less")`, exact from either side of the middle, asymptotic, with an infinite value.
    #[test]
    fn one_sided_equals_scipy() {
        let y = |n: u32, shift: f64| -> Vec<f64> { (1..=n).map(|i| (f64::from(i) * 0.754_877_666_246_692_7).fract().powf(1.2) + shift).collect() };
        let check = |a: &[f64], b: &[f64], expect: f64| {
            let found = mann_whitney_less_p_value(a, b).unwrap();
            assert!((found - expect).abs() < 1e-9, "{found} {expect}");
        };
        check(&ramp(5, 1.0, 0.0), &y(7, 0.3), 0.10101010101010102);
        check(&y(7, 0.3), &ramp(5, 1.0, 0.0), 0.9255050505050505);
        check(&ramp(200, 1.0, 0.0), &y(150, 0.0), 0.938855487949965);
        check(&[1.0, 2.0, 3.0, f64::INFINITY], &[2.0, 5.0, f64::INFINITY], 0.2945772327250291);
        check(&[2.0; 9], &[2.0; 9], 1.0);
    }

    #[test]
    fn all_alike_is_no_shift() {
        assert_eq!(mann_whitney(&[2.0; 9], &[2.0; 12]).unwrap().p_value, 1.0);
        assert!(mann_whitney(&[f64::NAN], &[2.0]).is_err());
    }
}
