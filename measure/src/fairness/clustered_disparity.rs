//! The largest gap between the means of groups whose rows come in clusters.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha8Rng;

use crate::error::{Error, at_least};
use crate::fairness::Disparity;
use crate::permute::{draw_to_front, n_draws};
use crate::seed::Seed;

/// A row of a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Member {
    /// Its value.
    pub value: f64,
    /// Its group, from 0.
    pub group: usize,
    /// What it depends on: a session, a template.
    pub cluster: usize,
    /// What it shares with rows of other groups that differ from it by the group alone; any one number in rows that share nothing.
    pub pair: usize,
}

/// The gap between the highest and the lowest of `n_groups` group means, with a permutation null that keeps clusters whole.
///
/// `gap_adjusted = max(0, gap − E₀[gap])` and `p = (1 + #{gap* ≥ gap})/(B + 1)` over 9,999 permutations, as
/// [`disparity`](super::disparity()) has them, but of clusters and not of rows: clusters of a single group change groups among each other, whole. In a
/// cluster of several groups these change places, all rows of a group together, since how a template treats a group is one draw
/// and not one a row. They do so among groups that share a pair there, if any do: others may have been asked something else. A mean is over rows. Groups without
/// a row count nothing; a gap that is not finite has neither `gap_adjusted` nor a p-value. Errors below two groups with rows.
pub fn clustered_disparity(rows: &[Member], n_groups: usize) -> Result<Disparity, Error> {
    let deal = Deal::of(rows);
    let draws = n_draws(deal.parts.len());
    deal.test(n_groups, draws, &mut Seed::of(["disparity"]).rng())
}

/// Sum and count of the rows of one group in one cluster.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    group: usize,
    sum: f64,
    n: f64,
}

/// What is dealt out: parts, and which of them may change places.
struct Deal {
    parts: Vec<Part>,
    exchangeable: Vec<Vec<usize>>,
    /// The largest value, against which differences count as ties.
    largest: f64,
}

impl Deal {
    fn of(rows: &[Member]) -> Self {
        let mut clusters: BTreeMap<usize, Vec<Member>> = BTreeMap::new();
        rows.iter().for_each(|row| clusters.entry(row.cluster).or_default().push(*row));
        let (mut parts, mut exchangeable, mut whole) = (Vec::new(), Vec::new(), Vec::new());
        for rows in clusters.values() {
            let mut of_group: BTreeMap<usize, Part> = BTreeMap::new();
            for row in rows {
                let part = of_group.entry(row.group).or_insert(Part { group: row.group, ..Part::default() });
                (part.sum, part.n) = (part.sum + row.value, part.n + 1.0);
            }
            let places: BTreeMap<usize, usize> = of_group.keys().copied().zip(parts.len()..).collect();
            parts.extend(of_group.into_values());
            match places.len() {
                1 => whole.extend(places.into_values()),
                _ => exchangeable.extend(comparable(rows).iter().map(|groups| groups.iter().map(|group| places[group]).collect())),
            }
        }
        exchangeable.push(whole);
        let largest = rows.iter().fold(0.0_f64, |most, row| most.max(row.value.abs()));
        Self { parts, exchangeable, largest }
    }

    fn test(&self, n_groups: usize, n_draws: usize, rng: &mut ChaCha8Rng) -> Result<Disparity, Error> {
        let mut order: Vec<usize> = (0..self.parts.len()).collect();
        let means = self.means(&order, n_groups);
        let filled: Vec<usize> = (0..n_groups).filter(|group| self.parts.iter().any(|part| part.group == *group)).collect();
        at_least("disparity", "groups", 2, filled.len())?;
        let (highest, lowest) = filled.iter().fold((filled[0], filled[0]), |(high, low), group| {
            (if means[*group] > means[high] { *group } else { high }, if means[*group] < means[low] { *group } else { low })
        });
        let gap = means[highest] - means[lowest];
        if !gap.is_finite() {
            return Ok(Disparity { gap, gap_adjusted: f64::NAN, p_value: f64::NAN, highest, lowest, exact: true });
        }
        let (mut reached, mut sum, mut places) = (0_usize, 0.0, Vec::new());
        for _ in 0..n_draws {
            for exchangeable in &self.exchangeable {
                places.clone_from(exchangeable);
                draw_to_front(&mut places, exchangeable.len(), rng);
                exchangeable.iter().zip(&places).for_each(|(place, part)| order[*place] = *part);
            }
            let drawn = range(&self.means(&order, n_groups));
            // Ties count, though their floating sums may differ.
            reached += usize::from(drawn >= gap - 1e-12 * self.largest);
            sum += drawn;
        }
        let gap_adjusted = (gap - sum / n_draws as f64).max(0.0);
        Ok(Disparity { gap, gap_adjusted, p_value: (1 + reached) as f64 / (n_draws + 1) as f64, highest, lowest, exact: true })
    }

    /// The mean of every group when place `i` holds the part `order[i]`; NaN where a group has no row.
    fn means(&self, order: &[usize], n_groups: usize) -> Vec<f64> {
        let mut totals = vec![(0.0, 0.0); n_groups];
        for (place, part) in self.parts.iter().zip(order) {
            let (total, part) = (&mut totals[place.group], &self.parts[*part]);
            (total.0, total.1) = (total.0 + part.sum, total.1 + part.n);
        }
        totals.into_iter().map(|(sum, n)| sum / n).collect()
    }
}

/// The sets of groups that may change places within a cluster: those that share a pair, directly or through others; and the rest among each other.
fn comparable(rows: &[Member]) -> Vec<BTreeSet<usize>> {
    let mut pairs: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    rows.iter().for_each(|row| {
        pairs.entry(row.pair).or_default().insert(row.group);
    });
    let mut sets: Vec<BTreeSet<usize>> = Vec::new();
    for mut joined in pairs.into_values() {
        let (linked, apart): (Vec<_>, Vec<_>) = sets.into_iter().partition(|set| !set.is_disjoint(&joined));
        linked.into_iter().for_each(|set| joined.extend(set));
        sets = apart;
        sets.push(joined);
    }
    let (mut sets, alone): (Vec<_>, Vec<_>) = sets.into_iter().partition(|set| set.len() > 1);
    sets.push(alone.into_iter().flatten().collect());
    sets
}

fn range(means: &[f64]) -> f64 {
    // A group without a row is NaN, which neither end takes.
    let (low, high) = means.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), mean| (low.min(*mean), high.max(*mean)));
    high - low
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::RngCore;

    use super::*;

    fn member(value: f64, group: usize, cluster: usize, pair: usize) -> Member {
        Member { value, group, cluster, pair }
    }

    /// Two clusters a group: of the six ways to deal them out two are as far apart, however many rows they have.
    #[test]
    fn clusters_of_one_group_are_dealt_out_whole() {
        let rows: Vec<Member> = (0..40).map(|i| member(f64::from(u8::from(i >= 20)), i / 20, i / 10, i)).collect();
        let found = clustered_disparity(&rows, 3).unwrap();
        assert!((found.p_value - 1.0 / 3.0).abs() < 0.02 && found.gap == 1.0, "{found:?}");
        assert_eq!((found.highest, found.lowest), (1, 0));
        assert!(clustered_disparity(&rows[..20], 2).is_err());
    }

    /// Five templates with both groups: group 1 is ahead in each, in 2 of the 32 ways to exchange the groups by template.
    #[test]
    fn groups_change_places_within_a_cluster() {
        let rows: Vec<Member> = (0..30).map(|i| member((i / 6) as f64 + (i % 2) as f64, i % 2, i / 6, i / 2)).collect();
        let found = clustered_disparity(&rows, 2).unwrap();
        assert!((found.p_value - 2.0 / 32.0).abs() < 0.01 && (found.gap - 1.0).abs() < 1e-12, "{found:?}");
    }

    /// Groups 0 and 1 are asked one thing and groups 2 and 3 another: they do not stand in for each other.
    #[test]
    fn only_groups_that_share_a_pair_change_places() {
        let rows = [member(0.0, 0, 0, 0), member(0.0, 1, 0, 0), member(1.0, 2, 0, 1), member(1.0, 3, 0, 1)];
        assert_eq!(comparable(&rows), [BTreeSet::from([0, 1]), BTreeSet::from([2, 3]), BTreeSet::new()]);
        assert_eq!(clustered_disparity(&rows, 4).unwrap().p_value, 1.0);
    }

    #[test]
    fn infinite_values_leave_the_gap_open() {
        let found = clustered_disparity(&[member(f64::INFINITY, 0, 0, 0), member(0.0, 1, 1, 1)], 2).unwrap();
        assert!(found.gap_adjusted.is_nan() && found.p_value.is_nan(), "{found:?}");
    }

    /// Sessions of ten turns that are all alike, one group a session: rows as the unit alarm in every other run, sessions in one of twenty.
    #[test]
    fn false_alarms_are_as_rare_as_promised() {
        let mut rng = Seed::of(["false alarms"]).rng();
        let (mut whole, mut crossed) = (0, 0);
        for _ in 0..400 {
            let values: Vec<f64> = (0..20).map(|_| (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64).collect();
            let sessions: Vec<Member> = (0..200).map(|i| member(values[i / 10], i / 100, i / 10, i)).collect();
            // Ten templates that treat each of two groups in their own way, ten pairs each.
            let templates: Vec<Member> = (0..200).map(|i| member(values[2 * (i / 20) + i % 2], i % 2, i / 20, i / 2)).collect();
            let mut p = |rows: &[Member]| Deal::of(rows).test(2, 199, &mut rng).unwrap().p_value;
            whole += usize::from(p(&sessions) <= 0.05);
            crossed += usize::from(p(&templates) <= 0.05);
        }
        assert!((8..=32).contains(&whole) && (8..=32).contains(&crossed), "{whole} and {crossed} of 400");
    }
}
