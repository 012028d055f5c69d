//! The p-value of χ² by drawing tables with the same margins.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

use super::chi2;
use crate::drift::Counts;
use crate::seed::Seed;
use crate::special::hypergeometric_pmf;

/// Tables that are drawn.
const DRAWS: u32 = 9_999;

/// The p-value of Pearson's χ² by permuting rows between the sides, for bins with few rows.
///
/// `(1 + #{χ²* ≥ χ²}) / (B + 1)` over 9,999 tables with the margins of the one that was seen, which is what permuting its rows gives.
/// The seed is fixed, so the same counts always give the same p. Source: Hope, "A simplified Monte Carlo significance test procedure"
/// (1968); R's `chisq.test(simulate.p.value = TRUE)` does the same.
pub fn monte_carlo_p(counts: &Counts) -> f64 {
    let counts = counts.apart();
    let both: Vec<u64> = counts.reference.iter().zip(&counts.current).map(|(r, c)| r + c).collect();
    let (_, n_current) = counts.totals();
    // Ties count, though their floating sums may differ.
    let limit = chi2(&counts).statistic * (1.0 - 1e-9);
    let mut rng = Seed::of(["homogeneity"]).rng();
    let mut drawn = counts.clone().into_owned();
    let mut reached = 0_u32;
    for _ in 0..DRAWS {
        let (mut left, mut rows) = (n_current, both.iter().sum::<u64>());
        for (bin, total) in both.iter().enumerate() {
            let current = draw(&mut rng, left, *total, rows);
            (drawn.current[bin], drawn.reference[bin]) = (current, total - current);
            (left, rows) = (left - current, rows - total);
        }
        reached += u32::from(chi2(&drawn).statistic >= limit);
    }
    f64::from(1 + reached) / f64::from(DRAWS + 1)
}

/// Draws how many of `drawn` out of `total` are hits, by inversion from the mode outwards: some standard deviations' worth of steps.
fn draw(rng: &mut ChaCha8Rng, drawn: u64, hits: u64, total: u64) -> u64 {
    let (least, most) = ((drawn + hits).saturating_sub(total), drawn.min(hits));
    if least == most {
        return least;
    }
    let mode = u64::try_from(u128::from(drawn + 1) * u128::from(hits + 1) / u128::from(total + 2)).unwrap_or(most).clamp(least, most);
    let at_mode = hypergeometric_pmf(mode, drawn, hits, total);
    let free = |k: u64| (total + k - hits - drawn) as f64;
    let mut left = (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64 - at_mode;
    let ((mut low, mut p_low), (mut high, mut p_high)) = ((mode, at_mode), (mode, at_mode));
    while left >= 0.0 && (low > least || high < most) {
        if high < most {
            p_high *= (hits - high) as f64 * (drawn - high) as f64 / ((high + 1) as f64 * free(high + 1));
            high += 1;
            left -= p_high;
            if left < 0.0 {
                return high;
            }
        }
        if low > least {
            p_low *= low as f64 * free(low) / ((hits - low + 1) as f64 * (drawn - low + 1) as f64);
            low -= 1;
            left -= p_low;
            if left < 0.0 {
                return low;
            }
        }
        // What rounding left over belongs to the mode.
        if p_low + p_high < 1e-18 {
            break;
        }
    }
    mode
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::bin_categories;
    use crate::homogeneity::{fisher_p_value, homogeneity};

    /// The draws follow the hypergeometric distribution: mean and variance within four standard errors.
    #[test]
    fn draws_are_hypergeometric() {
        let mut rng = Seed::of(["draws"]).rng();
        for (drawn, hits, total) in [(10_u64, 4, 30), (500, 300, 2_000), (3, 900, 1_000)] {
            let draws: Vec<f64> = (0..20_000).map(|_| draw(&mut rng, drawn, hits, total) as f64).collect();
            let moments = crate::moments::Moments::of(&draws);
            let (n, p, total) = (drawn as f64, hits as f64 / total as f64, total as f64);
            let variance = n * p * (1.0 - p) * (total - n) / (total - 1.0);
            assert!((moments.mean - n * p).abs() < 4.0 * (variance / 2e4).sqrt(), "{moments:?}");
            assert!((moments.variance() / variance - 1.0).abs() < 0.08, "{moments:?}");
        }
    }

    /// Which categories the reference lacks is chance, too. Counted as one bin, they would alarm in every sixth comparison of fifty categories.
    #[test]
    fn categories_that_the_reference_lacks_are_no_alarm() {
        let mut rng = Seed::of(["categories"]).rng();
        let mut side = || (0..100).map(|_| Some(rng.next_u64() % 50)).collect::<Vec<_>>();
        let alarms = (0..200).filter(|_| homogeneity(&bin_categories(side(), side()).unwrap()).p_value <= 0.05).count();
        assert!((2..=20).contains(&alarms), "{alarms} of 200");
    }

    /// Two bins of a balanced table: the test by χ² is Fisher's.
    #[test]
    fn equals_fisher_where_it_is_the_same_test() {
        let counts = Counts::new(vec![9, 3], vec![4, 8]);
        assert!((monte_carlo_p(&counts) - fisher_p_value(&counts).unwrap()).abs() < 0.01);
        assert_eq!(monte_carlo_p(&Counts::new(vec![5], vec![6])), 1.0);
    }
}
