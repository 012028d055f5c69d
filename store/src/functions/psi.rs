//! `psi(value, is_current [, cluster])`.

use measure::Error;
use measure::drift::psi_counts;

use super::cell::Cell;
use super::function::Make;
use super::two_sample::{Accepts, Sides};
use super::words::{DEFAULTS_EFFECT, ERROR_BINNED, NULLS_BINNED};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "psi",
    syntax: "psi(value, is_current [, cluster]) -> double",
    section: Section::Distance,
    doc: "Population stability index of the current rows against the others, in nats: 0.1 is usually read as \"watch\", 0.25 as \"shifted\". It is an effect, \
          not a test: without any change its mean is (B - 1)(1/n + 1/m). Numbers go into 10 bins at the reference's quantiles (at most 10 distinct values: a bin each), text and booleans are categories, \
          those that only the current side has are pooled; shares are (count + 1/2) / (n + B/2).",
    defaults: DEFAULTS_EFFECT,
    nulls: NULLS_BINNED,
    error: ERROR_BINNED,
    make: Make::TwoSample(Accepts::Columns, compute),
};

fn compute(sides: &Sides) -> Result<Cell, Error> {
    Ok(Cell::Number(psi_counts(&sides.counts()?)))
}
