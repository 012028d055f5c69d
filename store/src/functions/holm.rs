//! `holm(p_value) over (...)`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::WindowUDF;
use measure::Error;
use measure::test::holm;

use super::function::Make;
use super::series::{Argument, Measured, Rows, series};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "holm",
    syntax: "holm(p_value) over (...) -> double",
    section: Section::Series,
    doc: "Holm's adjusted p-values over all rows of the window's partition: rejecting where it is at most alpha keeps the chance of any false alarm at alpha, however the tests hang \
          together. The order of the rows and the frame play no part.",
    defaults: "",
    nulls: "Null and NaN stay null and do not count as tests.",
    error: "",
    make: Make::Window(make),
};

fn make() -> WindowUDF {
    series(FUNCTION.name, &[Argument::Value], DataType::Float64, compute)
}

fn compute(rows: &Rows<'_>) -> Result<Measured, Error> {
    Ok(Measured::Numbers(holm(&rows.values())))
}
