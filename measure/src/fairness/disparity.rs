//! The largest gap between the means of groups.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

use crate::error::{Error, at_least};
use crate::moments::Moments;
use crate::permute::{draw_to_front, n_draws};
use crate::seed::Seed;

/// Rows up to which they are permuted; above, the groups' means are drawn from their normal limit.
pub const ROWS_MAX: usize = 20_000;

/// A group: what is known of its values, and the values themselves while there are few enough.
#[derive(Debug, Clone, Default)]
pub struct Group {
    /// Count, mean and spread.
    pub moments: Moments,
    /// The values; empty where they were not kept.
    pub values: Vec<f64>,
}

/// How far apart the groups are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Disparity {
    /// Highest mean less lowest mean.
    pub gap: f64,
    /// The gap less what chance alone gives, at least 0.
    pub gap_adjusted: f64,
    /// How likely a gap as large is where the groups do not matter.
    pub p_value: f64,
    /// Which group has the highest mean.
    pub highest: usize,
    /// Which group has the lowest mean.
    pub lowest: usize,
    /// Whether rows were permuted; else the groups' means were drawn from their normal limit.
    pub exact: bool,
}

/// The gap between the highest and the lowest group mean, with a permutation null: the gap of groups that do not differ is not zero, and
/// grows with their number (0.14 for five groups of 50 at a rate of .3).
///
/// `gap_adjusted = max(0, gap − E₀[gap])` and `p = (1 + #{gap* ≥ gap})/(B + 1)` over 9,999 permutations of the rows between the groups.
/// Where not all values were kept, the means are drawn as normal ones with the variance of all rows over the group's size. Groups
/// without a value count nothing; a gap that is not finite (infinite values) has neither `gap_adjusted` nor a p-value. Errors below two groups.
pub fn disparity(groups: &[Group]) -> Result<Disparity, Error> {
    let filled: Vec<usize> = (0..groups.len()).filter(|group| groups[*group].moments.n > 0).collect();
    at_least("disparity", "groups", 2, filled.len())?;
    let mean = |group: &usize| groups[*group].moments.mean;
    let (highest, lowest) = filled.iter().fold((filled[0], filled[0]), |(high, low), group| {
        (if mean(group) > mean(&high) { *group } else { high }, if mean(group) < mean(&low) { *group } else { low })
    });
    let gap = mean(&highest) - mean(&lowest);
    let exact = filled.iter().all(|group| groups[*group].values.len() as u64 == groups[*group].moments.n);
    let mut rng = Seed::of(["disparity"]).rng();
    let sizes: Vec<u64> = filled.iter().map(|group| groups[*group].moments.n).collect();
    let (n_draws, chance): (usize, Box<dyn FnMut() -> f64>) = if exact {
        let mut rows: Vec<f64> = filled.iter().flat_map(|group| groups[*group].values.iter().copied()).collect();
        rows.sort_unstable_by(f64::total_cmp);
        (n_draws(rows.len()), Box::new(move || permuted_gap(&mut rows, &sizes, &mut rng)))
    } else {
        let mut all = Moments::default();
        filled.iter().for_each(|group| all.merge(&groups[*group].moments));
        (crate::permute::DRAWS, Box::new(move || normal_gap(all.sd(), &sizes, &mut rng)))
    };
    let (reached, sum) = std::iter::repeat_with(chance).take(n_draws).fold((0_usize, 0.0), |(reached, sum), drawn| {
        // Ties count, though their floating sums may differ.
        (reached + usize::from(drawn >= gap - 1e-12 * gap.abs()), sum + drawn)
    });
    let (gap_adjusted, p_value) = match gap.is_finite() {
        true => ((gap - sum / n_draws as f64).max(0.0), (1 + reached) as f64 / (n_draws + 1) as f64),
        false => (f64::NAN, f64::NAN),
    };
    Ok(Disparity { gap, gap_adjusted, p_value, highest, lowest, exact })
}

/// The gap between groups of these sizes, the rows dealt out at random.
fn permuted_gap(rows: &mut [f64], sizes: &[u64], rng: &mut ChaCha8Rng) -> f64 {
    let n = rows.len();
    draw_to_front(rows, n, rng);
    let mut rest: &[f64] = rows;
    range(sizes.iter().map(|size| {
        let (group, others) = rest.split_at(usize::try_from(*size).unwrap_or(0).min(rest.len()));
        rest = others;
        group.iter().sum::<f64>() / group.len() as f64
    }))
}

/// The gap between normal means of groups of these sizes.
fn normal_gap(sd: f64, sizes: &[u64], rng: &mut ChaCha8Rng) -> f64 {
    let mut unit = || ((rng.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    range(sizes.iter().map(|size| sd / (*size as f64).sqrt() * (-2.0 * unit().ln()).sqrt() * (std::f64::consts::TAU * unit()).cos()))
}

fn range(means: impl Iterator<Item = f64>) -> f64 {
    let (low, high) = means.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), mean| (low.min(mean), high.max(mean)));
    high - low
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(hits: usize, n: usize) -> Group {
        let values: Vec<f64> = (0..n).map(|i| f64::from(u8::from(i < hits))).collect();
        Group { moments: Moments::of(&values), values }
    }

    /// Five groups of 50 at about the same rate: a gap of .14 is what chance gives; without the values nearly the same, for
    /// a normal gap does not tie.
    #[test]
    fn chance_makes_a_gap() {
        let mut groups: Vec<Group> = [15, 13, 18, 16, 12].map(|hits| group(hits, 50)).into();
        let found = disparity(&groups).unwrap();
        assert!((found.gap - 0.12).abs() < 1e-12 && (found.highest, found.lowest) == (2, 4), "{found:?}");
        assert!(found.gap_adjusted == 0.0 && found.p_value > 0.5 && found.exact, "{found:?}");
        groups.iter_mut().for_each(|group| group.values.clear());
        let rough = disparity(&groups).unwrap();
        assert!((rough.p_value - found.p_value).abs() < 0.15 && !rough.exact, "{rough:?}");
    }

    #[test]
    fn a_real_gap_stands_out() {
        let found = disparity(&[group(180, 200), group(140, 200), Group::default()]).unwrap();
        assert!(found.p_value < 0.001 && found.gap_adjusted > 0.15, "{found:?}");
    }

    // A gap that cannot be told must not read as none.
    #[test]
    fn infinite_values_leave_the_gap_open() {
        let infinite = Group { moments: Moments::of(&[0.5, f64::INFINITY]), values: vec![0.5, f64::INFINITY] };
        let found = disparity(&[group(3, 9), infinite]).unwrap();
        assert!(found.gap_adjusted.is_nan() && found.p_value.is_nan(), "{found:?}");
    }

    #[test]
    fn one_group_has_no_gap() {
        assert!(disparity(&[group(3, 9)]).is_err() && disparity(&[]).is_err());
        assert_eq!(disparity(&[group(3, 3), group(5, 5)]).unwrap().p_value, 1.0);
    }
}
