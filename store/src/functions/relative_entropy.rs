//! `relative_entropy(value, low, high [, window [, refractory]])`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::WindowUDF;
use measure::Error;
use measure::window::relative_entropy;

use super::function::Make;
use super::series::{Argument, Measured, Rows, series};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "relative_entropy",
    syntax: "relative_entropy(value, low, high [, window [, refractory]]) over (... order by time) -> double",
    section: Section::Series,
    doc: "How unlike everything before it the distribution of the last rows is, over five bins from low to high: 2 W KL to the nearest distribution that was \
          seen, where that is beyond the 1 % point of chi-square; else 0. A new state of affairs is told once, a return to an old one not at all, and \
          in the refractory rows after it only what is worse. The rows are those of the window in its order, and its frame plays no part.",
    defaults: "window: 52 rows; refractory: 300 rows.",
    nulls: "Null and NaN are no rows, and 0 themselves; values outside of low to high fall into the outer bins.",
    error: "",
    make: Make::Window(make),
};

fn make() -> WindowUDF {
    const ARGUMENTS: &[Argument] = &[Argument::Value, Argument::Required, Argument::Required, Argument::Optional, Argument::Optional];
    series(FUNCTION.name, ARGUMENTS, DataType::Float64, compute)
}

fn compute(rows: &Rows<'_>) -> Result<Measured, Error> {
    let (low, high) = (rows.parameter(1, f64::NAN), rows.parameter(2, f64::NAN));
    let (window, refractory) = (rows.n_rows(3, FUNCTION.name, 52)?, rows.n_rows(4, FUNCTION.name, 300)?);
    relative_entropy(&rows.values(), low, high, window, refractory).map(Measured::Numbers)
}
