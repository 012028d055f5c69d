//! The rows of a monitor's SELECT in memory: sorted by time, text as codes, so that every window of a walk is a range.

mod columns;
mod found;
mod portions;
mod reader;
mod value;

use arrow::array::RecordBatch;
use schema::{Micros, TraceId};
use store::Store;

pub(crate) use self::found::{Excess, Found};
use self::reader::Reader;
use crate::config::Limits;
use crate::rule::Rule;

/// Why the rows of a monitor's SELECT cannot be watched, in words for its author.
#[derive(Debug, thiserror::Error)]
pub enum SeriesError {
    /// The SELECT failed.
    #[error("select failed: {}", of_select(.0))]
    Query(#[from] Box<store::Error>),
    /// What the SELECT found cannot be taken apart.
    #[error("rows of the select cannot be told apart: {0}")]
    Rows(#[from] arrow::error::ArrowError),
    /// A column that the monitor names is missing.
    #[error("select gives no column {column:?}; it gives {found}")]
    MissingColumn {
        /// The column.
        column: String,
        /// The columns that there are.
        found: String,
    },
    /// A column is of a type that cannot be watched.
    #[error("column {column:?} is {found}; it must be {wanted}")]
    WrongType {
        /// The column.
        column: &'static str,
        /// Its type.
        found: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// The window and its baseline hold more rows than may be held in memory.
    #[error("select gives more than {rows_max} rows for one window and its baseline; aggregate in it, or raise monitor.limits.rows_max")]
    TooManyRows {
        /// The bound.
        rows_max: usize,
    },
    /// Lists of several lengths: embeddings of two models.
    #[error("value holds lists of {first} and of {second} numbers, which cannot be compared; name the model in the select's where")]
    Lengths {
        /// The length that was seen first.
        first: usize,
        /// Another one.
        second: usize,
    },
}

/// Lines that `series.sql` has before the SELECT.
const LINES_BEFORE: usize = 2;

/// What the store says of the SELECT, by the SELECT's own lines.
fn of_select(error: &store::Error) -> String {
    const PLACE: &str = ", at line ";
    let text = error.to_string();
    let placed = text.split_once(PLACE).and_then(|(said, place)| {
        let (line, rest) = place.split_once(',')?;
        let line = line.parse::<usize>().ok()?.checked_sub(LINES_BEFORE).filter(|line| *line > 0)?;
        Some(format!("{said}{PLACE}{line},{rest}"))
    });
    placed.unwrap_or(text)
}

/// What was observed.
#[derive(Debug, Clone)]
pub(crate) enum Values {
    /// In the rule's scale: their logarithms under `scale: log`.
    Numbers(Vec<f64>),
    Categories(Codes),
    /// The random Fourier features of lists of numbers, `N_FEATURES` a row.
    Vectors(Vec<f32>),
}

/// A text column as codes, and what each stands for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Codes {
    pub codes: Vec<u32>,
    pub names: Vec<String>,
}

/// What rows belong together by, such as their session.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clusters {
    /// The cluster of each row, as a place in `ids`.
    pub codes: Vec<u32>,
    /// What stands for each cluster: the hash of its name, the same in every reading.
    pub ids: Vec<u64>,
}

impl Clusters {
    /// The id of the cluster of a row.
    pub fn id(&self, row: usize) -> u64 {
        self.ids[self.codes[row] as usize]
    }
}

/// When rows were, and what they are of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys {
    pub times: Vec<i64>,
    /// One column a slice column of the rule, in the codes of `Series::slices`.
    pub slices: Vec<Vec<u32>>,
    /// In the codes of `Series::clusters`; empty where each row stands for itself.
    pub clusters: Vec<u32>,
}

impl Keys {
    /// Rows of the half-open time range, as a range of indices.
    pub fn range(&self, start: i64, end: i64) -> std::ops::Range<usize> {
        between(&self.times, start, end)
    }
}

/// Observations sorted by time; row `i` of every column is the same observation.
#[derive(Debug, Clone)]
pub struct Series {
    pub(crate) times: Vec<i64>,
    pub(crate) values: Values,
    /// One column a slice column of the rule.
    pub(crate) slices: Vec<Codes>,
    /// The combination of the rule's `within` columns.
    pub(crate) groups: Codes,
    /// The rule's cluster column; empty where each row stands for itself.
    pub(crate) clusters: Clusters,
    /// Trace of each row; empty where the SELECT gives none.
    pub(crate) traces: Vec<TraceId>,
    /// The rows that have no value, sorted by time: null, NaN, infinite, and what is not above zero on the scale of ratios.
    pub(crate) missing: Keys,
    /// Share of the traces that were read; 1 unless there were too many.
    pub(crate) rate: f64,
}

impl Series {
    /// Runs the rule's SELECT over `start..end`.
    pub async fn read(store: &Store, tenant: &schema::Tenant, rule: &Rule, start: Micros, end: Micros, limits: &Limits) -> Result<Self, SeriesError> {
        let found = Found::read(store, tenant, &rule.select, (start, end), limits, Excess::Sample).await?;
        Self::among(rule, &found, start, end)
    }

    /// Takes those rows of what a SELECT found that lie in `start..end` and that the rule is about.
    pub(crate) fn among(rule: &Rule, found: &Found, start: Micros, end: Micros) -> Result<Self, SeriesError> {
        let mut reader = Reader::new(rule, start.0..end.0);
        for batch in found.about(&rule.only)?.iter() {
            reader.push(batch, 1)?;
        }
        Ok(Series { rate: found.rate, ..reader.finish() })
    }

    /// Takes rows that are in memory already: `time`, `value` and the columns that the rule names.
    pub fn of(rule: &Rule, batches: &[RecordBatch]) -> Result<Self, SeriesError> {
        let mut reader = Reader::new(rule, i64::MIN..i64::MAX);
        for batch in batches {
            reader.push(batch, 0)?;
        }
        Ok(reader.finish())
    }

    /// Rows of the half-open time range, as a range of indices.
    pub(crate) fn range(&self, start: i64, end: i64) -> std::ops::Range<usize> {
        between(&self.times, start, end)
    }

    /// Whether rows belong to clusters.
    pub(crate) fn has_clusters(&self) -> bool {
        !self.clusters.codes.is_empty()
    }

    /// Returns the value of a row as a number, in the rule's scale; categories and lists have none.
    pub(crate) fn number(&self, row: usize) -> f64 {
        match &self.values {
            Values::Numbers(numbers) => numbers[row],
            Values::Categories(_) | Values::Vectors(_) => f64::NAN,
        }
    }
}

/// Where sorted times lie in the half-open range.
fn between(times: &[i64], start: i64, end: i64) -> std::ops::Range<usize> {
    let first = times.partition_point(|time| *time < start);
    let last = times.partition_point(|time| *time < end);
    first..last.max(first)
}

fn permuted<T: Copy>(column: &[T], order: &[usize]) -> Vec<T> {
    order.iter().map(|row| column[*row]).collect()
}
