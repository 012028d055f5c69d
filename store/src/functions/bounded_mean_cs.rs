//! `bounded_mean_cs(value [, alpha]) over (... order by time)`.

use datafusion::logical_expr::WindowUDF;
use measure::Error;
use measure::window::empirical_bernstein_cs;

use super::function::Make;
use super::series::{Argument, Measured, Rows, interval_type, series};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "bounded_mean_cs",
    syntax: "bounded_mean_cs(value [, alpha]) over (... order by time) -> struct(low, high)",
    section: Section::Series,
    doc: "Confidence sequence of the mean of values from 0 to 1 (predictable-mixture empirical Bernstein): holds at every row at once with probability 1 - alpha, \
          exactly and under any dependence that leaves the conditional mean where it is. The rows are those of the window in its order, and its frame plays no part.",
    defaults: "alpha: 0.05.",
    nulls: "Null and NaN leave the interval where it was. A value outside of 0 to 1 is an error.",
    error: "",
    make: Make::Window(make),
};

fn make() -> WindowUDF {
    series(FUNCTION.name, &[Argument::Value, Argument::Optional], interval_type(), compute)
}

fn compute(rows: &Rows<'_>) -> Result<Measured, Error> {
    empirical_bernstein_cs(&rows.values(), rows.parameter(1, 0.05)).map(Measured::Intervals)
}
