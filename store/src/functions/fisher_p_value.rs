//! `fisher_p_value(value, is_current [, cluster])`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::AggregateUDF;
use measure::Error;
use measure::homogeneity::fisher_p_value;
use measure::permute::Statistic;

use super::cell::Cell;
use super::function::Make;
use super::two_sample::{Accepts, Sides, two_sample};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "fisher_p_value",
    syntax: "fisher_p_value(value, is_current [, cluster]) -> double",
    section: Section::Test,
    doc: "Two-sided p-value of Fisher's exact test that two categories (or two distinct numbers) are as frequent on both sides. More than two are an error: \
          chi2_p_value takes any number, and drift picks. With a cluster (a session, a user) p comes from dealing whole clusters out between the sides 9,999 times, fewer above 40,000 rows and never \
          below 999: turns of one session resemble each other, and a test by rows then alarms far too often.",
    defaults: "cluster: none, rows count as independent.",
    nulls: "Null and NaN are a bin of their own where either side has one; infinite values fall into the outer bins; rows whose is_current is null are left \
            out; null where a side has no rows.",
    error: "Exact up to 1,000,000 values a side; above, a uniform sample of that size stands for it, which moves a bin's share by less than 0.001 in 19 of 20 \
            cases. Above 100,000 categories it is an error.",
    make: Make::Aggregate(make),
};

fn make() -> AggregateUDF {
    two_sample(FUNCTION.name, Accepts::Columns, DataType::Float64, compute)
}

fn compute(sides: &Sides) -> Result<Cell, Error> {
    // Refused with clusters as well, so that the name keeps its promise.
    let exact = fisher_p_value(&sides.counts()?)?;
    sides.p_value(Statistic::Chi2, |_| Ok(exact))
}
