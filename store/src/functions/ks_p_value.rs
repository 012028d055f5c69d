//! `ks_p_value(value, is_current)`.

use datafusion::logical_expr::AggregateUDF;

use super::two_sample::TwoSample;
use super::{Function, Make};

pub(super) const FUNCTION: Function = Function {
    name: "ks_p_value",
    syntax: "ks_p_value(value, is_current) -> double",
    doc: "Two-sided p-value of the two-sample Kolmogorov-Smirnov test of the current rows against the others: exact where both sides have at \
          most 10,000 values and none are equal, else asymptotic. Null values are left out; null where a side has no values. Rows \
          count as independent, so turns of one session make it too ready to reject. Above 1,000,000 values a side a uniform \
          sample of that size is tested, which is a valid test of less power.",
    make: Make::Aggregate(make),
};

fn make() -> AggregateUDF {
    AggregateUDF::from(TwoSample::new(FUNCTION.name, measure::shift::ks_p_value, None))
}
