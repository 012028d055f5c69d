//! `drift(value, is_current [, cluster])`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::AggregateUDF;
use measure::drift::bins::is_discrete;
use measure::drift::{Drift, drift, drift_categories, drift_categories_clustered, drift_clustered, drift_vectors};
use measure::{Error, Moments, Sorted};

use super::cell::{Cell, record};
use super::function::Make;
use super::two_sample::{Accepts, Column, Sides, two_sample};
use super::words::DEFAULTS_TEST;
use super::{Function, Section};

pub(super) const FUNCTION: Function = Function {
    name: "drift",
    syntax: "drift(value, is_current [, cluster]) -> struct(test, statistic, effect, p_value, n, n_unseen, exact, baseline, current)",
    section: Section::Drift,
    doc: "Whether and by how much a column drifted, by what fits it. Text, booleans and at most 10 distinct numbers in the reference: effect is the \
          Jensen-Shannon distance, p that of the homogeneity chi-square, by 9,999 drawn tables where an expected count is below 5, Fisher's for two \
          categories. Other numbers: effect is the Wasserstein distance in standard deviations of the reference, p that of Kolmogorov and \
          Smirnov. Lists of numbers (embeddings): effect and p are those of the maximum mean discrepancy by 256 random Fourier features of \
          direction and log length, p by permutation. From each effect what chance alone gives is taken off; 0.1 is a floor that suits \
          most columns. With a cluster (a session, a user) p and what chance gives come from dealing whole clusters out between the sides \
          9,999 times, fewer above 40,000 rows and never below 999. n counts the rows of both sides; n_unseen the current rows in categories that \
          the reference does not have, which are pooled for the effect (null where values are no categories); baseline and current are \
          struct(n, nulls, n_distinct, mean, sd, median, top) of what is compared, top the most frequent category.",
    defaults: DEFAULTS_TEST,
    nulls: "Null is a category; among many numbers it is left out and counted in the summaries. Infinite numbers count for p, not for \
            the effect. Lists with a null or infinite number are left out. Null where a side has no values.",
    error: "Exact up to 1,000,000 rows a side; above, rounded values or a sample of whole clusters stand for all (see Exactness), and the field exact is \
            false; above 1,024 rows or clusters a side lists are dealt out in 512 buckets (exact is false). Above 100,000 categories it is an \
            error.",
    make: Make::Aggregate(make),
};

fn make() -> AggregateUDF {
    let summary = record(&[
        ("n", DataType::Int64),
        ("nulls", DataType::Int64),
        ("n_distinct", DataType::Int64),
        ("mean", DataType::Float64),
        ("sd", DataType::Float64),
        ("median", DataType::Float64),
        ("top", DataType::Utf8View),
    ]);
    let returns = record(&[
        ("test", DataType::Utf8View),
        ("statistic", DataType::Float64),
        ("effect", DataType::Float64),
        ("p_value", DataType::Float64),
        ("n", DataType::Int64),
        ("n_unseen", DataType::Int64),
        ("exact", DataType::Boolean),
        ("baseline", summary.clone()),
        ("current", summary),
    ]);
    two_sample(FUNCTION.name, Accepts::Anything, returns, compute)
}

fn compute(sides: &Sides) -> Result<Cell, Error> {
    let found = found(sides)?;
    let [baseline, current] = summaries(&sides.column);
    Ok(Cell::Record(vec![
        Cell::Text(Some(found.test.to_owned())),
        Cell::Number(found.statistic),
        Cell::Number(found.effect),
        Cell::Number(found.p_value),
        Cell::Count(sides.n),
        n_unseen(&sides.column).map_or(Cell::Null, Cell::Count),
        Cell::Flag(sides.exact),
        baseline.cell(),
        current.cell(),
    ]))
}

fn found(sides: &Sides) -> Result<Drift, Error> {
    match (&sides.column, sides.rows()) {
        (Column::Vectors([reference, current]), _) => drift_vectors(reference, current),
        (Column::Categories { .. }, None) => Ok(drift_categories(&sides.counts()?)),
        (Column::Categories { .. }, Some((reference, current))) => drift_categories_clustered(reference, current, &sides.counts()?, sides.bin()?),
        (_, Some((reference, current))) => drift_clustered(reference, current),
        (_, None) => {
            let (reference, current) = sides.numbers()?;
            drift(reference, current)
        }
    }
}

/// Current rows in categories that the reference does not have; none where values are no categories.
fn n_unseen(column: &Column) -> Option<u64> {
    match column {
        Column::Categories { named, .. } => Some(named.iter().filter(|(_, [reference, _])| *reference == 0).map(|(_, [_, current])| current).sum()),
        Column::Numbers(sides) if is_discrete(&sides[0]) => {
            let is_unseen = |x: &f64| sides[0].runs().all(|(known, _)| known != *x);
            Some(sides[1].runs().filter(|(x, _)| is_unseen(x)).map(|(_, count)| count as u64).sum())
        }
        _ => None,
    }
}

/// What a person wants to know of one side.
#[derive(Debug)]
struct Summary {
    n: u64,
    nulls: u64,
    n_distinct: u64,
    mean: f64,
    sd: f64,
    median: f64,
    top: Option<String>,
}

impl Summary {
    fn cell(self) -> Cell {
        let counts = [self.n, self.nulls, self.n_distinct].map(Cell::Count);
        let numbers = [self.mean, self.sd, self.median].map(Cell::Number);
        Cell::Record(counts.into_iter().chain(numbers).chain([Cell::Text(self.top)]).collect())
    }
}

const NO_NUMBERS: Summary = Summary { n: 0, nulls: 0, n_distinct: 0, mean: f64::NAN, sd: f64::NAN, median: f64::NAN, top: None };

fn summaries(column: &Column) -> [Summary; 2] {
    match column {
        Column::Numbers(sides) => [of_numbers(&sides[0]), of_numbers(&sides[1])],
        Column::Categories { named, nulls } => [0, 1].map(|side| of_categories(named, nulls[side], side)),
        Column::Moments(sides) => sides.map(|side| Summary { n: side.n, mean: side.mean, sd: side.sd(), ..NO_NUMBERS }),
        Column::Vectors(sides) => sides.each_ref().map(|units| Summary { n: units.iter().map(|unit| unit.n).sum(), ..NO_NUMBERS }),
    }
}

fn of_numbers(side: &Sorted) -> Summary {
    let (moments, values) = (Moments::of(side.values()), side.values());
    let middle = values.len() / 2;
    let median = match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    };
    let mean = if values.is_empty() { f64::NAN } else { moments.mean };
    let n_distinct = side.runs().count() as u64;
    Summary { n: side.n_rows() as u64, nulls: side.nulls() as u64, n_distinct, mean, sd: moments.sd(), median, top: None }
}

fn of_categories(named: &[(String, [u64; 2])], nulls: u64, side: usize) -> Summary {
    let n = nulls + named.iter().map(|(_, counts)| counts[side]).sum::<u64>();
    let n_distinct = named.iter().filter(|(_, counts)| counts[side] > 0).count() as u64;
    // The first of several that are as frequent, by name.
    let top = named.iter().rev().filter(|(_, counts)| counts[side] > 0).max_by_key(|(_, counts)| counts[side]);
    Summary { n, nulls, n_distinct, top: top.map(|(name, _)| name.clone()), ..NO_NUMBERS }
}
