//! `psi(value, is_current)`.

use datafusion::common::Result;
use datafusion::logical_expr::AggregateUDF;

use super::two_sample::{Categories, TwoSample};
use super::{Function, Make};

pub(super) const FUNCTION: Function = Function {
    name: "psi",
    syntax: "psi(value, is_current) -> double",
    doc: "Population stability index of the current rows against the others, in nats: 0.1 is usually read as \"watch\", 0.25 as \"shifted\". \
          Numbers go into 10 bins at the reference's quantiles, text and booleans count as categories, null is a bin of its own; shares are \
          (count + 1/2) / (n + B/2). Null where a side has no rows. Above 1,000,000 values a side a uniform sample of that size \
          stands for it, which moves a bin's share by less than 0.001 in 19 of 20 cases; above 100,000 categories it is an error.",
    make: Make::Aggregate(make),
};

fn make() -> AggregateUDF {
    AggregateUDF::from(TwoSample::new(FUNCTION.name, measure::drift::psi, Some(of_categories)))
}

fn of_categories(categories: &Categories) -> Result<f64, measure::Error> {
    measure::drift::psi_categories(categories.side(0), categories.side(1))
}
