//! `total_variation(value, is_current [, cluster])`.

use measure::Error;
use measure::drift::total_variation_counts;

use super::cell::Cell;
use super::function::Make;
use super::two_sample::{Accepts, Sides};
use super::words::{DEFAULTS_EFFECT, ERROR_BINNED, NULLS_BINNED};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "total_variation",
    syntax: "total_variation(value, is_current [, cluster]) -> double",
    section: Section::Distance,
    doc: "Total variation distance, 1/2 sum |e - a|: the share of rows that would have to move to another bin, 0 to 1. Numbers go into 10 bins at the reference's quantiles (at most 10 distinct values: a bin each), text and booleans are categories, \
          those that only the current side has are pooled; shares are (count + 1/2) / (n + B/2).",
    defaults: DEFAULTS_EFFECT,
    nulls: NULLS_BINNED,
    error: ERROR_BINNED,
    make: Make::TwoSample(Accepts::Columns, compute),
};

fn compute(sides: &Sides) -> Result<Cell, Error> {
    Ok(Cell::Number(total_variation_counts(&sides.counts()?)))
}
