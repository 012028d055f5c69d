//! The four-fifths rule, with how often it cries wolf.

use rand_chacha::rand_core::RngCore;

use crate::error::{Error, at_least};
use crate::seed::Seed;

/// Ratio below which the rule sees adverse impact.
pub const LIMIT: f64 = 0.8;
/// Random deals of the successes among the groups.
const DRAWS: usize = 2_000;

/// The rule's ratio, and its false-alarm rate on data like these.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FourFifths {
    /// Lowest rate over highest rate, 0 to 1; 1 where nobody has a success.
    pub ratio: f64,
    /// How often groups of these sizes, treated alike, have a ratio below 0.8.
    pub false_alarms: f64,
}

/// Computes the ratio of the lowest to the highest group rate of `(successes, n)`, and how often chance alone takes it below 0.8.
///
/// The successes are dealt out among all rows 2,000 times. The rule has no error rate of its own: two groups of 50 at a rate of .3 that are
/// treated alike fail it 45 times in 100. Errors below two groups with rows.
/// Source: EEOC Uniform Guidelines, 29 CFR 1607.4 D (1978).
pub fn four_fifths(groups: &[(u64, u64)], seed: Seed) -> Result<FourFifths, Error> {
    let groups: Vec<(u64, u64)> = groups.iter().copied().filter(|(_, n)| *n > 0).collect();
    at_least("four_fifths", "groups", 2, groups.len())?;
    let hits: u64 = groups.iter().map(|(hits, n)| hits.min(n)).sum();
    let rows: u64 = groups.iter().map(|(_, n)| n).sum();
    let mut rng = seed.rng();
    let mut deal = || {
        let (mut hits, mut rows) = (hits, rows);
        let dealt: Vec<(u64, u64)> = groups
            .iter()
            .map(|(_, n)| {
                let mut got = 0;
                for _ in 0..*n {
                    // One row after the other is a success with the share of those that are left.
                    let drawn = (u128::from(rng.next_u64()) * u128::from(rows)) >> 64;
                    let hit = drawn < u128::from(hits);
                    (got, hits, rows) = (got + u64::from(hit), hits - u64::from(hit), rows - 1);
                }
                (got, *n)
            })
            .collect();
        ratio(&dealt) < LIMIT
    };
    let false_alarms = (0..DRAWS).filter(|_| deal()).count() as f64 / DRAWS as f64;
    Ok(FourFifths { ratio: ratio(&groups), false_alarms })
}

fn ratio(groups: &[(u64, u64)]) -> f64 {
    let rates = groups.iter().map(|(hits, n)| *hits as f64 / *n as f64);
    let (low, high) = rates.fold((f64::INFINITY, 0.0_f64), |(low, high), rate| (low.min(rate), high.max(rate)));
    if high > 0.0 { low / high } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rates that a simulation of the rule gave, whose number of successes varied: 45 % at two groups of 50, 14 % at two of 200, 84 % at five
    /// of 100, all at .3.
    #[test]
    fn the_rule_cries_wolf() {
        for (groups, expected) in [(vec![(15, 50); 2], 0.45), (vec![(60, 200); 2], 0.14), (vec![(30, 100); 5], 0.84)] {
            let found = four_fifths(&groups, Seed::of(["test"])).unwrap();
            assert_eq!(found.ratio, 1.0);
            assert!((found.false_alarms - expected).abs() < 0.08, "{groups:?}: {found:?}");
        }
    }

    #[test]
    fn groups_without_rows_do_not_count() {
        let found = four_fifths(&[(8, 10), (4, 10), (0, 0)], Seed::of(["test"])).unwrap();
        assert_eq!(found.ratio, 0.5);
        assert!(four_fifths(&[(8, 10), (0, 0)], Seed::of(["test"])).is_err());
    }
}
