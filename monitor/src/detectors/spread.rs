//! Middles and spreads that a bad day cannot drag along.

use crate::series::Series;

/// Turns a median absolute deviation into the standard deviation of a normal distribution.
pub(super) const MAD_TO_SD: f64 = 1.4826;
/// Variance of a median, in variances of a mean, for a normal distribution (π/2).
pub(super) const MEDIAN_COST: f64 = std::f64::consts::FRAC_PI_2;

/// Returns the median, or NaN of nothing; the order of `values` is lost.
pub(super) fn median(values: &mut [f64]) -> f64 {
    let n = values.len();
    if n == 0 {
        return f64::NAN;
    }
    let (below, upper, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    let upper = *upper;
    if n % 2 == 1 {
        return upper;
    }
    let lower = below.iter().copied().max_by(f64::total_cmp).unwrap_or(upper);
    f64::midpoint(lower, upper)
}

/// Returns `1.4826 · median |x − centre|`.
pub(super) fn mad_sd(values: &[f64], centre: f64) -> f64 {
    let mut deviations: Vec<f64> = values.iter().map(|value| (value - centre).abs()).collect();
    MAD_TO_SD * median(&mut deviations)
}

/// Sums deviations within each cluster; a row without a cluster is one of its own.
///
/// Returns the number of clusters and the sum of their squared sums: what the variance of a mean is made of when the
/// rows of a cluster are alike.
pub(super) fn cluster_squares(series: &Series, rows: &[usize], deviations: &[f64], scratch: &mut ClusterSums) -> (usize, f64) {
    if series.clusters.codes.is_empty() {
        return (rows.len(), deviations.iter().map(|d| d * d).sum());
    }
    scratch.sums.resize(series.clusters.ids.len(), None);
    for (row, deviation) in rows.iter().zip(deviations) {
        let code = series.clusters.codes[*row] as usize;
        let place = *scratch.sums[code].get_or_insert_with(|| {
            scratch.touched.push((code, 0.0));
            scratch.touched.len() - 1
        });
        scratch.touched[place].1 += deviation;
    }
    let found = (scratch.touched.len(), scratch.touched.iter().map(|(_, sum)| sum * sum).sum());
    for (code, _) in scratch.touched.drain(..) {
        scratch.sums[code] = None;
    }
    found
}

/// Room for [`cluster_squares`], kept between calls. Sums are added up in the order of the rows, so that the result does
/// not depend on how clusters are numbered.
#[derive(Default)]
pub(super) struct ClusterSums {
    sums: Vec<Option<usize>>,
    touched: Vec<(usize, f64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&mut []).is_nan());
        assert_eq!(mad_sd(&[1.0, 2.0, 3.0, 100.0], 2.5), MAD_TO_SD);
    }
}
