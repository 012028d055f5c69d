//! `bh(p_value) over (...)`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::WindowUDF;
use measure::Error;
use measure::test::bh;

use super::function::Make;
use super::series::{Argument, Measured, Rows, series};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "bh",
    syntax: "bh(p_value) over (...) -> double",
    section: Section::Series,
    doc: "Benjamini-Hochberg adjusted p-values over all rows of the window's partition: rejecting where it is at most q keeps the share of false alarms among the alarms \
          at q. The order of the rows and the frame play no part.",
    defaults: "",
    nulls: "Null and NaN stay null and do not count as tests.",
    error: "",
    make: Make::Window(make),
};

fn make() -> WindowUDF {
    series(FUNCTION.name, &[Argument::Value], DataType::Float64, compute)
}

fn compute(rows: &Rows<'_>) -> Result<Measured, Error> {
    Ok(Measured::Numbers(bh(&rows.values())))
}
