//! `cramer_von_mises_p_value(value, is_current [, cluster])`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::AggregateUDF;
use measure::Error;
use measure::permute::Statistic;
use measure::shift::cramer_von_mises_p_value;

use super::cell::Cell;
use super::function::Make;
use super::two_sample::{Accepts, Sides, two_sample};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "cramer_von_mises_p_value",
    syntax: "cramer_von_mises_p_value(value, is_current [, cluster]) -> double",
    section: Section::Test,
    doc: "P-value of the two-sample Cramer-von Mises test: exact where both sides have at most 20 values, else asymptotic (scipy's auto). With a cluster (a session, a user) p comes from dealing whole clusters out between the sides 9,999 times, fewer above 40,000 rows and never \
          below 999: turns of one session resemble each other, and a test by rows then alarms far too often.",
    defaults: "cluster: none, rows count as independent.",
    nulls: "Null and NaN are left out, infinite values count; null where a side has no values.",
    error: "Exact input up to 1,000,000 values a side; above, a uniform sample of that size is tested, which is a valid test of less power.",
    make: Make::Aggregate(make),
};

fn make() -> AggregateUDF {
    two_sample(FUNCTION.name, Accepts::Numbers, DataType::Float64, compute)
}

fn compute(sides: &Sides) -> Result<Cell, Error> {
    sides.p_value(Statistic::CramerVonMises, |sides| {
        let (reference, current) = sides.numbers()?;
        cramer_von_mises_p_value(reference, current)
    })
}
