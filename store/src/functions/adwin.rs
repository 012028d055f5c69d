//! `adwin(value [, delta]) over (... order by time)`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::WindowUDF;
use measure::Error;
use measure::window::adwin;

use super::function::Make;
use super::series::{Argument, Measured, Rows, series};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "adwin",
    syntax: "adwin(value [, delta]) over (... order by time) -> boolean",
    section: Section::Series,
    doc: "Adaptive windowing: true at the rows where a change of the mean is found, after which the rows before it are forgotten. As River: it looks every 32 rows, \
          5 buckets of a size, parts of at least 5 rows, 10 rows of grace. The rows are those of the window in its order, and its frame plays no part.",
    defaults: "delta: 0.002.",
    nulls: "Null and NaN are no rows, and null themselves.",
    error: "",
    make: Make::Window(make),
};

fn make() -> WindowUDF {
    series(FUNCTION.name, &[Argument::Value, Argument::Optional], DataType::Boolean, compute)
}

fn compute(rows: &Rows<'_>) -> Result<Measured, Error> {
    adwin(&rows.values(), rows.parameter(1, 0.002)).map(Measured::Flags)
}
