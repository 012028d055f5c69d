//! `cusum(value [, warm_up [, k]]) over (... order by time)`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::WindowUDF;
use measure::Error;
use measure::window::cusum;

use super::function::Make;
use super::series::{Argument, Measured, Rows, series};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "cusum",
    syntax: "cusum(value [, warm_up [, k]]) over (... order by time) -> double",
    section: Section::Series,
    doc: "Two-sided CUSUM in standard deviations of the warm-up (n - 1): of the sums of deviations beyond k upwards and downwards the larger one, negative where it \
          is the one downwards. A chart that alarms where it is beyond 5 runs 465 rows on average without a change. The rows are those of the window in its order, and its frame plays no part.",
    defaults: "warm_up: the first 30 rows; k: 0.5 standard deviations.",
    nulls: "Null and NaN leave the sums where they are and have no value; null during the warm-up. A flat warm-up has a deviation of max(1e-9, 1 % of |mean|).",
    error: "",
    make: Make::Window(make),
};

fn make() -> WindowUDF {
    series(FUNCTION.name, &[Argument::Value, Argument::Optional, Argument::Optional], DataType::Float64, compute)
}

fn compute(rows: &Rows<'_>) -> Result<Measured, Error> {
    let warm_up = rows.n_rows(1, FUNCTION.name, 30)?;
    cusum(&rows.values(), warm_up, rows.parameter(2, 0.5)).map(Measured::Numbers)
}
