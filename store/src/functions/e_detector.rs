//! `e_detector(value, baseline) over (... order by time)`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::WindowUDF;
use measure::Error;
use measure::window::e_detector;

use super::function::Make;
use super::series::{Argument, Measured, Rows, series};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "e_detector",
    syntax: "e_detector(value, baseline) over (... order by time) -> double",
    section: Section::Series,
    doc: "Evidence that the mean of values from 0 to 1 is no longer the baseline, in either direction: a Shiryaev-Roberts e-detector over twelve bets. An alarm where it \
          is at least 1/alpha comes, without a change, after 1/alpha rows or more on average, under any dependence and however often one looks. The rows are those of the window in its order, and its frame plays no part.",
    defaults: "",
    nulls: "Null and NaN leave it where it is. A value outside of 0 to 1, or a baseline that is not between 0 and 1, is an error.",
    error: "",
    make: Make::Window(make),
};

fn make() -> WindowUDF {
    series(FUNCTION.name, &[Argument::Value, Argument::Required], DataType::Float64, compute)
}

fn compute(rows: &Rows<'_>) -> Result<Measured, Error> {
    e_detector(&rows.values(), rows.parameter(1, f64::NAN)).map(Measured::Numbers)
}
