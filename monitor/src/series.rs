//! The rows of a monitor's SELECT in memory: sorted by time, text as codes, so that every window of a walk is a range.

mod columns;
mod found;
mod portions;

use std::collections::HashMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type};
use schema::{Micros, TraceId};
use store::Store;

use self::columns::{Texts, column, times_of};
pub(crate) use self::found::{Excess, Found};
use crate::config::Limits;
use crate::detectors::Detector;
use crate::rule::{Rule, Scale};

/// Why the rows of a monitor's SELECT cannot be watched, in words for its author.
#[derive(Debug, thiserror::Error)]
pub enum SeriesError {
    /// The SELECT failed.
    #[error("select failed: {0}")]
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
}

/// What was observed: numbers in the rule's scale (their logarithms under `scale: log`), or categories.
#[derive(Debug, Clone)]
pub(crate) enum Values {
    Numbers(Vec<f64>),
    Categories(Codes),
}

/// A text column as codes, and what each stands for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Codes {
    pub codes: Vec<u32>,
    pub names: Vec<String>,
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
    pub(crate) clusters: Codes,
    /// Trace of each row; empty where the SELECT gives none.
    pub(crate) traces: Vec<TraceId>,
    /// Times of the rows that have no value, sorted.
    pub(crate) missing: Vec<i64>,
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
        let mut reader = Reader::new(rule);
        reader.times_wanted = start.0..end.0;
        for batch in found.about(&rule.only)?.iter() {
            reader.push(batch)?;
        }
        Ok(Series { rate: found.rate, ..reader.finish() })
    }

    /// Takes rows that are in memory already: `time`, `value` and the columns that the rule names.
    pub fn of(rule: &Rule, batches: &[RecordBatch]) -> Result<Self, SeriesError> {
        let mut reader = Reader::new(rule);
        for batch in batches {
            reader.push(batch)?;
        }
        Ok(reader.finish())
    }

    /// Rows of the half-open time range, as a range of indices.
    pub(crate) fn range(&self, start: i64, end: i64) -> std::ops::Range<usize> {
        let first = self.times.partition_point(|time| *time < start);
        let last = self.times.partition_point(|time| *time < end);
        first..last.max(first)
    }

    /// Share of the rows of a range that have a value; nothing where there are no rows.
    pub(crate) fn coverage(&self, start: i64, end: i64) -> Option<f64> {
        let missing = self.missing.partition_point(|time| *time < end) - self.missing.partition_point(|time| *time < start);
        let seen = self.range(start, end).len();
        (seen + missing > 0).then(|| seen as f64 / (seen + missing) as f64)
    }

    /// Whether rows belong to clusters.
    pub(crate) fn has_clusters(&self) -> bool {
        !self.clusters.codes.is_empty()
    }

    /// Returns the value of a row as a number, in the rule's scale; categories have none.
    pub(crate) fn number(&self, row: usize) -> f64 {
        match &self.values {
            Values::Numbers(numbers) => numbers[row],
            Values::Categories(_) => f64::NAN,
        }
    }
}

/// Collects batches in whatever order they come.
struct Reader<'a> {
    rule: &'a Rule,
    times_wanted: std::ops::Range<i64>,
    times: Vec<i64>,
    numbers: Vec<f64>,
    categories: Option<Interned>,
    slices: Vec<Interned>,
    groups: Interned,
    clusters: Option<Interned>,
    traces: Option<Vec<TraceId>>,
    missing: Vec<i64>,
}

/// Text to codes, in the order of first sight.
#[derive(Default)]
struct Interned {
    seen: HashMap<String, u32>,
    column: Codes,
}

impl Interned {
    fn push(&mut self, text: &str) {
        let code = match self.seen.get(text) {
            Some(code) => *code,
            None => {
                let code = u32::try_from(self.column.names.len()).unwrap_or(u32::MAX);
                self.seen.insert(text.to_owned(), code);
                self.column.names.push(text.to_owned());
                code
            }
        };
        self.column.codes.push(code);
    }
}

impl<'a> Reader<'a> {
    fn new(rule: &'a Rule) -> Self {
        Self {
            rule,
            times_wanted: i64::MIN..i64::MAX,
            times: Vec::new(),
            numbers: Vec::new(),
            categories: None,
            slices: rule.slices.iter().map(|_| Interned::default()).collect(),
            groups: Interned::default(),
            clusters: rule.cluster.as_ref().map(|_| Interned::default()),
            traces: None,
            missing: Vec::new(),
        }
    }

    fn push(&mut self, batch: &RecordBatch) -> Result<(), SeriesError> {
        let times = times_of(column(batch, "time")?)?;
        let value = self.value_column(batch)?;
        let texts = |name: &String| column(batch, name).and_then(Texts::of);
        let slices = self.rule.slices.iter().map(texts).collect::<Result<Vec<_>, _>>()?;
        let within = self.rule.within.iter().map(texts).collect::<Result<Vec<_>, _>>()?;
        let cluster = self.rule.cluster.as_ref().map(texts).transpose()?;
        let trace = batch.column_by_name("trace_id").map(Texts::of).transpose()?;
        let only = self.rule.only.iter().map(|(name, value)| Ok((texts(name)?, value))).collect::<Result<Vec<_>, SeriesError>>()?;
        if trace.is_some() {
            self.traces.get_or_insert_default();
        }
        if matches!(value, Value::Text(_)) {
            self.categories.get_or_insert_default();
        }
        let mut group = String::new();
        for (row, time) in times.iter().enumerate() {
            let Some(time) = time.filter(|time| self.times_wanted.contains(time)) else { continue };
            if !only.iter().all(|(texts, value)| texts.get(row).as_deref() == Some(value.as_str())) {
                continue;
            }
            match &value {
                Value::Rows => self.numbers.push(1.0),
                Value::Numbers(numbers) => match numbers[row].filter(|number| !number.is_nan()).map(|number| self.in_scale(number)) {
                    Some(number) if number.is_finite() => self.numbers.push(number),
                    Some(_) => continue,
                    None => {
                        self.missing.push(time);
                        continue;
                    }
                },
                Value::Text(texts) => match (&mut self.categories, texts.get(row)) {
                    (Some(categories), Some(text)) => categories.push(&text),
                    _ => {
                        self.missing.push(time);
                        continue;
                    }
                },
            }
            self.times.push(time);
            for (slice, texts) in self.slices.iter_mut().zip(&slices) {
                slice.push(texts.get(row).as_deref().unwrap_or("(none)"));
            }
            group.clear();
            for texts in &within {
                group.push_str(texts.get(row).as_deref().unwrap_or("(none)"));
                group.push('\u{1f}');
            }
            self.groups.push(&group);
            if let (Some(clusters), Some(texts)) = (&mut self.clusters, &cluster) {
                // A row that belongs to no session stands for itself.
                match texts.get(row) {
                    Some(text) => clusters.push(&text),
                    None => clusters.push(&format!("\u{1f}{}", self.times.len())),
                }
            }
            if let (Some(traces), Some(texts)) = (&mut self.traces, &trace) {
                traces.push(texts.get(row).and_then(|text| text.parse().ok()).unwrap_or_default());
            }
        }
        Ok(())
    }

    /// The number as it is compared; on the scale of ratios, what is not above zero has no place and is left out.
    fn in_scale(&self, number: f64) -> f64 {
        match self.rule.scale {
            Scale::Linear => number,
            Scale::Log => number.ln(),
        }
    }

    fn value_column(&self, batch: &RecordBatch) -> Result<Value, SeriesError> {
        let array = match batch.column_by_name("value") {
            Some(array) => array,
            None if self.rule.watch == Detector::Silence => return Ok(Value::Rows),
            None => column(batch, "value")?,
        };
        if self.rule.watch == Detector::Silence {
            return Ok(Value::Rows);
        }
        let is_text = matches!(array.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..));
        if is_text && self.rule.watch == Detector::Drift {
            return Ok(Value::Text(Texts::of(array)?));
        }
        let wrong = || SeriesError::WrongType { column: "value", found: array.data_type().to_string(), wanted: "a number or a boolean" };
        if is_text || !(array.data_type().is_numeric() || matches!(array.data_type(), DataType::Boolean | DataType::Null)) {
            return Err(wrong());
        }
        let numbers = arrow::compute::cast(array, &DataType::Float64).map_err(|_| wrong())?;
        Ok(Value::Numbers(numbers.as_primitive::<Float64Type>().iter().collect()))
    }

    /// Sorts by time; equal times by value and trace, so that two reads of the same rows add up in the same order.
    fn finish(mut self) -> Series {
        self.missing.sort_unstable();
        let mut order: Vec<usize> = (0..self.times.len()).collect();
        order.sort_by(|a, b| {
            let by_value = || self.numbers.get(*a).copied().unwrap_or(0.0).total_cmp(&self.numbers.get(*b).copied().unwrap_or(0.0));
            let by_trace = || self.traces.as_ref().map_or(std::cmp::Ordering::Equal, |traces| traces[*a].cmp(&traces[*b]));
            self.times[*a].cmp(&self.times[*b]).then_with(by_value).then_with(by_trace)
        });
        let codes = |column: Codes| Codes { codes: permuted(&column.codes, &order), names: column.names };
        Series {
            times: permuted(&self.times, &order),
            values: match self.categories {
                Some(categories) => Values::Categories(codes(categories.column)),
                None => Values::Numbers(permuted(&self.numbers, &order)),
            },
            slices: self.slices.into_iter().map(|slice| codes(slice.column)).collect(),
            groups: codes(self.groups.column),
            clusters: self.clusters.map(|clusters| codes(clusters.column)).unwrap_or_default(),
            traces: self.traces.map(|traces| permuted(&traces, &order)).unwrap_or_default(),
            missing: self.missing,
            rate: 1.0,
        }
    }
}

enum Value {
    Rows,
    Numbers(Vec<Option<f64>>),
    Text(Texts),
}

fn permuted<T: Copy>(column: &[T], order: &[usize]) -> Vec<T> {
    order.iter().map(|row| column[*row]).collect()
}
