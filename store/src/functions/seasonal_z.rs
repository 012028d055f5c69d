//! `seasonal_z(value, time [, history]) over (... order by time)`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::WindowUDF;
use measure::Error;
use measure::window::seasonal_z;

use super::function::Make;
use super::series::{Argument, Measured, Rows, series};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "seasonal_z",
    syntax: "seasonal_z(value, time [, history]) over (... order by time) -> double",
    section: Section::Series,
    doc: "Robust z-score of each row against the rows at the same hour of the week (UTC) of earlier weeks: (x - median) / (1.4826 * MAD), with a floor of \
          max(1e-9, 1 % of |median|) on the MAD. The rows are those of the window in its order, and its frame plays no part.",
    defaults: "history: all such rows; else the last so many.",
    nulls: "Null and NaN have no score and are no history; null until the hour was seen in three earlier weeks.",
    error: "",
    make: Make::Window(make),
};

fn make() -> WindowUDF {
    series(FUNCTION.name, &[Argument::Value, Argument::Time, Argument::Optional], DataType::Float64, compute)
}

fn compute(rows: &Rows<'_>) -> Result<Measured, Error> {
    let history = rows.n_rows(2, FUNCTION.name, usize::MAX)?;
    seasonal_z(&rows.values(), &rows.times(), history).map(Measured::Numbers)
}
