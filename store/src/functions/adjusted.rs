//! `bh`, `benjamini_yekutieli` and `holm`: p-values corrected for how many there are, `f(p_value) over (...)`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::WindowUDF;
use measure::test;

use super::function::Make;
use super::series::{Argument, Compute, Measured, series};
use super::{Function, Section};

pub(super) const BH: Function = Function {
    name: "bh",
    syntax: "bh(p_value) over (...) -> double",
    doc: "Benjamini-Hochberg adjusted p-values: rejecting where it is at most q keeps the share of false alarms among the alarms at q.",
    make: Make::Window(|| adjusted("bh", |rows| Ok(Measured::Numbers(test::bh(&rows.values()))))),
    ..ADJUSTED
};

pub(super) const BENJAMINI_YEKUTIELI: Function = Function {
    name: "benjamini_yekutieli",
    syntax: "benjamini_yekutieli(p_value) over (...) -> double",
    doc: "Benjamini-Yekutieli adjusted p-values: bh for tests that hang together in any way, times the sum of 1/k.",
    make: Make::Window(|| adjusted("benjamini_yekutieli", |rows| Ok(Measured::Numbers(test::by(&rows.values()))))),
    ..ADJUSTED
};

pub(super) const HOLM: Function = Function {
    name: "holm",
    syntax: "holm(p_value) over (...) -> double",
    doc: "Holm's adjusted p-values: rejecting where it is at most alpha keeps the chance of any false alarm at alpha, however the tests hang together.",
    make: Make::Window(|| adjusted("holm", |rows| Ok(Measured::Numbers(test::holm(&rows.values()))))),
    ..ADJUSTED
};

/// What is said of all of them.
const ADJUSTED: Function = Function {
    name: "",
    syntax: "",
    section: Section::Series,
    doc: "",
    defaults: "",
    nulls: "The tests are all rows of the window's partition, in any order and whatever the frame. Null and NaN stay null and do not count as tests.",
    error: "",
    make: Make::Window(|| adjusted("", |_| Ok(Measured::Numbers(Vec::new())))),
};

fn adjusted(name: &'static str, compute: Compute) -> WindowUDF {
    series(name, &[Argument::Value], DataType::Float64, compute)
}
