//! `energy_distance(value, is_current [, cluster])`.

use measure::Error;
use measure::shift::energy_distance;

use super::cell::Cell;
use super::function::Make;
use super::two_sample::{Accepts, Sides};
use super::words::{DEFAULTS_EFFECT, ERROR_DISTANCE, NULLS_RANKED};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "energy_distance",
    syntax: "energy_distance(value, is_current [, cluster]) -> double",
    section: Section::Distance,
    doc: "Energy distance of the current rows from the others, scipy's: sqrt(2 * integral of (F - G)^2), in the root of the unit of the values.",
    defaults: DEFAULTS_EFFECT,
    nulls: NULLS_RANKED,
    error: ERROR_DISTANCE,
    make: Make::TwoSample(Accepts::Numbers, compute),
};

fn compute(sides: &Sides) -> Result<Cell, Error> {
    let (reference, current) = sides.numbers()?;
    energy_distance(reference, current).map(Cell::Number)
}
