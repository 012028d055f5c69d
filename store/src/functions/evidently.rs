//! `evidently_*(value, is_current)`: Evidently's numbers, bug for bug, under a name that says so.

use arrow::datatypes::DataType;
use datafusion::logical_expr::AggregateUDF;
use measure::Error;
use measure::drift::evidently::{self, Shares};

use super::cell::Cell;
use super::function::Make;
use super::two_sample::{Accepts, Column, Compute, Sides, two_sample};
use super::{Function, Section};

pub(super) const PSI: Function = Function {
    name: "evidently_psi",
    syntax: "evidently_psi(value, is_current) -> double",
    doc: "What Evidently 0.7.23 prints as PSI: Sturges' bins over both sides together, empty bins filled with 1e-4. To compare reports, not to decide by: \
          psi is ours.",
    make: Make::Aggregate(|| make("evidently_psi", Accepts::Columns, |sides| Ok(Cell::Number(evidently::psi(&shares(sides)?))))),
    ..PARITY
};

pub(super) const KL: Function = Function {
    name: "evidently_kl",
    syntax: "evidently_kl(value, is_current) -> double",
    doc: "What Evidently 0.7.23 prints as KL divergence: Sturges' bins over both sides together, empty bins filled with 1e-4. To compare reports, not to decide \
          by: kl is ours.",
    make: Make::Aggregate(|| make("evidently_kl", Accepts::Columns, |sides| Ok(Cell::Number(evidently::kl_div(&shares(sides)?))))),
    ..PARITY
};

pub(super) const JENSENSHANNON: Function = Function {
    name: "evidently_jensenshannon",
    syntax: "evidently_jensenshannon(value, is_current) -> double",
    doc: "What Evidently 0.7.23 prints as Jensen-Shannon distance: Sturges' bins over both sides together. Its default threshold of .1 alarms on identical \
          columns of 50 categories in 81 to 100 % of the cases. To compare reports, not to decide by: js_distance is ours.",
    make: Make::Aggregate(|| make("evidently_jensenshannon", Accepts::Columns, |sides| Ok(Cell::Number(evidently::jensenshannon(&shares(sides)?))))),
    ..PARITY
};

pub(super) const HELLINGER: Function = Function {
    name: "evidently_hellinger",
    syntax: "evidently_hellinger(value, is_current) -> double",
    doc: "What Evidently 0.7.23 prints as Hellinger distance: of numbers in Sturges' bins over the distinct values. To compare reports, not to decide by: hellinger \
          is ours.",
    make: Make::Aggregate(|| make("evidently_hellinger", Accepts::Columns, hellinger)),
    ..PARITY
};

pub(super) const WASSERSTEIN: Function = Function {
    name: "evidently_wasserstein",
    syntax: "evidently_wasserstein(value, is_current) -> double",
    doc: "What Evidently 0.7.23 prints as normed Wasserstein distance: over the reference's standard deviation (n in the denominator), at least 0.001. To \
          compare reports, not to decide by: the effect of drift is ours.",
    make: Make::Aggregate(|| make("evidently_wasserstein", Accepts::Numbers, wasserstein)),
    ..PARITY
};

pub(super) const CHISQUARE: Function = Function {
    name: "evidently_chisquare",
    syntax: "evidently_chisquare(value, is_current) -> double",
    doc: "What Evidently 0.7.23 prints as chi-square p-value: it takes the reference for the truth and rejects identical data in 22 to 81 % of the cases; one \
          unseen category gives 0. To compare reports, not to decide by: chi2_p_value is ours.",
    make: Make::Aggregate(|| make("evidently_chisquare", Accepts::Columns, chisquare)),
    ..PARITY
};

pub(super) const MANN_WHITNEY: Function = Function {
    name: "evidently_mann_whitney",
    syntax: "evidently_mann_whitney(value, is_current) -> double",
    doc: "What Evidently 0.7.23 prints as Mann-Whitney p-value: one-sided, so that it never sees current values that are the smaller ones. To compare reports, \
          not to decide by: mann_whitney_p_value is ours.",
    make: Make::Aggregate(|| make("evidently_mann_whitney", Accepts::Numbers, mann_whitney)),
    ..PARITY
};

pub(super) const G_TEST: Function = Function {
    name: "evidently_g_test",
    syntax: "evidently_g_test(value, is_current) -> double",
    doc: "What Evidently 0.7.23 prints as G-test p-value: it takes the reference's counts, unscaled, for the truth; an error where the sides differ in size, 0 with \
          an unseen category, null with a single one. To compare reports, not to decide by: g_test_p_value is ours.",
    make: Make::Aggregate(|| make("evidently_g_test", Accepts::Columns, |sides| evidently::g_test(&pairs(sides)?).map(Cell::Number))),
    ..PARITY
};

pub(super) const Z_TEST: Function = Function {
    name: "evidently_z_test",
    syntax: "evidently_z_test(value, is_current) -> double",
    doc: "What Evidently 0.7.23 prints as z-test p-value: of the share of values other than the first one in order. To compare reports, not to decide by: \
          fisher_p_value is ours.",
    make: Make::Aggregate(|| make("evidently_z_test", Accepts::Columns, |sides| evidently::z_test(&pairs(sides)?).map(Cell::Number))),
    ..PARITY
};

/// What is said of all of them.
const PARITY: Function = Function {
    name: "",
    syntax: "",
    section: Section::Parity,
    doc: "",
    defaults: "",
    nulls: "Null and NaN are left out, as Evidently does; null where a side has no values. An infinite value in a histogram (for Hellinger always, else where the \
            reference has more than 20 different numbers) is an error, as it is there.",
    error: "Exact up to 1,000,000 values a side; above, rounded values stand for all of them (see Exactness). Above 100,000 categories it is an error.",
    make: Make::Aggregate(|| make("", Accepts::Numbers, |_| Ok(Cell::Number(f64::NAN)))),
};

fn make(name: &'static str, accepts: Accepts, compute: Compute) -> AggregateUDF {
    two_sample(name, accepts, DataType::Float64, compute)
}

fn shares(sides: &Sides) -> Result<Shares, Error> {
    match &sides.column {
        Column::Categories { .. } => evidently::shares_of_categories(&pairs(sides)?),
        _ => sides.numbers().and_then(|(reference, current)| evidently::shares(reference, current)),
    }
}

/// How often each value occurs on either side.
fn pairs(sides: &Sides) -> Result<Vec<(u64, u64)>, Error> {
    if let Column::Categories { named, .. } = &sides.column {
        return Ok(named.iter().map(|(_, [reference, current])| (*reference, *current)).collect());
    }
    let (reference, current) = sides.numbers()?;
    Ok(evidently::pairs(reference, current))
}

fn hellinger(sides: &Sides) -> Result<Cell, Error> {
    let found = match &sides.column {
        Column::Categories { .. } => evidently::hellinger_of(&shares(sides)?),
        _ => {
            let (reference, current) = sides.numbers()?;
            evidently::hellinger(reference, current)?
        }
    };
    Ok(Cell::Number(found))
}

fn wasserstein(sides: &Sides) -> Result<Cell, Error> {
    let (reference, current) = sides.numbers()?;
    evidently::wasserstein(reference, current).map(Cell::Number)
}

fn mann_whitney(sides: &Sides) -> Result<Cell, Error> {
    let (reference, current) = sides.numbers()?;
    evidently::mann_whitney(reference, current).map(Cell::Number)
}

fn chisquare(sides: &Sides) -> Result<Cell, Error> {
    evidently::chisquare(&pairs(sides)?).map(Cell::Number)
}
