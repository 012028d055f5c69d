//! Where a series changed, looking back over all of it.

use statrs::function::gamma::ln_gamma;

use crate::error::Error;

/// Numbers that are looked at in one go: the time grows with their square.
pub const ROWS_MAX: usize = 10_000;
/// What is believed of a segment before it is seen, in units of the series' noise: how many rows its mean of 0 is worth, and shape and rate of its precision.
const KAPPA: f64 = 0.01;
const ALPHA: f64 = 1.0;
const BETA: f64 = 1.0;

/// Whether each row is the first one of a new segment, in the most probable division of the series into segments with a mean and a spread each.
///
/// The model is that of Bayesian online change point detection (Adams and MacKay, 2007): segments have a geometric length with mean `run`, values are
/// normal with a normal-gamma prior; found for all rows together by dynamic programming (Fearnhead and Liu, 2007). It explains what happened; being
/// told later what came later, it is no alarm. Values are taken less their median and over their noise, the median absolute step times
/// 1.4826/√2, so that the unit plays no part. NaN is no row. Errors above 10,000 numbers, or unless `run > 1`.
pub fn change_points(values: &[f64], run: f64) -> Result<Vec<bool>, Error> {
    if run.is_nan() || run <= 1.0 {
        return Err(Error::Range { measure: "change_points", parameter: "run", wants: "above 1", value: run });
    }
    let known: Vec<usize> = (0..values.len()).filter(|row| !values[*row].is_nan()).collect();
    if known.len() > ROWS_MAX {
        return Err(Error::Range { measure: "change_points", parameter: "rows", wants: "at most 10,000", value: known.len() as f64 });
    }
    let mut found = vec![false; values.len()];
    let scaled = scaled(known.iter().map(|row| values[*row]).collect());
    starts(&Segments::of(&scaled), 1.0 / run).into_iter().for_each(|start| found[known[start]] = true);
    Ok(found)
}

/// The values less their median, over their noise.
fn scaled(values: Vec<f64>) -> Vec<f64> {
    let centre = median(values.clone());
    let step = median(values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect());
    let noise = (step * 1.4826 / std::f64::consts::SQRT_2).max(0.01 * centre.abs()).max(1e-9);
    values.into_iter().map(|x| (x - centre) / noise).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// The first rows of all segments but the first one, in the most probable division.
fn starts(segments: &Segments, hazard: f64) -> Vec<usize> {
    let (ends, goes_on) = (hazard.ln(), (-hazard).ln_1p());
    // The best division of the rows before each row, and where its last segment starts.
    let mut best = vec![(0.0, 0)];
    for end in 1..=segments.len() {
        let from = |start: usize| {
            let change = if start == 0 { 0.0 } else { ends };
            best[start].0 + change + goes_on * (end - start - 1) as f64 + segments.log_likelihood(start, end)
        };
        let of_last =
            (0..end).map(|start| (from(start), start)).fold((f64::NEG_INFINITY, 0), |most, other| if other.0 > most.0 { other } else { most });
        best.push(of_last);
    }
    let mut found = Vec::new();
    let mut end = segments.len();
    while end > 0 {
        end = best[end].1;
        found.extend((end > 0).then_some(end));
    }
    found
}

/// Sums up to each row, and what hangs on a segment's length alone.
struct Segments {
    sums: Vec<(f64, f64)>,
    of_length: Vec<f64>,
}

impl Segments {
    fn of(values: &[f64]) -> Self {
        let mut sums = vec![(0.0, 0.0)];
        let (mut sum, mut squares) = (0.0, 0.0);
        for x in values {
            (sum, squares) = (sum + x, squares + x * x);
            sums.push((sum, squares));
        }
        let of_length = |n: usize| {
            let n = n as f64;
            ln_gamma(ALPHA + n / 2.0) - ln_gamma(ALPHA) + ALPHA * BETA.ln() + 0.5 * (KAPPA / (KAPPA + n)).ln() - n / 2.0 * std::f64::consts::TAU.ln()
        };
        Self { sums, of_length: (0..=values.len()).map(of_length).collect() }
    }

    fn len(&self) -> usize {
        self.sums.len() - 1
    }

    /// The logarithm of the probability of a segment's values, over all means and spreads.
    fn log_likelihood(&self, start: usize, end: usize) -> f64 {
        let n = (end - start) as f64;
        let (sum, squares) = (self.sums[end].0 - self.sums[start].0, self.sums[end].1 - self.sums[start].1);
        let spread = (squares - sum * sum / n).max(0.0);
        let rate = BETA + spread / 2.0 + KAPPA * sum * sum / (2.0 * n * (KAPPA + n));
        self.of_length[end - start] - (ALPHA + n / 2.0) * rate.ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(n: u32) -> Vec<f64> {
        let step = |i: u32, at: u32, by: f64| if i > at { by } else { 0.0 };
        (1..=n).map(|i| (f64::from(i) * 0.618_033_988_749_894_9).fract() + step(i, 700, 0.5) + step(i, 1500, 0.9) - step(i, 2300, 1.3)).collect()
    }

    fn rows(found: &[bool]) -> Vec<usize> {
        (0..found.len()).filter(|row| found[*row]).collect()
    }

    /// The rows themselves, where ADWIN and Page-Hinkley are some thirty to a hundred late; whatever the unit, and with gaps.
    #[test]
    fn finds_the_rows_of_planted_changes() {
        let values = steps(3000);
        let found = rows(&change_points(&values, 250.0).unwrap());
        // Planted at 700, 1500 and 2300; numpy gives the same three.
        assert_eq!(found, [701, 1500, 2300]);
        let thousandfold: Vec<f64> = values.iter().map(|x| x * 1000.0 - 7.0).collect();
        assert_eq!(rows(&change_points(&thousandfold, 250.0).unwrap()), found);
        let mut gaps = vec![f64::NAN; 5];
        gaps.extend(&values[..1000]);
        assert_eq!(rows(&change_points(&gaps, 250.0).unwrap()), [found[0] + 5]);
    }

    #[test]
    fn nothing_changed_nowhere() {
        assert_eq!(rows(&change_points(&steps(700), 250.0).unwrap()), [0_usize; 0]);
        assert_eq!(change_points(&[3.0, 3.0, f64::NAN], 250.0).unwrap(), [false; 3]);
        assert!(change_points(&[], 250.0).unwrap().is_empty());
        assert!(change_points(&[1.0], 1.0).is_err() && change_points(&vec![0.0; ROWS_MAX + 1], 9.0).is_err());
    }
}
