//! What is said of a SQL function, and how it is made.

use std::fmt;

use arrow::datatypes::DataType;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};

use super::two_sample::{Accepts, Compute};

/// A SQL function of karat's own, as `karat schema` and `docs/sql.md` print it.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// How it is called, and what it returns: `psi(value, is_current [, cluster]) -> double`.
    pub syntax: &'static str,
    /// What it is for.
    pub section: Section,
    /// What it computes.
    pub doc: &'static str,
    /// What optional arguments are where they are left out; empty where there are none.
    pub defaults: &'static str,
    /// What null, NaN, infinite and missing values do.
    pub nulls: &'static str,
    /// Up to where the result is exact, and its error above; empty where it always is.
    pub error: &'static str,
    pub(super) make: Make,
}

impl Function {
    /// Returns everything that is said of the function, in one paragraph.
    pub fn text(&self) -> String {
        [self.doc, self.defaults, self.nulls, self.error].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ")
    }
}

/// What a function is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// Whether and by how much a column drifted.
    Drift,
    /// How far two distributions are from each other.
    Distance,
    /// P-values of two samples.
    Test,
    /// Intervals.
    Interval,
    /// Quantiles.
    Quantile,
    /// Agreement of raters.
    Agreement,
    /// Gaps between groups.
    Fairness,
    /// A value against those before it.
    Series,
    /// Numbers of another tool, bug for bug.
    Parity,
    /// Text and messages.
    Text,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Drift => "Drift",
            Self::Distance => "Distances of two samples",
            Self::Test => "Tests of two samples",
            Self::Interval => "Intervals",
            Self::Quantile => "Quantiles",
            Self::Agreement => "Agreement of raters",
            Self::Fairness => "Fairness",
            Self::Series => "Series",
            Self::Parity => "Parity with Evidently",
            Self::Text => "Messages",
        })
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Make {
    Scalar(fn() -> ScalarUDF),
    Aggregate(fn() -> AggregateUDF),
    /// A number out of two samples, `f(value, is_current [, cluster])`.
    TwoSample(Accepts, Compute),
    Window(fn() -> WindowUDF),
}

impl Make {
    /// Returns how SQL calls the function.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Scalar(_) => "scalar",
            Self::Aggregate(_) | Self::TwoSample(..) => "aggregate",
            Self::Window(_) => "window",
        }
    }
}

/// Names a type as a person would who never saw the engine's.
pub(super) fn type_name(of: &DataType) -> String {
    match of {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        number if number.is_numeric() => "number".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}
