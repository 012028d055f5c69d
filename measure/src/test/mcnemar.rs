//! McNemar's test, exact and asymptotic.

use crate::special::{binomial_cdf, binomial_pmf, chi_square_survival};

/// The p-values of McNemar's exact test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mcnemar {
    /// Two-sided, exact.
    pub p_two_sided: f64,
    /// Two-sided, mid-p: half of the observed table's probability is left out.
    pub p_mid: f64,
    /// One-sided, exact: how likely as many losses or more are, when nothing changed.
    pub p_fall: f64,
}

/// McNemar's exact test of two paired rates, on the discordant pairs alone.
///
/// Without a change, `lost` of `gained + lost` is binomial with probability ½. Without a discordant pair every p is 1.
/// Source: McNemar, "Note on the sampling error of the difference between correlated proportions" (1947).
pub fn mcnemar(gained: u64, lost: u64) -> Mcnemar {
    let n = gained + lost;
    if n == 0 {
        return Mcnemar { p_two_sided: 1.0, p_mid: 1.0, p_fall: 1.0 };
    }
    let at_most = |k: u64| binomial_cdf(i64::try_from(k).unwrap_or(i64::MAX), n, 0.5);
    let fewer = gained.min(lost);
    let tail = at_most(fewer);
    let p_two_sided = (2.0 * tail).min(1.0);
    let p_mid = 2.0 * tail - binomial_pmf(fewer, n, 0.5);
    // As many losses or more is as many gains or fewer.
    Mcnemar { p_two_sided, p_mid: p_mid.min(1.0), p_fall: at_most(gained).min(1.0) }
}

/// The asymptotic p-value of McNemar's test with Edwards' correction for continuity, as most statistics packages print it.
///
/// `χ² = max(0, |gained − lost| − 1)² / (gained + lost)` with one degree of freedom; p is 1 without a discordant pair. To compare reports:
/// [`mcnemar`] is exact and takes no longer. Source: Edwards (1948); equal to statsmodels' `mcnemar(exact=False, correction=True)`.
pub fn mcnemar_chi2(gained: u64, lost: u64) -> f64 {
    let beyond = gained.abs_diff(lost).saturating_sub(1) as f64;
    if gained + lost == 0 { 1.0 } else { chi_square_survival(beyond * beyond / (gained + lost) as f64, 1.0) }
}
