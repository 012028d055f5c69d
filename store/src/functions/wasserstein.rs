//! `wasserstein(value, is_current [, cluster])`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::AggregateUDF;
use measure::Error;
use measure::shift::wasserstein;

use super::cell::Cell;
use super::function::Make;
use super::two_sample::{Accepts, Sides, two_sample};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "wasserstein",
    syntax: "wasserstein(value, is_current [, cluster]) -> double",
    section: Section::Distance,
    doc: "Wasserstein-1 (earth mover's) distance of the current rows from the others, in the unit of the values: the area between the two \
          distribution functions. Infinite where the sides hold infinite values in unequal shares.",
    defaults: "cluster: none; it does not change an effect, and is taken so that all comparisons are called alike.",
    nulls: "Null and NaN are left out, infinite values count; null where a side has no values.",
    error: "Exact up to 1,000,000 values a side; above, a uniform sample of that size stands for it, which moves the distance by less than 0.003 \
            standard deviations in 19 of 20 cases of values without heavy tails.",
    make: Make::Aggregate(make),
};

fn make() -> AggregateUDF {
    two_sample(FUNCTION.name, Accepts::Numbers, DataType::Float64, compute)
}

fn compute(sides: &Sides) -> Result<Cell, Error> {
    let (reference, current) = sides.numbers()?;
    wasserstein(reference, current).map(Cell::Number)
}
