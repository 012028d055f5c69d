//! `fisher_p_value(value, is_current [, cluster])`.

use measure::Error;
use measure::homogeneity::fisher_p_value;
use measure::permute::Statistic;

use super::cell::Cell;
use super::function::Make;
use super::two_sample::{Accepts, Sides};
use super::words::{DEFAULTS_TEST, ERROR_BINNED, NULLS_BINNED};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "fisher_p_value",
    syntax: "fisher_p_value(value, is_current [, cluster]) -> double",
    section: Section::Test,
    doc: "Two-sided p-value of Fisher's exact test that two categories (or two distinct numbers) are as frequent on both sides. More than two are an error: \
          chi2_p_value takes any number, and drift picks. With a cluster (a session, a user) p comes from dealing whole clusters out between the sides 9,999 times, fewer above 40,000 rows and never \
          below 999: turns of one session resemble each other, and a test by rows then alarms far too often.",
    defaults: DEFAULTS_TEST,
    nulls: NULLS_BINNED,
    error: ERROR_BINNED,
    make: Make::TwoSample(Accepts::Columns, compute),
};

fn compute(sides: &Sides) -> Result<Cell, Error> {
    // Refused with clusters as well, so that the name keeps its promise.
    let exact = fisher_p_value(&sides.counts()?)?;
    sides.p_value(Statistic::Chi2, |_| Ok(exact))
}
