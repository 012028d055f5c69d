//! Numbers of a call that are the same for all rows, such as a level.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::Float64Type;
use datafusion::common::ScalarValue;

use super::aggregate::{items, numbers};

/// Parameters as they were last given; those that were not are null, which is NaN.
#[derive(Debug, Clone)]
pub(super) struct Parameters<const N: usize>([f64; N]);

impl<const N: usize> Default for Parameters<N> {
    fn default() -> Self {
        Self([f64::NAN; N])
    }
}

impl<const N: usize> Parameters<N> {
    /// Reads the columns of the parameters; each has the same number in every row.
    pub(super) fn read(&mut self, columns: &[ArrayRef]) {
        for (parameter, column) in self.0.iter_mut().zip(columns) {
            let column = column.as_primitive::<Float64Type>();
            if !column.is_empty() && column.is_valid(0) {
                *parameter = column.value(0);
            }
        }
    }

    /// Writes the part of the state.
    pub(super) fn part(&self) -> ScalarValue {
        numbers(self.0.to_vec())
    }

    /// Takes the parameters of another's state.
    pub(super) fn merge(&mut self, part: &ArrayRef, row: usize) {
        let given = items::<Float64Type>(part, row);
        self.0.iter_mut().zip(given.values()).filter(|(_, given)| !given.is_nan()).for_each(|(parameter, given)| *parameter = *given);
    }

    /// Returns a parameter.
    pub(super) fn get(&self, at: usize, default: f64) -> f64 {
        self.0.get(at).copied().filter(|value| !value.is_nan()).unwrap_or(default)
    }
}
