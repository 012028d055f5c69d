//! `page_hinkley(value [, threshold [, delta]]) over (... order by time)`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::WindowUDF;
use measure::Error;
use measure::window::{PageHinkley, page_hinkley};

use super::function::Make;
use super::series::{Argument, Measured, Rows, series};
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "page_hinkley",
    syntax: "page_hinkley(value [, threshold [, delta]]) over (... order by time) -> boolean",
    section: Section::Series,
    doc: "Page-Hinkley test for a change of the mean in either direction: true at the rows where one is found, after which it begins anew. As River: 30 rows at \
          least, alpha 0.9999. The rows are those of the window in its order, and its frame plays no part.",
    defaults: "threshold: 50, delta: 0.005, both in the unit of the values.",
    nulls: "Null and NaN are no rows, and null themselves.",
    error: "",
    make: Make::Window(make),
};

fn make() -> WindowUDF {
    series(FUNCTION.name, &[Argument::Value, Argument::Optional, Argument::Optional], DataType::Boolean, compute)
}

fn compute(rows: &Rows<'_>) -> Result<Measured, Error> {
    let river = PageHinkley::default();
    let settings = PageHinkley { threshold: rows.parameter(1, river.threshold), delta: rows.parameter(2, river.delta), ..river };
    page_hinkley(&rows.values(), settings).map(Measured::Flags)
}
