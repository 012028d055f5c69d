//! The interval of a mean that has no range, such as a latency.

use crate::error::{Error, at_least, open_unit};
use crate::interval::Interval;
use crate::interval::sample::Sample;
use crate::special::t_quantile;

/// Student's interval of the mean of `values`, two-sided at `level`, which does not take a few equal values for certainty.
///
/// `x̄ ± t se` with n − 1 degrees of freedom, of clusters `n²/Σ n_g² − 1`; `clusters[i]` names the cluster of value `i`, if they come in any. `se` is the
/// standard error, of clusters the clustered one, at least that of units with the variance `2 r²/n` ([`variance_floor`](crate::test::variance_floor)), `r` in
/// the unit of the values: a twentieth of the mean. Values that are all 0 have no scale, so the interval has no width there.
/// Errors below two values or two clusters, where the lists differ in length, or the level is not between 0 and 1.
pub fn floored_t(values: &[f64], clusters: Option<&[usize]>, r: f64, level: f64) -> Result<Interval, Error> {
    open_unit("floored_t", "level", level)?;
    at_least("floored_t", "values", 2, values.len())?;
    let sample = Sample::of("floored_t", values, clusters, 20.0 * r)?;
    let half = t_quantile(0.5 + level / 2.0, sample.df) * sample.floored_error(r);
    Ok(Interval { low: sample.mean - half, high: sample.mean + half })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.t.interval(.95, 4, mean, sem)`; and for equal values `20 ± t(.975, 3) √2/4`.
    #[test]
    fn equals_scipy() {
        let found = floored_t(&[3.0, 5.0, 6.0, 9.0, 11.0], None, 0.34, 0.95).unwrap();
        assert!((found.low - 2.834_443_199_090_366_7).abs() < 1e-9 && (found.high - 10.765_556_800_909_632).abs() < 1e-9, "{found:?}");
        let alike = floored_t(&[20.0; 4], None, 1.0, 0.95).unwrap();
        assert!((alike.high - 21.125_164_681_6).abs() < 1e-9 && (alike.low - 18.874_835_318_4).abs() < 1e-9, "{alike:?}");
        assert!(floored_t(&[1.0], None, 1.0, 0.95).is_err() && floored_t(&[1.0, 2.0], Some(&[0, 0]), 1.0, 0.95).is_err());
    }
}
