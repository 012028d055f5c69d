//! Kendall's rank correlation.

use crate::error::{Error, at_least};

/// Kendall's τ-b of two lists: pairs of rows in the same order less those in opposite order, over those that could be, `-1.0..=1.0`.
///
/// `(C − D) / √((N − Tₓ)(N − T_y))` with N = n(n−1)/2 pairs, T the pairs that tie in a list. In n ln n: opposite pairs are the exchanges of a merge sort
/// (Knight, 1966). NaN where one of the lists is constant. A pair with a NaN on either side is left out; infinite values have the outer
/// ranks. Errors where the lists differ in length or have fewer than two pairs. Equal to `scipy.stats.kendalltau`.
pub fn kendall_tau_b(x: &[f64], y: &[f64]) -> Result<f64, Error> {
    if x.len() != y.len() {
        return Err(Error::Lengths { measure: "kendall_tau_b", left: x.len(), right: y.len() });
    }
    // Adding zero turns -0.0 into 0.0, which must tie with it.
    let mut pairs: Vec<(f64, f64)> = x.iter().zip(y).filter(|(x, y)| !x.is_nan() && !y.is_nan()).map(|(x, y)| (x + 0.0, y + 0.0)).collect();
    at_least("kendall_tau_b", "pairs", 2, pairs.len())?;
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let n_pairs = |n: usize| n as f64 * (n as f64 - 1.0) / 2.0;
    let tied_x: f64 = pairs.chunk_by(|a, b| a.0 == b.0).map(|alike| n_pairs(alike.len())).sum();
    let tied_both: f64 = pairs.chunk_by(|a, b| a == b).map(|alike| n_pairs(alike.len())).sum();
    let mut y: Vec<f64> = pairs.into_iter().map(|(_, y)| y).collect();
    let opposite = exchanges(&mut y);
    let tied_y: f64 = y.chunk_by(|a, b| a == b).map(|alike| n_pairs(alike.len())).sum();
    let all = n_pairs(y.len());
    let same = all - tied_x - tied_y + tied_both - opposite;
    Ok((same - opposite) / ((all - tied_x) * (all - tied_y)).sqrt())
}

/// Sorts by merging, and counts the pairs that were in the wrong order.
fn exchanges(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    if middle == 0 {
        return 0.0;
    }
    let mut count = exchanges(&mut values[..middle]) + exchanges(&mut values[middle..]);
    let (left, right) = (values[..middle].to_vec(), values[middle..].to_vec());
    let (mut i, mut j) = (0, 0);
    for place in values.iter_mut() {
        let from_left = j == right.len() || (i < left.len() && left[i] <= right[j]);
        *place = if from_left { left[i] } else { right[j] };
        if from_left {
            i += 1;
        } else {
            count += (left.len() - i) as f64;
            j += 1;
        }
    }
    count
}
