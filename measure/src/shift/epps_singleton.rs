//! The Epps-Singleton test.

use crate::error::Error;
use crate::shift::two_sides;
use crate::sorted::Sample;
use crate::special::chi_square_survival;

/// Where the characteristic functions are compared, in half interquartile ranges (the paper's choice, and scipy's).
const POINTS: [f64; 2] = [0.4, 0.8];
/// Cosine and sine at each point.
const N_PARTS: usize = 4;
/// Spread along a direction, as a share of the widest, below which there is none but rounding.
const SPREAD_MIN: f64 = 1e-12;

type Parts = [f64; N_PARTS];
type Matrix = [Parts; N_PARTS];

/// The outcome of the Epps-Singleton test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EppsSingleton {
    /// W, the squared distance of the characteristic functions in units of its spread.
    pub statistic: f64,
    /// The asymptotic p-value.
    pub p_value: f64,
}

/// The p-value of [`epps_singleton`]. Errors if a side has no value.
pub fn epps_singleton_p_value<A: Sample + ?Sized, B: Sample + ?Sized>(a: &A, b: &B) -> Result<f64, Error> {
    epps_singleton(a, b).map(|test| test.p_value)
}

/// Epps-Singleton test that two samples share one distribution, by their characteristic functions: continuous or not, ties do no harm.
///
/// `W = N gᵀ Ω⁺ g` with g the difference of the mean cosines and sines at t = .4 and .8 half interquartile ranges of all values and Ω their covariance,
/// times `1/(1 + N^−.45 + 10.1(n^−1.7 + m^−1.7))` where both sides have fewer than 25 values; χ² with the rank of Ω as degrees of freedom.
/// NaN where a value is infinite, or where the middle half of all values is a single one. NaN is null and left out. Errors if a side has no value.
/// Source: Epps and Singleton (1986); equal to `scipy.stats.epps_singleton_2samp`.
pub fn epps_singleton<A: Sample + ?Sized, B: Sample + ?Sized>(a: &A, b: &B) -> Result<EppsSingleton, Error> {
    let (a, b) = two_sides("epps_singleton", a, b)?;
    let (a, b) = (a.values(), b.values());
    let scale = interquartile_range(a, b) / 2.0;
    if scale == 0.0 || [a[0], b[0], a[a.len() - 1], b[b.len() - 1]].iter().any(|x| x.is_infinite()) {
        return Ok(EppsSingleton { statistic: f64::NAN, p_value: f64::NAN });
    }
    let (n, m) = (a.len() as f64, b.len() as f64);
    let ((mean_a, cov_a), (mean_b, cov_b)) = (mean_and_covariance(a, scale), mean_and_covariance(b, scale));
    let covariance = each(|i, j| (n + m) / n * cov_a[i][j] + (n + m) / m * cov_b[i][j]);
    let gap: Parts = std::array::from_fn(|i| mean_a[i] - mean_b[i]);
    let (distance, rank) = squared_distance(covariance, &gap);
    let is_small = n.max(m) < 25.0;
    let correction = if is_small { 1.0 / (1.0 + (n + m).powf(-0.45) + 10.1 * (n.powf(-1.7) + m.powf(-1.7))) } else { 1.0 };
    let statistic = (n + m) * distance * correction;
    Ok(EppsSingleton { statistic, p_value: chi_square_survival(statistic, rank) })
}

fn each(of: impl Fn(usize, usize) -> f64) -> Matrix {
    std::array::from_fn(|i| std::array::from_fn(|j| of(i, j)))
}

/// The range of the middle half of both sides together, at linear quantiles (numpy's default).
fn interquartile_range(a: &[f64], b: &[f64]) -> f64 {
    let mut all = [a, b].concat();
    all.sort_by(f64::total_cmp);
    let last = all.len() - 1;
    let quantile = |quarter: usize| {
        let (low, share) = (last * quarter / 4, (last * quarter % 4) as f64 / 4.0);
        all[low] + share * (all[(low + 1).min(last)] - all[low])
    };
    quantile(3) - quantile(1)
}

fn mean_and_covariance(values: &[f64], scale: f64) -> (Parts, Matrix) {
    let parts = |x: &f64| -> Parts { std::array::from_fn(|i| if i < 2 { (POINTS[i] / scale * x).cos() } else { (POINTS[i - 2] / scale * x).sin() }) };
    let n = values.len() as f64;
    let mut mean = [0.0; N_PARTS];
    for x in values {
        parts(x).iter().zip(&mut mean).for_each(|(part, sum)| *sum += part / n);
    }
    let mut covariance = [[0.0; N_PARTS]; N_PARTS];
    for x in values {
        let part = parts(x);
        for i in 0..N_PARTS {
            (0..N_PARTS).for_each(|j| covariance[i][j] += (part[i] - mean[i]) * (part[j] - mean[j]) / n);
        }
    }
    (mean, covariance)
}

/// `gᵀ Ω⁺ g` and the rank of Ω, a symmetric matrix, by Jacobi's rotations.
fn squared_distance(mut matrix: Matrix, gap: &Parts) -> (f64, f64) {
    let mut turned = *gap;
    for _ in 0..60 {
        for i in 0..N_PARTS {
            for j in i + 1..N_PARTS {
                rotate(&mut matrix, &mut turned, i, j);
            }
        }
    }
    let widest = (0..N_PARTS).map(|i| matrix[i][i]).fold(0.0, f64::max);
    let kept = (0..N_PARTS).filter(|i| matrix[*i][*i] > SPREAD_MIN * widest);
    kept.fold((0.0, 0.0), |(sum, rank), i| (sum + turned[i] * turned[i] / matrix[i][i], rank + 1.0))
}

/// Turns the plane of two axes so that they do not go together any more.
fn rotate(matrix: &mut Matrix, vector: &mut Parts, i: usize, j: usize) {
    if matrix[i][j] == 0.0 {
        return;
    }
    let angle = 0.5 * (2.0 * matrix[i][j]).atan2(matrix[i][i] - matrix[j][j]);
    let (sin, cos) = angle.sin_cos();
    for row in matrix.iter_mut() {
        (row[i], row[j]) = (cos * row[i] + sin * row[j], cos * row[j] - sin * row[i]);
    }
    let (upper, lower) = matrix.split_at_mut(j);
    upper[i].iter_mut().zip(&mut lower[0]).for_each(|(x, y)| (*x, *y) = (cos * *x + sin * *y, cos * *y - sin * *x));
    (vector[i], vector[j]) = (cos * vector[i] + sin * vector[j], cos * vector[j] - sin * vector[i]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.epps_singleton_2samp` 1.17: few values, and a covariance without full rank.
    #[test]
    fn equals_scipy() {
        let x: Vec<f64> = (1..=20).map(|i| (f64::from(i) * 0.618_033_988_749_894_9).fract()).collect();
        let y: Vec<f64> = (1..=18).map(|i| (f64::from(i) * 0.754_877_666_246_692_7).fract().powf(1.2)).collect();
        let found = epps_singleton(&x, &y).unwrap();
        assert!((found.statistic - 2.4561329193012815).abs() < 1e-9 && (found.p_value - 0.6525077198002088).abs() < 1e-9, "{found:?}");
        let found = epps_singleton(&[1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 3.0], &[1.0, 2.0, 2.0, 3.0, 3.0, 3.0, 3.0, 1.0]).unwrap();
        assert!((found.statistic - 1.5099208621261653).abs() < 1e-9 && (found.p_value - 0.4700292129188557).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn without_a_scale_there_is_no_test() {
        assert!(epps_singleton(&[2.0; 9], &[2.0; 9]).unwrap().p_value.is_nan());
        assert!(epps_singleton(&[1.0, 2.0, 3.0], &[1.0, f64::INFINITY]).unwrap().p_value.is_nan());
        assert!(epps_singleton(&[1.0], &[f64::NAN]).is_err());
    }
}
