//! Both sides as numbers: every value up to a bound, a uniform sample above.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type, UInt64Type};
use datafusion::common::{Result, ScalarValue};
use measure::Sorted;

use super::{Collect, Column, Sides};
use crate::functions::aggregate::{integers, items, numbers};
use crate::functions::sample::{Sample, VALUES_MAX};

/// What was seen on both sides, then values and keys of either side; no keys while all values are there.
pub(super) const STATE: &[(&str, DataType)] = &[
    ("seen", DataType::UInt64),
    ("reference", DataType::Float64),
    ("reference_keys", DataType::UInt64),
    ("current", DataType::Float64),
    ("current_keys", DataType::UInt64),
];

/// The reference, and the current side; a null is NaN.
#[derive(Debug)]
pub(super) struct Numbers([Sample; 2]);

impl Default for Numbers {
    fn default() -> Self {
        Self([Sample::new(VALUES_MAX), Sample::new(VALUES_MAX)])
    }
}

impl Collect for Numbers {
    fn update(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let (numbers, current) = (columns[0].as_primitive::<Float64Type>(), columns[1].as_boolean());
        if numbers.null_count() == 0 && current.null_count() == 0 {
            numbers.values().iter().zip(current.values()).for_each(|(number, current)| self.0[usize::from(current)].add(*number));
            return Ok(());
        }
        for (number, current) in numbers.iter().zip(current) {
            if let Some(current) = current {
                self.0[usize::from(current)].add(number.unwrap_or(f64::NAN));
            }
        }
        Ok(())
    }

    fn merge(&mut self, parts: &[ArrayRef], row: usize) -> Result<()> {
        let seen = items::<UInt64Type>(&parts[0], row);
        for (side, sample) in self.0.iter_mut().enumerate() {
            let (values, keys) = (items::<Float64Type>(&parts[1 + 2 * side], row), items::<UInt64Type>(&parts[2 + 2 * side], row));
            sample.merge(seen.value(side), values.values(), keys.values());
        }
        Ok(())
    }

    fn state(&mut self) -> Vec<ScalarValue> {
        let seen = integers(self.0.iter().map(Sample::seen).collect());
        let sides = self.0.iter_mut().flat_map(|sample| {
            let (values, keys) = sample.take();
            [numbers(values), integers(keys)]
        });
        std::iter::once(seen).chain(sides).collect()
    }

    fn sides(&mut self) -> Sides {
        let exact = self.0.iter().all(Sample::is_whole);
        let [reference, current] = &mut self.0;
        let sorted = |sample: &mut Sample| Sorted::new(sample.clone().take().0);
        Sides { column: Column::Numbers(Box::new([sorted(reference), sorted(current)])), rows: None, exact }
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(Sample::bytes).sum()
    }
}
