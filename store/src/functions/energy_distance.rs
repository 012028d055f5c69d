//! `energy_distance(value, is_current [, cluster])`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::AggregateUDF;
use measure::Error;
use measure::shift::energy_distance;

use super::cell::Cell;
use super::function::Make;
use super::two_sample::{Accepts, Sides, two_sample};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "energy_distance",
    syntax: "energy_distance(value, is_current [, cluster]) -> double",
    section: Section::Distance,
    doc: "Energy distance of the current rows from the others, scipy's: sqrt(2 * integral of (F - G)^2), in the root of the unit of the values.",
    defaults: "cluster: none; it does not change an effect, and is taken so that all comparisons are called alike.",
    nulls: "Null and NaN are left out, infinite values count; null where a side has no values.",
    error: "Exact up to 1,000,000 values a side; above, a uniform sample of that size stands for it.",
    make: Make::Aggregate(make),
};

fn make() -> AggregateUDF {
    two_sample(FUNCTION.name, Accepts::Numbers, DataType::Float64, compute)
}

fn compute(sides: &Sides) -> Result<Cell, Error> {
    let (reference, current) = sides.numbers()?;
    energy_distance(reference, current).map(Cell::Number)
}
