//! `anderson_darling_p_value(value, is_current [, cluster])`.

use measure::Error;
use measure::shift::anderson_darling_p_value;

use super::cell::Cell;
use super::function::Make;
use super::two_sample::{Accepts, Sides};
use super::words::{ERROR_RANKED, NULLS_RANKED};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "anderson_darling_p_value",
    syntax: "anderson_darling_p_value(value, is_current [, cluster]) -> double",
    section: Section::Test,
    doc: "P-value of the Anderson-Darling test that both sides share one distribution, with more weight on the tails than Kolmogorov and Smirnov's: Scholz and Stephens' with \
          mid-ranks, interpolated in their table and cut to 0.001 to 0.25, which is as far as that goes (scipy's anderson_ksamp).",
    defaults: "cluster: none; it is taken so that all comparisons are called alike, and rows count as independent all the same.",
    nulls: NULLS_RANKED,
    error: ERROR_RANKED,
    make: Make::TwoSample(Accepts::Numbers, compute),
};

fn compute(sides: &Sides) -> Result<Cell, Error> {
    let (reference, current) = sides.numbers()?;
    anderson_darling_p_value(reference, current).map(Cell::Number)
}
