//! `ewma(value [, alpha]) over (... order by time)`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::WindowUDF;
use measure::Error;
use measure::window::ewma;

use super::function::Make;
use super::series::{Argument, Measured, Rows, series};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "ewma",
    syntax: "ewma(value [, alpha]) over (... order by time) -> double",
    section: Section::Series,
    doc: "Exponentially weighted moving average: y = (1 - alpha) y + alpha x, from the first value on (pandas' adjust = false). The rows are those of the window in its order, and its frame plays no part.",
    defaults: "alpha: 0.2.",
    nulls: "Null and NaN leave the average where it was; null before the first number.",
    error: "",
    make: Make::Window(make),
};

fn make() -> WindowUDF {
    series(FUNCTION.name, &[Argument::Value, Argument::Optional], DataType::Float64, compute)
}

fn compute(rows: &Rows<'_>) -> Result<Measured, Error> {
    ewma(&rows.values(), rows.parameter(1, 0.2)).map(Measured::Numbers)
}
