//! Both sides as count, mean and spread: exact for any number of rows.

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, ScalarValue};
use measure::Moments;

use super::{Collect, Column, Sides};
use crate::functions::moments::{read, write};

/// Count, mean and sum of squared deviations of the reference, then those of the current side.
pub(super) const STATE: &[(&str, DataType)] = &[("moments", DataType::Float64)];

/// The reference, and the current side.
#[derive(Debug, Default)]
pub(super) struct BothMoments([Moments; 2]);

impl Collect for BothMoments {
    fn update(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let (numbers, current) = (columns[0].as_primitive::<Float64Type>(), columns[1].as_boolean());
        for (number, current) in numbers.iter().zip(current) {
            if let (Some(number), Some(current)) = (number, current) {
                self.0[usize::from(current)].add(number);
            }
        }
        Ok(())
    }

    fn merge(&mut self, parts: &[ArrayRef], row: usize) -> Result<()> {
        self.0.iter_mut().zip(read(&parts[0], row)).for_each(|(side, other)| side.merge(&other));
        Ok(())
    }

    fn state(&mut self) -> Vec<ScalarValue> {
        vec![write(&self.0)]
    }

    fn sides(&mut self) -> Sides {
        Sides { column: Column::Moments(self.0), rows: None, exact: true, n: self.0.iter().map(|side| side.n).sum() }
    }

    fn bytes(&self) -> usize {
        0
    }
}
