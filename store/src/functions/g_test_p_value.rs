//! `g_test_p_value(value, is_current [, cluster])`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::AggregateUDF;
use measure::Error;
use measure::homogeneity::g_test_p_value;
use measure::permute::Statistic;

use super::cell::Cell;
use super::function::Make;
use super::two_sample::{Accepts, Sides, two_sample};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "g_test_p_value",
    syntax: "g_test_p_value(value, is_current [, cluster]) -> double",
    section: Section::Test,
    doc: "Likelihood-ratio (G) test that both sides share one distribution (homogeneity: both sides are samples), asymptotic. Numbers go into 10 bins at the reference's quantiles (at most 10 distinct values: a bin each), text and booleans are categories, \
          those that only the current side has are pooled. With a cluster (a session, a user) p comes from dealing whole clusters out between the sides 9,999 times, fewer above 40,000 rows and never \
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
    sides.p_value(Statistic::G, |sides| Ok(g_test_p_value(&sides.counts()?)))
}
