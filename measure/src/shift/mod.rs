//! Measures of how far one sample lies from another, and tests that they do not.

pub mod anderson_darling;
pub mod cramer_von_mises;
pub mod energy_distance;
pub mod epps_singleton;
pub mod ks;
pub mod mann_whitney;
pub mod mean_shift;
pub mod mmd;
pub mod wasserstein;
pub mod welch;

mod kolmogorov;

use std::borrow::Cow;

pub use anderson_darling::{AndersonDarling, anderson_darling, anderson_darling_p_value};
pub use cramer_von_mises::{CramerVonMises, cramer_von_mises, cramer_von_mises_p_value};
pub use energy_distance::energy_distance;
pub use epps_singleton::{EppsSingleton, epps_singleton, epps_singleton_p_value};
pub use ks::{KsTest, ks_p_value, ks_statistic, ks_test};
pub use mann_whitney::{MannWhitney, mann_whitney, mann_whitney_less_p_value, mann_whitney_p_value};
pub use mean_shift::{MeanShift, mean_shift_ci};
pub use mmd::{MmdTest, RandomFeatures, mmd};
pub use wasserstein::{wasserstein, wasserstein_null_mean};
pub use welch::{Welch, welch, welch_p_value};

use crate::error::{Error, at_least};
use crate::sorted::{Sample, Sorted};

/// Sorts both sides where that was not done yet; refuses a side without a value.
pub(crate) fn two_sides<'a, A: Sample + ?Sized, B: Sample + ?Sized>(
    measure: &'static str,
    a: &'a A,
    b: &'a B,
) -> Result<(Cow<'a, Sorted>, Cow<'a, Sorted>), Error> {
    let (a, b) = (a.sorted(), b.sorted());
    at_least(measure, "values a side", 1, a.values().len().min(b.values().len()))?;
    Ok((a, b))
}

/// Walks the distinct values of both sides in order, with how often each occurs on either side.
pub(crate) fn merged(a: &[f64], b: &[f64], mut visit: impl FnMut(f64, usize, usize)) {
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        let x = match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) => x.min(*y),
            (Some(x), None) => *x,
            (None, y) => y.copied().unwrap_or(f64::INFINITY),
        };
        let (from_a, from_b) = (i, j);
        while i < a.len() && a[i] == x {
            i += 1;
        }
        while j < b.len() && b[j] == x {
            j += 1;
        }
        visit(x, i - from_a, j - from_b);
    }
}

/// Walks the steps between distinct values: the difference of the two distribution functions there, and the step's width.
fn gaps(a: &[f64], b: &[f64], mut visit: impl FnMut(f64, f64)) {
    let (n, m) = (a.len() as f64, b.len() as f64);
    let (mut i, mut j, mut before) = (0, 0, 0.0);
    merged(a, b, |x, n_a, n_b| {
        let gap = i as f64 / n - j as f64 / m;
        // A step without a difference counts nothing, not even one that is infinitely wide.
        if gap != 0.0 {
            visit(gap, x - before);
        }
        (i, j, before) = (i + n_a, j + n_b, x);
    });
}
