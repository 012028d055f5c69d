//! `robust_z(value [, history]) over (... order by time)`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::WindowUDF;
use measure::Error;
use measure::window::robust_z_series;

use super::function::Make;
use super::series::{Argument, Measured, Rows, series};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "robust_z",
    syntax: "robust_z(value [, history]) over (... order by time) -> double",
    section: Section::Series,
    doc: "Robust z-score of each row against the rows before it: (x - median) / (1.4826 * MAD), with a floor of max(1e-9, 1 % of |median|) on the MAD. The rows are those of the window in its order, and its frame plays no part.",
    defaults: "history: all rows before the current one; else the last so many.",
    nulls: "Null and NaN have no score and are no history; null where there is no row before, or where the median is infinite.",
    error: "",
    make: Make::Window(make),
};

fn make() -> WindowUDF {
    series(FUNCTION.name, &[Argument::Value, Argument::Optional], DataType::Float64, compute)
}

fn compute(rows: &Rows<'_>) -> Result<Measured, Error> {
    let history = rows.n_rows(1, FUNCTION.name, usize::MAX)?;
    Ok(Measured::Numbers(robust_z_series(&rows.values(), history)))
}
