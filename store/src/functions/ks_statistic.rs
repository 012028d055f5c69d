//! `ks_statistic(value, is_current [, cluster])`.

use measure::Error;
use measure::shift::ks_statistic;

use super::cell::Cell;
use super::function::Make;
use super::two_sample::{Accepts, Sides};
use super::words::{DEFAULTS_EFFECT, ERROR_DISTANCE, NULLS_RANKED};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "ks_statistic",
    syntax: "ks_statistic(value, is_current [, cluster]) -> double",
    section: Section::Distance,
    doc: "Kolmogorov-Smirnov statistic: the largest distance of the distribution functions of the current rows and of the others, 0 to 1.",
    defaults: DEFAULTS_EFFECT,
    nulls: NULLS_RANKED,
    error: ERROR_DISTANCE,
    make: Make::TwoSample(Accepts::Numbers, compute),
};

fn compute(sides: &Sides) -> Result<Cell, Error> {
    let (reference, current) = sides.numbers()?;
    ks_statistic(reference, current).map(Cell::Number)
}
