//! Count, mean and spread as a part of a state.

use arrow::array::ArrayRef;
use arrow::datatypes::Float64Type;
use datafusion::common::ScalarValue;
use measure::Moments;

use super::aggregate::{items, numbers};

/// Writes moments one after the other, three numbers each.
pub(super) fn write<'a>(moments: impl IntoIterator<Item = &'a Moments>) -> ScalarValue {
    numbers(moments.into_iter().flat_map(|moments| [moments.n as f64, moments.mean, moments.m2]).collect())
}

/// Reads moments that were written so.
pub(super) fn read(part: &ArrayRef, row: usize) -> Vec<Moments> {
    let numbers = items::<Float64Type>(part, row);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count that was written as a number")]
    let of = |three: &[f64]| Moments { n: three[0] as u64, mean: three[1], m2: three[2] };
    numbers.values().chunks_exact(3).map(of).collect()
}
