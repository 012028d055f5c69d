//! `change_points(value [, run])`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::WindowUDF;
use measure::Error;
use measure::window::change_points;

use super::function::Make;
use super::series::{Argument, Measured, Rows, series};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "change_points",
    syntax: "change_points(value [, run]) over (... order by time) -> boolean",
    section: Section::Series,
    doc: "Whether a row is the first one of a new state of affairs, looking back over the whole window: the most probable division into segments with a mean and a spread \
          each (the model of Bayesian online change point detection, all rows together). It explains what happened, to the row; it is no alarm, for it knows what came \
          later. The rows are those of the window in its order, and its frame plays no part.",
    defaults: "run, the rows that a segment has on average: 250.",
    nulls: "Null, NaN and infinite values are no rows, and null themselves. Above 10,000 rows in a partition it is an error: take hours instead of minutes.",
    error: "",
    make: Make::Window(make),
};

fn make() -> WindowUDF {
    series(FUNCTION.name, &[Argument::Value, Argument::Optional], DataType::Boolean, compute)
}

fn compute(rows: &Rows<'_>) -> Result<Measured, Error> {
    change_points(&rows.values(), rows.parameter(1, 250.0)).map(Measured::Flags)
}
