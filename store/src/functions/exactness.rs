//! `exactness(value, is_current [, cluster])`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::AggregateUDF;
use measure::Error;

use super::cell::{Cell, record};
use super::function::Make;
use super::two_sample::{Accepts, Sides, two_sample};
use super::words::DEFAULTS_EFFECT;
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "exactness",
    syntax: "exactness(value, is_current [, cluster]) -> struct(exact, n, n_used)",
    section: Section::Drift,
    doc: "Whether the two-sample functions over the same arguments see every value (exact), how many rows both sides have (n), and how many stand for them (n_used): put it \
          beside any number, select ks_p_value(x, c), exactness(x, c). What is computed of count, mean and spread alone (welch_p_value, mean_shift_ci without a \
          cluster) is exact all the same.",
    defaults: DEFAULTS_EFFECT,
    nulls: "Rows whose is_current is null are not counted, other nulls are; never null.",
    error: "",
    make: Make::Aggregate(make),
};

fn make() -> AggregateUDF {
    let returns = record(&[("exact", DataType::Boolean), ("n", DataType::Int64), ("n_used", DataType::Int64)]);
    two_sample(FUNCTION.name, Accepts::Anything, returns, compute)
}

fn compute(sides: &Sides) -> Result<Cell, Error> {
    Ok(Cell::Record(vec![Cell::Flag(sides.exact), Cell::Count(sides.n), Cell::Count(sides.n_used())]))
}
