//! `wilson_ci(passed [, level])` and `wilson_ci(successes, n [, level])`.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{Accumulator, AggregateUDF};
use measure::interval::wilson;

use super::aggregate::{Kind, aggregate, integers, items};
use super::cell::{Cell, record, scalar};
use super::function::Make;
use super::parameters::Parameters;
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "wilson_ci",
    syntax: "wilson_ci(passed | successes, n [, level]) -> struct(n, rate, low, high)",
    section: Section::Interval,
    doc: "Rate and its Wilson interval. Over one argument, a boolean or a number that is 0 or 1, it counts rows: wilson_ci(passed); over two whole numbers it adds \
          them up: wilson_ci(successes, n). A level is a number with a point, such as 0.9.",
    defaults: "level: 0.95.",
    nulls: "Null and NaN are left out; null without a row. Another number than 0 or 1 in wilson_ci(passed), or more successes than n, is an error.",
    error: "",
    make: Make::Aggregate(make),
};

fn make() -> AggregateUDF {
    aggregate(FUNCTION.name, WilsonCi)
}

#[derive(Debug)]
struct WilsonCi;

impl Kind for WilsonCi {
    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let level = |kind: &DataType| kind.is_floating() || matches!(kind, DataType::Decimal128(..));
        let passed = |kind: &DataType| kind.is_numeric() || kind.is_null() || *kind == DataType::Boolean;
        match types {
            [value] if passed(value) => Ok(vec![DataType::Float64]),
            [value, of] if passed(value) && level(of) => Ok(vec![DataType::Float64; 2]),
            [successes, n] if successes.is_integer() && n.is_integer() => Ok(vec![DataType::Int64; 2]),
            [successes, n, of] if successes.is_integer() && n.is_integer() && level(of) => {
                Ok(vec![DataType::Int64, DataType::Int64, DataType::Float64])
            }
            _ => plan_err!("wilson_ci takes wilson_ci(passed [, level]) or, as whole numbers, wilson_ci(successes, n [, level])"),
        }
    }

    fn returns(&self) -> DataType {
        record(&[("n", DataType::Int64), ("rate", DataType::Float64), ("low", DataType::Float64), ("high", DataType::Float64)])
    }

    fn state(&self, _: &[DataType]) -> Vec<(&'static str, DataType)> {
        vec![("counts", DataType::UInt64), ("parameters", DataType::Float64)]
    }

    fn accumulator(&self, _: &[DataType]) -> Box<dyn Accumulator> {
        Box::new(State { successes: 0, n: 0, parameters: Parameters::default(), returns: self.returns() })
    }
}

#[derive(Debug)]
struct State {
    successes: u64,
    n: u64,
    parameters: Parameters<1>,
    returns: DataType,
}

impl State {
    fn add(&mut self, successes: i64, n: i64) -> Result<()> {
        let (Ok(successes), Ok(n)) = (u64::try_from(successes), u64::try_from(n)) else {
            return exec_err!("wilson_ci wants counts from 0, got {successes} of {n}");
        };
        (self.successes, self.n) = (self.successes.saturating_add(successes), self.n.saturating_add(n));
        Ok(())
    }
}

impl Accumulator for State {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        if let Some(passed) = columns[0].as_primitive_opt::<Float64Type>() {
            self.parameters.read(&columns[1..]);
            return passed.iter().flatten().filter(|x| !x.is_nan()).try_for_each(|x| match x {
                0.0 => self.add(0, 1),
                1.0 => self.add(1, 1),
                other => exec_err!("wilson_ci counts what is true or false, 1 or 0, not {other}; mean_ci is for other numbers"),
            });
        }
        self.parameters.read(&columns[2..]);
        let (successes, n) = (columns[0].as_primitive::<Int64Type>(), columns[1].as_primitive::<Int64Type>());
        successes.iter().zip(n).filter_map(|(successes, n)| successes.zip(n)).try_for_each(|(successes, n)| self.add(successes, n))
    }

    fn merge_batch(&mut self, parts: &[ArrayRef]) -> Result<()> {
        for row in 0..parts[0].len() {
            let counts = items::<UInt64Type>(&parts[0], row);
            (self.successes, self.n) = (self.successes + counts.value(0), self.n + counts.value(1));
            self.parameters.merge(&parts[1], row);
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![integers(vec![self.successes, self.n]), self.parameters.part()])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let rate = self.successes as f64 / self.n as f64;
        let found = wilson(self.successes, self.n, self.parameters.get(0, 0.95));
        let cells =
            |ends: measure::Interval| Cell::Record(vec![Cell::Count(self.n), Cell::Number(rate), Cell::Number(ends.low), Cell::Number(ends.high)]);
        scalar(found.map(cells), &self.returns)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}
