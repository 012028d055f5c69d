//! `ks_statistic(value, is_current)`.

use datafusion::logical_expr::AggregateUDF;

use super::two_sample::TwoSample;
use super::{Function, Make};

pub(super) const FUNCTION: Function = Function {
    name: "ks_statistic",
    syntax: "ks_statistic(value, is_current) -> double",
    doc: "Kolmogorov-Smirnov statistic: the largest distance of the distribution functions of the current rows and of the others, 0 to 1. \
          Null values are left out; null where a side has no values. Above 1,000,000 values a side a uniform sample of that size \
          stands for it, which moves the statistic by less than 0.003 in 19 of 20 cases.",
    make: Make::Aggregate(make),
};

fn make() -> AggregateUDF {
    AggregateUDF::from(TwoSample::new(FUNCTION.name, measure::shift::ks_statistic, None))
}
