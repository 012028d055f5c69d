//! `cohen_kappa(a, b)`.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, UInt64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{Accumulator, AggregateUDF};
use measure::agreement::cohen_kappa;

use super::aggregate::{Kind, aggregate, integers, items, text_items, texts};
use super::cell::{Cell, scalar};
use super::function::Make;
use super::{Function, Section};

/// Different pairs of categories that are counted at most.
const PAIRS_MAX: usize = 100_000;

pub(super) const FUNCTION: Function = Function {
    name: "cohen_kappa",
    syntax: "cohen_kappa(a, b) -> double",
    doc: "Cohen's kappa of two raters over the same items, a row each: their agreement beyond chance, -1 to 1. Unweighted; categories are text, numbers or \
          booleans.",
    section: Section::Agreement,
    defaults: "",
    nulls: "An item that one of them left out (null) is left out; null without an item, and where both use a single category, the same one.",
    error: "Exact for any number of rows; above 100,000 different pairs of categories it is an error.",
    make: Make::Aggregate(make),
};

fn make() -> AggregateUDF {
    aggregate(FUNCTION.name, CohenKappa)
}

#[derive(Debug)]
struct CohenKappa;

impl Kind for CohenKappa {
    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [a, b] = types else { return plan_err!("cohen_kappa takes two arguments: cohen_kappa(a, b)") };
        let nested = |kind: &DataType| kind.is_nested();
        if nested(a) || nested(b) {
            return plan_err!("cohen_kappa compares categories, not lists or structs");
        }
        // 1 and 1.0 are one category.
        let kind = if a.is_numeric() && b.is_numeric() { DataType::Float64 } else { DataType::Utf8View };
        Ok(vec![kind.clone(), kind])
    }

    fn returns(&self) -> DataType {
        DataType::Float64
    }

    fn state(&self, _: &[DataType]) -> Vec<(&'static str, DataType)> {
        vec![("a", DataType::Utf8View), ("b", DataType::Utf8View), ("counts", DataType::UInt64)]
    }

    fn accumulator(&self, _: &[DataType]) -> Box<dyn Accumulator> {
        Box::new(State::default())
    }
}

#[derive(Debug, Default)]
struct State {
    pairs: HashMap<(Box<str>, Box<str>), u64>,
    bytes: usize,
}

impl State {
    fn add(&mut self, a: &str, b: &str, count: u64) -> Result<()> {
        let pair = (a.into(), b.into());
        if !self.pairs.contains_key(&pair) {
            if self.pairs.len() >= PAIRS_MAX {
                return exec_err!("more than {PAIRS_MAX} different pairs of categories; cohen_kappa is for few categories");
            }
            self.bytes += a.len() + b.len() + 48;
        }
        *self.pairs.entry(pair).or_default() += count;
        Ok(())
    }
}

impl Accumulator for State {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let (a, b) = (cast(&columns[0], &DataType::Utf8View)?, cast(&columns[1], &DataType::Utf8View)?);
        a.as_string_view().iter().zip(b.as_string_view()).filter_map(|(a, b)| a.zip(b)).try_for_each(|(a, b)| self.add(a, b, 1))
    }

    fn merge_batch(&mut self, parts: &[ArrayRef]) -> Result<()> {
        for row in 0..parts[0].len() {
            let (a, b, counts) = (text_items(&parts[0], row), text_items(&parts[1], row), items::<UInt64Type>(&parts[2], row));
            (0..a.len()).try_for_each(|at| self.add(a.value(at), b.value(at), counts.value(at)))?;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let (a, b) = (self.pairs.keys().map(|pair| &*pair.0), self.pairs.keys().map(|pair| &*pair.1));
        Ok(vec![texts(a), texts(b), integers(self.pairs.values().copied().collect())])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let pairs = self.pairs.iter().map(|((a, b), count)| (a, b, *count));
        scalar(cohen_kappa(pairs).map(Cell::Number), &DataType::Float64)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.bytes
    }
}
