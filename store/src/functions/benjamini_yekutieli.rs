//! `benjamini_yekutieli(p_value) over (...)`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::WindowUDF;
use measure::Error;
use measure::test::by;

use super::function::Make;
use super::series::{Argument, Measured, Rows, series};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "benjamini_yekutieli",
    syntax: "benjamini_yekutieli(p_value) over (...) -> double",
    section: Section::Series,
    doc: "Benjamini-Yekutieli adjusted p-values over all rows of the window's partition: bh for tests that hang together in any way, times the sum of 1/k. The order of the rows and the \
          frame play no part.",
    defaults: "",
    nulls: "Null and NaN stay null and do not count as tests.",
    error: "",
    make: Make::Window(make),
};

fn make() -> WindowUDF {
    series(FUNCTION.name, &[Argument::Value], DataType::Float64, compute)
}

fn compute(rows: &Rows<'_>) -> Result<Measured, Error> {
    Ok(Measured::Numbers(by(&rows.values())))
}
