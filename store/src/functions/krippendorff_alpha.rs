//! `krippendorff_alpha(unit, value [, scale])`.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type, UInt64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{Accumulator, AggregateUDF};
use measure::agreement::{Scale, krippendorff_alpha};

use super::aggregate::{Kind, aggregate, integers, items, numbers};
use super::cell::{Cell, scalar};
use super::function::Make;
use super::two_sample::hash;
use super::{Function, Section};

/// Different values of units that are counted at most.
const VALUES_MAX: usize = 1_000_000;

pub(super) const FUNCTION: Function = Function {
    name: "krippendorff_alpha",
    syntax: "krippendorff_alpha(unit, value [, scale]) -> double",
    section: Section::Agreement,
    doc: "Krippendorff's alpha of any number of raters, a row each rating: how far the values of one unit agree beyond chance, 1 for perfect agreement, 0 as by \
          chance. Values are numbers, text or booleans; scale is 'nominal', 'ordinal' or 'interval', the latter two for numbers.",
    defaults: "scale: 'nominal'.",
    nulls: "Null and NaN values are ratings that were not given; a unit with less than two values counts nothing; null where no unit has two, and where all \
            values are equal.",
    error: "Exact for any number of rows; above 1,000,000 different values of units it is an error.",
    make: Make::Aggregate(make),
};

fn make() -> AggregateUDF {
    aggregate(FUNCTION.name, KrippendorffAlpha)
}

#[derive(Debug)]
struct KrippendorffAlpha;

impl Kind for KrippendorffAlpha {
    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let ([unit, value] | [unit, value, _]) = types else {
            return plan_err!("krippendorff_alpha takes two arguments, or three: krippendorff_alpha(unit, value [, scale])");
        };
        if unit.is_nested() || value.is_nested() {
            return plan_err!("krippendorff_alpha compares numbers and categories, not lists or structs");
        }
        let value = if value.is_numeric() { DataType::Float64 } else { DataType::Utf8View };
        Ok([DataType::Utf8View, value].into_iter().chain(types.get(2).map(|_| DataType::Utf8View)).collect())
    }

    fn returns(&self) -> DataType {
        DataType::Float64
    }

    fn state(&self, _: &[DataType]) -> Vec<(&'static str, DataType)> {
        vec![("units", DataType::UInt64), ("values", DataType::Float64), ("counts", DataType::UInt64), ("scale", DataType::UInt64)]
    }

    fn accumulator(&self, types: &[DataType]) -> Box<dyn Accumulator> {
        Box::new(State { is_text: types.get(1) == Some(&DataType::Utf8View), ..State::default() })
    }
}

/// How often each unit was given each value; units, and values that are text, by their hash.
#[derive(Debug, Default)]
struct State {
    counts: HashMap<(u64, u64), u64>,
    /// 0 nominal, 1 ordinal, 2 interval.
    scale: u64,
    is_text: bool,
}

impl State {
    fn add(&mut self, unit: u64, value: f64, count: u64) -> Result<()> {
        let key = (unit, (value + 0.0).to_bits());
        if self.counts.len() >= VALUES_MAX && !self.counts.contains_key(&key) {
            return exec_err!("more than {VALUES_MAX} different values of units; group by something first");
        }
        *self.counts.entry(key).or_default() += count;
        Ok(())
    }

    fn read_scale(&mut self, scales: &ArrayRef) -> Result<()> {
        let scales = scales.as_string_view();
        self.scale = match scales.iter().flatten().next() {
            None | Some("nominal") => 0,
            Some("ordinal") => 1,
            Some("interval") => 2,
            Some(other) => return exec_err!("krippendorff_alpha knows the scales 'nominal', 'ordinal' and 'interval', not '{other}'"),
        };
        if self.is_text && self.scale > 0 {
            return exec_err!("text has no order: krippendorff_alpha over text is on the scale 'nominal'");
        }
        Ok(())
    }
}

impl Accumulator for State {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        if let Some(scales) = columns.get(2) {
            self.read_scale(scales)?;
        }
        let units = columns[0].as_string_view();
        let rated = |row: &usize| units.is_valid(*row) && columns[1].is_valid(*row);
        for row in (0..units.len()).filter(rated) {
            let value = match columns[1].as_primitive_opt::<Float64Type>() {
                Some(numbers) => numbers.value(row),
                // 53 bits of a hash are a number without loss, and equality is all that is asked of text.
                None => (hash(columns[1].as_string_view().value(row)) >> 11) as f64,
            };
            if !value.is_nan() {
                self.add(hash(units.value(row)), value, 1)?;
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, parts: &[ArrayRef]) -> Result<()> {
        for row in 0..parts[0].len() {
            let (units, values, counts) =
                (items::<UInt64Type>(&parts[0], row), items::<Float64Type>(&parts[1], row), items::<UInt64Type>(&parts[2], row));
            (0..units.len()).try_for_each(|at| self.add(units.value(at), values.value(at), counts.value(at)))?;
            self.scale = self.scale.max(items::<UInt64Type>(&parts[3], row).value(0));
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![
            integers(self.counts.keys().map(|(unit, _)| *unit).collect()),
            numbers(self.counts.keys().map(|(_, value)| f64::from_bits(*value)).collect()),
            integers(self.counts.values().copied().collect()),
            integers(vec![self.scale]),
        ])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        // In order, so that the sums do not hang on the order of a hash map.
        let mut units: BTreeMap<u64, Vec<(f64, u64)>> = BTreeMap::new();
        let mut cells: Vec<(&(u64, u64), &u64)> = self.counts.iter().collect();
        cells.sort_unstable();
        cells.into_iter().for_each(|((unit, value), count)| units.entry(*unit).or_default().push((f64::from_bits(*value), *count)));
        let scale = [Scale::Nominal, Scale::Ordinal, Scale::Interval][usize::try_from(self.scale).unwrap_or(0).min(2)];
        scalar(krippendorff_alpha(units.into_values(), scale).map(Cell::Number), &DataType::Float64)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.counts.capacity() * size_of::<((u64, u64), u64)>()
    }
}
