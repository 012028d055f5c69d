//! Whether raters agree beyond chance.

use crate::error::{Error, at_least};

/// Cohen's kappa of two raters' classes: `(pₒ − pₑ) / (1 − pₑ)`, from −1 to 1; 1 where both always name the same one class.
///
/// Errors if the lists are empty or of different lengths.
pub fn cohen_kappa(a: &[usize], b: &[usize]) -> Result<f64, Error> {
    at_least("cohen_kappa", "cases", 1, a.len())?;
    if a.len() != b.len() {
        return Err(Error::Lengths { measure: "cohen_kappa", left: a.len(), right: b.len() });
    }
    let n = a.len() as f64;
    let n_classes = a.iter().chain(b).max().map_or(0, |last| last + 1);
    let share = |rater: &[usize], class: usize| rater.iter().filter(|named| **named == class).count() as f64 / n;
    let observed = a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / n;
    let by_chance: f64 = (0..n_classes).map(|class| share(a, class) * share(b, class)).sum();
    Ok(if by_chance < 1.0 { (observed - by_chance) / (1.0 - by_chance) } else { 1.0 })
}

/// Krippendorff's alpha for interval data, each row the values that the raters gave one case (nothing for one who gave none).
///
/// `1 − Dₒ/Dₑ` with squared differences, over the pairable values; 1 where nothing differs. Errors with fewer than two cases that two raters rated.
pub fn krippendorff_alpha(rows: &[Vec<Option<f64>>]) -> Result<f64, Error> {
    let units: Vec<Vec<f64>> = rows.iter().map(|row| row.iter().flatten().copied().collect::<Vec<f64>>()).filter(|row| row.len() > 1).collect();
    at_least("krippendorff_alpha", "cases that two raters rated", 2, units.len())?;
    let all: Vec<f64> = units.iter().flatten().copied().collect();
    let n = all.len() as f64;
    let observed: f64 = units.iter().map(|row| pairs(row) / (row.len() as f64 - 1.0)).sum::<f64>() / n;
    let expected = pairs(&all) / (n * (n - 1.0));
    Ok(if expected > 0.0 { 1.0 - observed / expected } else { 1.0 })
}

/// Squared differences over all ordered pairs: `2·(n·Σv² − (Σv)²)`, from centred values.
fn pairs(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    2.0 * n * values.iter().map(|value| (value - mean).powi(2)).sum::<f64>()
}

/// Independent jurors that k correlated ones are worth: `k / (1 + (k − 1)·ρ)`, ρ the mean correlation of their pairs, not below 0.
///
/// Only cases that every juror rated count. Errors with fewer than two jurors or three such cases.
pub fn jurors_worth(rows: &[Vec<Option<f64>>]) -> Result<f64, Error> {
    let whole: Vec<Vec<f64>> = rows.iter().filter_map(|row| row.iter().copied().collect::<Option<Vec<f64>>>()).collect();
    at_least("jurors_worth", "cases that every juror rated", 3, whole.len())?;
    let k = whole[0].len();
    at_least("jurors_worth", "jurors", 2, k)?;
    let of = |juror: usize| whole.iter().map(|row| row[juror]).collect::<Vec<f64>>();
    let mut sum = 0.0;
    for a in 0..k {
        for b in 0..a {
            // Jurors who always say the same, and nothing else, tell nothing apart: they count as one.
            sum += correlation(&of(a), &of(b)).unwrap_or(1.0);
        }
    }
    let k = k as f64;
    let rho = (sum / (k * (k - 1.0) / 2.0)).max(0.0);
    Ok(k / (1.0 + (k - 1.0) * rho))
}

/// Pearson's correlation; nothing where one side is constant.
pub(crate) fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(b).map(|(a, b)| f(a - mean_a, b - mean_b)).sum::<f64>();
    let spread = (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt();
    (spread > 0.0).then(|| sum(&|a, b| a * b) / spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 20, 5, 10 and 15 of 50: the textbook's table has kappa .4.
    #[test]
    fn kappa_of_the_textbook() {
        let table = [(0, 0, 20), (0, 1, 5), (1, 0, 10), (1, 1, 15)];
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for (of_a, of_b, n) in table {
            a.extend(vec![of_a; n]);
            b.extend(vec![of_b; n]);
        }
        assert!((cohen_kappa(&a, &b).unwrap() - 0.4).abs() < 1e-12);
        assert_eq!(cohen_kappa(&[0, 0], &[0, 0]), Ok(1.0));
        assert!(cohen_kappa(&[], &[]).is_err());
    }

    /// Krippendorff's own example (2011): four observers, twelve units, interval data, alpha .849.
    #[test]
    fn alpha_of_krippendorff() {
        let row = |text: &str| text.split(' ').map(|value| value.parse().ok()).collect::<Vec<Option<f64>>>();
        let observers = ["1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."].map(row);
        let units: Vec<Vec<Option<f64>>> = (0..12).map(|unit| observers.iter().map(|observer| observer[unit]).collect()).collect();
        assert!((krippendorff_alpha(&units).unwrap() - 0.849).abs() < 5e-4);
    }

    #[test]
    fn copies_are_worth_one_juror() {
        let rows = |f: &dyn Fn(usize) -> Vec<Option<f64>>| (0..8).map(f).collect::<Vec<_>>();
        let bit = |i: usize, place: usize| Some((i >> place & 1) as f64);
        assert!((jurors_worth(&rows(&|i| vec![bit(i, 0); 3])).unwrap() - 1.0).abs() < 1e-12);
        assert!((jurors_worth(&rows(&|i| vec![bit(i, 0), bit(i, 1), bit(i, 2)])).unwrap() - 3.0).abs() < 1e-12);
    }
}
