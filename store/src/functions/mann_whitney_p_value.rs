//! `mann_whitney_p_value(value, is_current [, cluster])`.

use measure::Error;
use measure::permute::Statistic;
use measure::shift::mann_whitney_p_value;

use super::cell::Cell;
use super::function::Make;
use super::two_sample::{Accepts, Sides};
use super::words::{DEFAULTS_TEST, ERROR_RANKED, NULLS_RANKED};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "mann_whitney_p_value",
    syntax: "mann_whitney_p_value(value, is_current [, cluster]) -> double",
    section: Section::Test,
    doc: "Two-sided p-value of the Mann-Whitney U test, corrected for ties and continuity; exact where a side has 8 values or fewer and nothing ties \
          (scipy's auto). With a cluster (a session, a user) p comes from dealing whole clusters out between the sides 9,999 times, fewer above 40,000 rows and never \
          below 999: turns of one session resemble each other, and a test by rows then alarms far too often.",
    defaults: DEFAULTS_TEST,
    nulls: NULLS_RANKED,
    error: ERROR_RANKED,
    make: Make::TwoSample(Accepts::Numbers, compute),
};

fn compute(sides: &Sides) -> Result<Cell, Error> {
    sides.p_value(Statistic::MannWhitney, |sides| {
        let (reference, current) = sides.numbers()?;
        mann_whitney_p_value(reference, current)
    })
}
