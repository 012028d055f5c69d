//! `wasserstein(value, is_current [, cluster])`.

use measure::Error;
use measure::shift::wasserstein;

use super::cell::Cell;
use super::function::Make;
use super::two_sample::{Accepts, Sides};
use super::words::{DEFAULTS_EFFECT, ERROR_DISTANCE, NULLS_RANKED};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "wasserstein",
    syntax: "wasserstein(value, is_current [, cluster]) -> double",
    section: Section::Distance,
    doc: "Wasserstein-1 (earth mover's) distance of the current rows from the others, in the unit of the values: the area between the two \
          distribution functions. Infinite where the sides hold infinite values in unequal shares.",
    defaults: DEFAULTS_EFFECT,
    nulls: NULLS_RANKED,
    error: ERROR_DISTANCE,
    make: Make::TwoSample(Accepts::Numbers, compute),
};

fn compute(sides: &Sides) -> Result<Cell, Error> {
    let (reference, current) = sides.numbers()?;
    wasserstein(reference, current).map(Cell::Number)
}
