//! Cohen's kappa.

use std::collections::BTreeMap;

use crate::error::{Error, at_least};

/// Cohen's κ of two raters who put the same items into categories.
///
/// `κ = (pₒ − pₑ)/(1 − pₑ)`, with the share pₒ of items on which they agree and `pₑ = Σ pₐ(c) p_b(c)`. `-1.0..=1.0`, unweighted. `pairs` lists
/// each pair of categories with how often it occurs. NaN where both use a single category, the same one: there is nothing to agree on by
/// chance or else. Errors without an item. Source: Cohen (1960); equal to `sklearn.metrics.cohen_kappa_score`.
pub fn cohen_kappa<T: Ord>(pairs: impl IntoIterator<Item = (T, T, u64)>) -> Result<f64, Error> {
    let mut margins: BTreeMap<T, (f64, f64)> = BTreeMap::new();
    let (mut n, mut agreed) = (0.0, 0.0);
    for (a, b, count) in pairs {
        let count = count as f64;
        n += count;
        if a == b {
            agreed += count;
        }
        margins.entry(a).or_default().0 += count;
        margins.entry(b).or_default().1 += count;
    }
    at_least("cohen_kappa", "items", 1, usize::from(n > 0.0))?;
    let by_chance: f64 = margins.values().map(|(a, b)| a * b).sum::<f64>() / (n * n);
    Ok((agreed / n - by_chance) / (1.0 - by_chance))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the literature: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no.
    #[test]
    fn known_values() {
        let found = cohen_kappa([("y", "y", 20), ("y", "n", 5), ("n", "y", 10), ("n", "n", 15)]).unwrap();
        assert!((found - 0.4).abs() < 1e-12, "{found}");
        assert_eq!(cohen_kappa([(1, 1, 3), (2, 2, 4)]).unwrap(), 1.0);
        assert!(cohen_kappa([(1, 1, 3)]).unwrap().is_nan());
        assert!(cohen_kappa::<u8>([]).is_err());
    }
}
