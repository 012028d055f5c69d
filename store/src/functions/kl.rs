//! `kl(value, is_current [, cluster])`.

use measure::Error;
use measure::drift::kl_counts;

use super::cell::Cell;
use super::function::Make;
use super::two_sample::{Accepts, Sides};
use super::words::{DEFAULTS_EFFECT, ERROR_BINNED, NULLS_BINNED};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "kl",
    syntax: "kl(value, is_current [, cluster]) -> double",
    section: Section::Distance,
    doc: "Kullback-Leibler divergence of the reference (rows where is_current is false) from the current rows, sum of e ln(e/a), in nats; not symmetric. Numbers go into 10 bins at the reference's quantiles (at most 10 distinct values: a bin each), text and booleans are categories, \
          those that only the current side has are pooled; shares are (count + 1/2) / (n + B/2).",
    defaults: DEFAULTS_EFFECT,
    nulls: NULLS_BINNED,
    error: ERROR_BINNED,
    make: Make::TwoSample(Accepts::Columns, compute),
};

fn compute(sides: &Sides) -> Result<Cell, Error> {
    Ok(Cell::Number(kl_counts(&sides.counts()?)))
}
