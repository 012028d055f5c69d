//! `cramer_von_mises_p_value(value, is_current [, cluster])`.

use measure::Error;
use measure::permute::Statistic;
use measure::shift::cramer_von_mises_p_value;

use super::cell::Cell;
use super::function::Make;
use super::two_sample::{Accepts, Sides};
use super::words::{DEFAULTS_TEST, ERROR_RANKED, NULLS_RANKED};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "cramer_von_mises_p_value",
    syntax: "cramer_von_mises_p_value(value, is_current [, cluster]) -> double",
    section: Section::Test,
    doc: "P-value of the two-sample Cramer-von Mises test: exact where both sides have at most 20 values, else asymptotic (scipy's auto). With a cluster (a session, a user) p comes from dealing whole clusters out between the sides 9,999 times, fewer above 40,000 rows and never \
          below 999: turns of one session resemble each other, and a test by rows then alarms far too often.",
    defaults: DEFAULTS_TEST,
    nulls: NULLS_RANKED,
    error: ERROR_RANKED,
    make: Make::TwoSample(Accepts::Numbers, compute),
};

fn compute(sides: &Sides) -> Result<Cell, Error> {
    sides.p_value(Statistic::CramerVonMises, |sides| {
        let (reference, current) = sides.numbers()?;
        cramer_von_mises_p_value(reference, current)
    })
}
