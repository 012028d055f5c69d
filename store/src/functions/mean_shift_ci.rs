//! `mean_shift_ci(value, is_current [, cluster])`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::AggregateUDF;
use measure::Error;
use measure::permute::clustered_mean_shift_ci;
use measure::shift::mean_shift_ci;

use super::cell::{Cell, record};
use super::function::Make;
use super::two_sample::{Accepts, Sides, two_sample};
use super::words::DEFAULTS_TEST;
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "mean_shift_ci",
    syntax: "mean_shift_ci(value, is_current [, cluster]) -> struct(shift, low, high)",
    section: Section::Interval,
    doc: "Mean of the current rows less that of the others, and its 95 % interval: Welch's. With a cluster the interval holds every shift that dealing whole \
          clusters out between the sides 9,999 times does not reject; it is infinite where there are too few clusters.",
    defaults: DEFAULTS_TEST,
    nulls: "Null and NaN are left out; null where a side has fewer than two values (with a cluster: no value); no ends where a value is infinite.",
    error: "Without a cluster exact for any number of rows; with one up to 1,000,000 rows a side, above by a sample of whole clusters.",
    make: Make::Aggregate(make),
};

fn make() -> AggregateUDF {
    two_sample(FUNCTION.name, Accepts::Moments, returns(), compute)
}

fn returns() -> DataType {
    record(&[("shift", DataType::Float64), ("low", DataType::Float64), ("high", DataType::Float64)])
}

fn compute(sides: &Sides) -> Result<Cell, Error> {
    let found = match sides.rows() {
        Some((reference, current)) => clustered_mean_shift_ci(reference, current, 0.95)?,
        None => {
            let (reference, current) = sides.moments()?;
            mean_shift_ci(&reference, &current, 0.95)?
        }
    };
    Ok(Cell::Record(vec![Cell::Number(found.shift), Cell::Number(found.low), Cell::Number(found.high)]))
}
