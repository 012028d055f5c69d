//! Krippendorff's alpha.

use std::collections::BTreeMap;

use crate::error::{Error, at_least};

/// How far apart two values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Equal or not.
    Nominal,
    /// By how many values lie between them.
    Ordinal,
    /// By their difference, squared.
    Interval,
}

/// Krippendorff's α: how far any number of raters agree on units, some of which they may have left out.
///
/// `α = 1 − Dₒ/Dₑ`, the mean distance of two values of one unit over that of two values of any units. `..=1.0`, 0 as by chance. Each unit
/// lists its values with how often each was given; a unit with less than two values counts nothing. NaN values are left out. NaN where
/// all values are equal. Errors where no unit has two values. Source: Krippendorff, "Computing Krippendorff's alpha-reliability" (2011);
/// equal to the `krippendorff` package.
pub fn krippendorff_alpha(units: impl IntoIterator<Item = Vec<(f64, u64)>>, scale: Scale) -> Result<f64, Error> {
    let paired = |unit: &Vec<(f64, u64)>| unit.iter().map(|(_, count)| count).sum::<u64>() > 1;
    let clean = |unit: Vec<(f64, u64)>| unit.into_iter().filter(|(x, count)| !x.is_nan() && *count > 0).collect();
    let units: Vec<Vec<(f64, u64)>> = units.into_iter().map(clean).filter(paired).collect();
    at_least("krippendorff_alpha", "units with two values", 1, units.len())?;
    // Every value with its count, ascending; a value is its place from here on.
    let mut totals: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    for (x, count) in units.iter().flatten() {
        totals.entry(ordered_bits(*x)).or_insert((*x, 0.0)).1 += *count as f64;
    }
    let values: Vec<(f64, f64)> = totals.values().copied().collect();
    let place: BTreeMap<u64, usize> = totals.keys().copied().zip(0..).collect();
    let distance = Distance::new(&values, scale);
    let n: f64 = values.iter().map(|(_, count)| count).sum();

    let observed: f64 = units
        .iter()
        .map(|unit| {
            let places: Vec<(usize, f64)> = unit.iter().map(|(x, count)| (place[&ordered_bits(*x)], *count as f64)).collect();
            let size: f64 = places.iter().map(|(_, count)| count).sum();
            distance.sum(&places) / (size - 1.0)
        })
        .sum();
    let all: Vec<(usize, f64)> = values.iter().enumerate().map(|(place, (_, count))| (place, *count)).collect();
    Ok(1.0 - (n - 1.0) * observed / distance.sum(&all))
}

/// The distances between values, by their places.
struct Distance {
    scale: Scale,
    /// The number itself, or for ranks how many values lie below the middle of its own.
    positions: Vec<f64>,
}

impl Distance {
    fn new(values: &[(f64, f64)], scale: Scale) -> Self {
        let mut below = 0.0;
        let rank = |count: f64| {
            below += count;
            below - count / 2.0
        };
        let positions = match scale {
            Scale::Ordinal => values.iter().map(|(_, count)| *count).map(rank).collect(),
            Scale::Nominal | Scale::Interval => values.iter().map(|(x, _)| *x).collect(),
        };
        Self { scale, positions }
    }

    /// The sum over all ordered pairs of different values, each as often as it occurs.
    fn sum(&self, places: &[(usize, f64)]) -> f64 {
        let n: f64 = places.iter().map(|(_, count)| count).sum();
        if self.scale == Scale::Nominal {
            let mut merged: BTreeMap<usize, f64> = BTreeMap::new();
            places.iter().for_each(|(place, count)| *merged.entry(*place).or_default() += count);
            return n * n - merged.values().map(|count| count * count).sum::<f64>();
        }
        // Over squares of differences the sum over pairs is that over deviations from the mean.
        let mean = places.iter().map(|(place, count)| self.positions[*place] * count).sum::<f64>() / n;
        2.0 * n * places.iter().map(|(place, count)| count * (self.positions[*place] - mean).powi(2)).sum::<f64>()
    }
}

/// Bits whose order is that of the numbers.
fn ordered_bits(x: f64) -> u64 {
    let bits = (x + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Krippendorff's own example: four coders, twelve units, values missing. `krippendorff.alpha` gives the same.
    #[test]
    fn known_values() {
        const UNITS: [&[f64]; 12] = [
            &[1.0, 1.0, 1.0],
            &[2.0, 2.0, 3.0, 2.0],
            &[3.0, 3.0, 3.0, 3.0],
            &[3.0, 3.0, 3.0, 3.0],
            &[2.0, 2.0, 2.0, 2.0],
            &[1.0, 2.0, 3.0, 4.0],
            &[4.0, 4.0, 4.0, 4.0],
            &[1.0, 1.0, 2.0, 1.0],
            &[2.0, 2.0, 2.0, 2.0],
            &[5.0, 5.0, 5.0],
            &[1.0, 1.0, f64::NAN],
            &[3.0],
        ];
        let units = || UNITS.map(|unit| unit.iter().map(|x| (*x, 1)).collect());
        for (scale, expect) in [(Scale::Nominal, 0.743421052631579), (Scale::Ordinal, 0.8153875037548814), (Scale::Interval, 0.8491071428571428)] {
            let found = krippendorff_alpha(units(), scale).unwrap();
            assert!((found - expect).abs() < 1e-9, "{scale:?}: {found} is not {expect}");
        }
        assert!(krippendorff_alpha([vec![(1.0, 2)]], Scale::Nominal).unwrap().is_nan());
        assert!(krippendorff_alpha([vec![(1.0, 1)]], Scale::Nominal).is_err());
    }
}
