//! `hellinger(value, is_current [, cluster])`.

use measure::Error;
use measure::drift::hellinger_counts;

use super::cell::Cell;
use super::function::Make;
use super::two_sample::{Accepts, Sides};
use super::words::{DEFAULTS_EFFECT, ERROR_BINNED, NULLS_BINNED};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "hellinger",
    syntax: "hellinger(value, is_current [, cluster]) -> double",
    section: Section::Distance,
    doc: "Hellinger distance of the current rows from the others, sqrt(1/2 sum (sqrt e - sqrt a)^2), 0 to 1. Numbers go into 10 bins at the reference's quantiles (at most 10 distinct values: a bin each), text and booleans are categories, \
          those that only the current side has are pooled; shares are (count + 1/2) / (n + B/2).",
    defaults: DEFAULTS_EFFECT,
    nulls: NULLS_BINNED,
    error: ERROR_BINNED,
    make: Make::TwoSample(Accepts::Columns, compute),
};

fn compute(sides: &Sides) -> Result<Cell, Error> {
    Ok(Cell::Number(hellinger_counts(&sides.counts()?)))
}
