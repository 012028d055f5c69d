//! The two-sided CUSUM chart.

use crate::error::{Error, at_least};
use crate::moments::Moments;

/// Two-sided CUSUM: of the sums of deviations upwards and downwards the larger one, negative where it is the one downwards.
///
/// `S⁺ = max(0, S⁺ + z − k)`, `S⁻ = max(0, S⁻ − z − k)` with `z = (x − mean)/sd` of the first `warm_up` numbers (n − 1), which have no value
/// themselves (NaN). With `k = 0.5` a chart that alarms beyond 5 runs 465 rows on average without a change and sees a shift of one
/// standard deviation after 10. NaN leaves the sums where they are and has no value. A warm-up without spread has the floor
/// `max(1e-9, 1 % of |mean|)`. Errors below two rows of warm-up, or where `k` is negative. Source: Page, "Continuous inspection
/// schemes" (1954).
pub fn cusum(values: &[f64], warm_up: usize, k: f64) -> Result<Vec<f64>, Error> {
    at_least("cusum", "rows of warm-up", 2, warm_up)?;
    if k.is_nan() || k < 0.0 {
        return Err(Error::Range { measure: "cusum", parameter: "k", wants: "from 0", value: k });
    }
    let (mut baseline, mut up, mut down) = (Moments::default(), 0.0_f64, 0.0_f64);
    let step = |x: &f64| {
        if x.is_nan() {
            return f64::NAN;
        }
        if baseline.n < warm_up as u64 {
            baseline.add(*x);
            return f64::NAN;
        }
        let sd = if baseline.variance() == 0.0 { (0.01 * baseline.mean.abs()).max(1e-9) } else { baseline.sd() };
        let z = (x - baseline.mean) / sd;
        (up, down) = ((up + z - k).max(0.0), (down - z - k).max(0.0));
        if down > up { -down } else { up }
    };
    Ok(values.iter().map(step).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_what_goes_beyond_k() {
        let found = cusum(&[1.0, 3.0, f64::NAN, 2.0 + 2.0_f64.sqrt(), 2.0, 2.0 - 3.0 * 2.0_f64.sqrt()], 2, 0.5).unwrap();
        assert!(found[..3].iter().all(|x| x.is_nan()));
        assert!((found[3] - 0.5).abs() < 1e-12 && found[4].abs() < 1e-12 && (found[5] + 2.5).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn a_flat_warm_up_has_a_floor() {
        assert_eq!(cusum(&[100.0, 100.0, 101.0], 2, 0.5).unwrap()[2], 0.5);
        assert!(cusum(&[1.0], 1, 0.5).is_err() && cusum(&[1.0], 2, -1.0).is_err());
    }
}
