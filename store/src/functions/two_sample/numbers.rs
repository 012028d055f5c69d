//! Both sides as numbers: every value up to a bound, counts of rounded ones above.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type, UInt64Type};
use datafusion::common::{Result, ScalarValue};

use super::{Collect, Column, Sides};
use crate::functions::aggregate::{integers, items, numbers};
use crate::functions::tally::{Tally, VALUES_MAX, Written};

/// Of either side how much was seen, then values and how often each occurs; no counts while all values are there.
pub(super) const STATE: &[(&str, DataType)] = &[
    ("reference_head", DataType::UInt64),
    ("reference", DataType::Float64),
    ("reference_counts", DataType::UInt64),
    ("current_head", DataType::UInt64),
    ("current", DataType::Float64),
    ("current_counts", DataType::UInt64),
];

/// The reference, and the current side; a null is NaN.
#[derive(Debug)]
pub(super) struct Numbers([Tally; 2]);

impl Default for Numbers {
    fn default() -> Self {
        Self([Tally::new(VALUES_MAX), Tally::new(VALUES_MAX)])
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
        for (side, parts) in self.0.iter_mut().zip(parts.chunks_exact(3)) {
            let (head, counts) = (items::<UInt64Type>(&parts[0], row), items::<UInt64Type>(&parts[2], row));
            side.merge(std::array::from_fn(|at| head.value(at)), items::<Float64Type>(&parts[1], row).values(), counts.values());
        }
        Ok(())
    }

    fn state(&mut self) -> Vec<ScalarValue> {
        let parts = |Written { head, values, counts }| [integers(head.to_vec()), numbers(values), integers(counts)];
        self.0.iter_mut().flat_map(|side| parts(side.write())).collect()
    }

    fn sides(&mut self) -> Sides {
        let exact = self.0.iter().all(Tally::is_whole);
        let n = self.0.iter().map(Tally::seen).sum();
        Sides { column: Column::Numbers(Box::new(Tally::sorted(&mut self.0))), rows: None, exact, n }
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(Tally::bytes).sum()
    }
}
