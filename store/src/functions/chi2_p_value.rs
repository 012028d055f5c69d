//! `chi2_p_value(value, is_current [, cluster])`.

use measure::Error;
use measure::homogeneity::chi2_p_value;
use measure::permute::Statistic;

use super::cell::Cell;
use super::function::Make;
use super::two_sample::{Accepts, Sides};
use super::words::{DEFAULTS_TEST, ERROR_BINNED, NULLS_BINNED};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "chi2_p_value",
    syntax: "chi2_p_value(value, is_current [, cluster]) -> double",
    section: Section::Test,
    doc: "Pearson's chi-square test that both sides share one distribution (homogeneity: both sides are samples), asymptotic, without Yates' \
          correction. Numbers go into 10 bins at the reference's quantiles (at most 10 distinct values: a bin each), text and booleans are categories, \
          those that only the current side has among them. With a cluster (a session, a user) p comes from dealing whole clusters out between the sides 9,999 times, fewer above 40,000 rows and never \
          below 999: turns of one session resemble each other, and a test by rows then alarms far too often.",
    defaults: DEFAULTS_TEST,
    nulls: NULLS_BINNED,
    error: ERROR_BINNED,
    make: Make::TwoSample(Accepts::Columns, compute),
};

fn compute(sides: &Sides) -> Result<Cell, Error> {
    sides.p_value(Statistic::Chi2, |sides| Ok(chi2_p_value(&sides.counts()?)))
}
