//! `welch_p_value(value, is_current [, cluster])`.

use measure::Error;
use measure::permute::Statistic;
use measure::shift::welch_p_value;

use super::cell::Cell;
use super::function::Make;
use super::two_sample::{Accepts, Sides};
use super::words::DEFAULTS_TEST;
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "welch_p_value",
    syntax: "welch_p_value(value, is_current [, cluster]) -> double",
    section: Section::Test,
    doc: "Two-sided p-value of Welch's t-test that both sides have the same mean, without assuming equal variances. Constant sides give p 1, or where they \
          differ that of the one split of all values into them. With a cluster (a session, a user) p comes from dealing whole clusters out between the sides 9,999 times, fewer above 40,000 rows and never \
          below 999: turns of one session resemble each other, and a test by rows then alarms far too often.",
    defaults: DEFAULTS_TEST,
    nulls: "Null and NaN are left out; null where a side has fewer than two values or one of them is infinite.",
    error: "Without a cluster exact for any number of rows; with one up to 1,000,000 rows a side, above by a sample of whole clusters.",
    make: Make::TwoSample(Accepts::Moments, compute),
};

fn compute(sides: &Sides) -> Result<Cell, Error> {
    sides.p_value(Statistic::Welch, |sides| {
        let (reference, current) = sides.moments()?;
        welch_p_value(&reference, &current)
    })
}
