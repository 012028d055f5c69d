//! `epps_singleton_p_value(value, is_current [, cluster])`.

use measure::Error;
use measure::shift::epps_singleton_p_value;

use super::cell::Cell;
use super::function::Make;
use super::two_sample::{Accepts, Sides};
use super::words::ERROR_RANKED;
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "epps_singleton_p_value",
    syntax: "epps_singleton_p_value(value, is_current [, cluster]) -> double",
    section: Section::Test,
    doc: "P-value of the Epps-Singleton test that both sides share one distribution, by their characteristic functions at 0.4 and 0.8 half interquartile ranges: values \
          may tie or be counts. Asymptotic, with the correction for small samples below 25 values a side (scipy's epps_singleton_2samp).",
    defaults: "cluster: none; it is taken so that all comparisons are called alike, and rows count as independent all the same.",
    nulls: "Null and NaN are left out; null where a side has no values, one of them is infinite, or the middle half of all values is a single one.",
    error: ERROR_RANKED,
    make: Make::TwoSample(Accepts::Numbers, compute),
};

fn compute(sides: &Sides) -> Result<Cell, Error> {
    let (reference, current) = sides.numbers()?;
    epps_singleton_p_value(reference, current).map(Cell::Number)
}
