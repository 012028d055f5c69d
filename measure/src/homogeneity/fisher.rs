//! Fisher's exact test.

use crate::drift::Counts;
use crate::error::Error;
use crate::special::hypergeometric_pmf;

/// Fisher's exact test of two bins, two-sided.
///
/// The sum of the probabilities of all tables with the same margins that are at most as likely as the one that was seen (hypergeometric).
/// A single bin gives p 1. Errors with more than two bins: [`homogeneity`](super::homogeneity()) draws tables then.
/// Source: Fisher (1935); equal to `scipy.stats.fisher_exact`.
pub fn fisher_p_value(counts: &Counts) -> Result<f64, Error> {
    let filled: Vec<(u64, u64)> = counts.reference.iter().copied().zip(counts.current.iter().copied()).filter(|(r, c)| r + c > 0).collect();
    let [(a, c), (b, d)] = filled[..] else {
        let wants = "at most two, and chi2_p_value takes more";
        let too_many = Error::Range { measure: "fisher_p_value", parameter: "categories", wants, value: filled.len() as f64 };
        return if filled.len() < 2 { Ok(1.0) } else { Err(too_many) };
    };
    Ok(two_sided(a, a + b, a + c, a + b + c + d))
}

/// The two-sided p-value of `k` hits among `drawn` of `total`, of which `hits` are hits.
fn two_sided(k: u64, drawn: u64, hits: u64, total: u64) -> f64 {
    let pmf = |k: u64| hypergeometric_pmf(k, drawn, hits, total);
    let (least, most) = ((drawn + hits).saturating_sub(total), drawn.min(hits));
    let mode = u128::from(drawn + 1) * u128::from(hits + 1) / u128::from(total + 2);
    let mode = u64::try_from(mode).unwrap_or(most).clamp(least, most);
    // Tables that are equally likely tie, whatever their last digits.
    let limit = pmf(k) * (1.0 + 1e-9);
    if pmf(mode) <= limit {
        return 1.0;
    }
    let lower = if k < mode { Some(k) } else { last_below(least, mode, |k| pmf(k) <= limit) };
    let upper = if k > mode { Some(k) } else { last_below(0, most - mode, |back| pmf(most - back) <= limit).map(|back| most - back) };
    // Away from the mode each term is smaller than the one before, by a ratio that needs no logarithm.
    let free = |k: u64| (total + k - hits - drawn) as f64;
    let down = |k: u64| k as f64 * free(k) / ((hits - k + 1) as f64 * (drawn - k + 1) as f64);
    let up = |k: u64| (hits - k) as f64 * (drawn - k) as f64 / ((k + 1) as f64 * free(k + 1));
    let lower = lower.map_or(0.0, |start| tail(pmf(start), (least + 1..=start).rev().map(down)));
    let upper = upper.map_or(0.0, |start| tail(pmf(start), (start..most).map(up)));
    (lower + upper).min(1.0)
}

/// The last place below `end` up to which `holds` is true from `start` on, if it is at all.
fn last_below(start: u64, end: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    let (mut low, mut high) = (start, end);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) { low = middle + 1 } else { high = middle }
    }
    low.checked_sub(1).filter(|last| *last >= start)
}

/// Sums terms of which each is the one before times a ratio, until they no longer count.
fn tail(first: f64, ratios: impl Iterator<Item = f64>) -> f64 {
    let (mut term, mut sum) = (first, first);
    for ratio in ratios {
        term *= ratio;
        sum += term;
        if term < sum * 1e-17 {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(table: [u64; 4], expect: f64) {
        let [a, b, c, d] = table;
        let found = fisher_p_value(&Counts::new(vec![a, b], vec![c, d])).unwrap();
        assert!((found - expect).abs() <= 1e-9 * expect.max(1e-12), "{table:?}: {found} is not {expect}");
    }

    /// `scipy.stats.fisher_exact([[a, b], [c, d]])`.
    #[test]
    fn equals_scipy() {
        check([3, 1, 2, 4], 0.5238095238095238);
        check([8, 2, 1, 5], 0.034965034965034975);
        check([90, 10, 80, 20], 0.07342758972137636);
        check([0, 10, 5, 5], 0.032507739938080496);
        check([500, 500, 480, 520], 0.3953996780940261);
        check([1000000, 300, 1000000, 360], 0.02155082809040971);
        check([12, 5, 29, 2], 0.08026855207410463);
        check([1, 9, 11, 3], 0.0027594561852200836);
    }

    #[test]
    fn three_categories_are_refused() {
        let error = fisher_p_value(&Counts::new(vec![1, 2, 3], vec![3, 2, 1])).unwrap_err();
        assert!(error.to_string().contains("chi2_p_value"), "{error}");
        assert_eq!(fisher_p_value(&Counts::new(vec![4], vec![5])).unwrap(), 1.0);
    }
}
