//! Batches of a SELECT, in whatever order they come, as one series.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use arrow::array::RecordBatch;
use schema::TraceId;
use twox_hash::XxHash3_128;

use super::columns::{Texts, column, times_of};
use super::value::{Incoming, Taken};
use super::{Clusters, Codes, Keys, Series, SeriesError, permuted};
use crate::rule::Rule;

/// Rows whose features are held, at some kilobyte each.
const VECTORS_MAX: usize = 200_000;

/// Text to codes, in the order of first sight.
#[derive(Default)]
pub(super) struct Names {
    seen: HashMap<String, u32>,
    pub names: Vec<String>,
}

impl Names {
    /// One name, with the code 0.
    fn of(name: &str) -> Self {
        let mut names = Self::default();
        names.code(name);
        names
    }

    pub fn code(&mut self, text: &str) -> u32 {
        if let Some(code) = self.seen.get(text) {
            return *code;
        }
        let code = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.seen.insert(text.to_owned(), code);
        self.names.push(text.to_owned());
        code
    }
}

/// Collects batches.
pub(super) struct Reader<'a> {
    rule: &'a Rule,
    times_wanted: Range<i64>,
    values: Taken,
    rows: Keys,
    missing: Keys,
    slice_names: Vec<Names>,
    cluster_names: Names,
    /// How many rows of a moment belong to no cluster.
    alone: HashMap<i64, u32>,
    group_names: Names,
    groups: Vec<u32>,
    traces: Option<Vec<TraceId>>,
}

/// The columns of a batch that the rule names.
struct Columns {
    times: Vec<Option<i64>>,
    value: Incoming,
    slices: Vec<Texts>,
    within: Vec<Texts>,
    cluster: Option<Texts>,
    trace: Option<Texts>,
    only: Vec<(Texts, String)>,
}

impl Columns {
    /// Reads the columns of rows that hold the first `n_known` of the values that the rule asks for.
    fn of(rule: &Rule, batch: &RecordBatch, n_known: usize) -> Result<Self, SeriesError> {
        let texts = |name: &String| column(batch, name).and_then(Texts::of);
        Ok(Self {
            times: times_of(column(batch, "time")?)?,
            value: Incoming::of(rule, batch)?,
            slices: rule.slices.iter().map(texts).collect::<Result<_, _>>()?,
            within: rule.within.iter().map(texts).collect::<Result<_, _>>()?,
            cluster: rule.cluster.as_ref().map(texts).transpose()?,
            trace: batch.column_by_name("trace_id").map(Texts::of).transpose()?,
            only: rule.only.iter().skip(n_known).map(|(name, value)| Ok((texts(name)?, value.clone()))).collect::<Result<_, SeriesError>>()?,
        })
    }

    fn is_wanted(&self, row: usize) -> bool {
        self.only.iter().all(|(texts, value)| texts.get(row).as_deref() == Some(value.as_str()))
    }
}

fn named(text: Option<Cow<'_, str>>) -> Cow<'_, str> {
    text.unwrap_or(Cow::Borrowed("(none)"))
}

impl<'a> Reader<'a> {
    /// Begins without rows; only those of `times_wanted` will be taken.
    pub fn new(rule: &'a Rule, times_wanted: Range<i64>) -> Self {
        let keys = || Keys { slices: vec![Vec::new(); rule.slices.len()], ..Keys::default() };
        Self {
            rule,
            times_wanted,
            values: Taken::Numbers(Vec::new()),
            rows: keys(),
            missing: keys(),
            slice_names: rule.slices.iter().map(|_| Names::default()).collect(),
            cluster_names: Names::default(),
            alone: HashMap::new(),
            group_names: if rule.within.is_empty() { Names::of("") } else { Names::default() },
            groups: Vec::new(),
            traces: None,
        }
    }

    /// Takes the rows of a batch, of which it is known that they hold the first `n_known` of the values that the rule asks for.
    pub fn push(&mut self, batch: &RecordBatch, n_known: usize) -> Result<(), SeriesError> {
        let columns = Columns::of(self.rule, batch, n_known)?;
        self.values.suit(&columns.value);
        if columns.trace.is_some() {
            self.traces.get_or_insert_default();
        }
        for row in 0..batch.num_rows() {
            let Some(time) = columns.times[row].filter(|time| self.times_wanted.contains(time)) else { continue };
            if columns.is_wanted(row) {
                self.push_row(&columns, row, time)?;
            }
        }
        Ok(())
    }

    fn push_row(&mut self, columns: &Columns, row: usize, time: i64) -> Result<(), SeriesError> {
        let has_value = self.values.take(self.rule, &columns.value, row)?;
        let cluster = columns.cluster.as_ref().map(|texts| self.cluster(texts.get(row), time));
        let side = if has_value { &mut self.rows } else { &mut self.missing };
        side.times.push(time);
        for ((slices, names), texts) in side.slices.iter_mut().zip(&mut self.slice_names).zip(&columns.slices) {
            slices.push(names.code(&named(texts.get(row))));
        }
        side.clusters.extend(cluster);
        if !has_value {
            return Ok(());
        }
        if matches!(self.values, Taken::Vectors(..)) && self.rows.times.len() > VECTORS_MAX {
            return Err(SeriesError::TooManyRows { rows_max: VECTORS_MAX });
        }
        let group = match columns.within.as_slice() {
            [] => 0,
            within => self.group_names.code(&within.iter().flat_map(|texts| [named(texts.get(row)), Cow::Borrowed("\u{1f}")]).collect::<String>()),
        };
        self.groups.push(group);
        if let (Some(traces), Some(texts)) = (&mut self.traces, &columns.trace) {
            traces.push(texts.get(row).and_then(|text| text.parse().ok()).unwrap_or_default());
        }
        Ok(())
    }

    /// The code of a cluster; a row that belongs to none stands for itself, under a name that is the same in every reading.
    fn cluster(&mut self, name: Option<Cow<'_, str>>, time: i64) -> u32 {
        match name {
            Some(name) => self.cluster_names.code(&name),
            None => {
                let count = self.alone.entry(time).or_default();
                *count += 1;
                self.cluster_names.code(&format!("\u{1f}{time}/{count}"))
            }
        }
    }

    /// Sorts by time; equal times by value and trace, so that two reads of the same rows add up in the same order.
    pub fn finish(self) -> Series {
        let Self { rows, missing, values, traces, .. } = self;
        let mut order = in_time(&rows.times);
        for same in order.chunk_by_mut(|a, b| rows.times[*a] == rows.times[*b]).filter(|same| same.len() > 1) {
            same.sort_by(|a, b| {
                let by_trace = || traces.as_ref().map_or(std::cmp::Ordering::Equal, |traces| traces[*a].cmp(&traces[*b]));
                values.number(*a).total_cmp(&values.number(*b)).then_with(by_trace)
            });
        }
        let slices = self.slice_names.into_iter().zip(&rows.slices);
        Series {
            times: permuted(&rows.times, &order),
            values: values.in_order(&order),
            slices: slices.map(|(names, codes)| Codes { codes: permuted(codes, &order), names: names.names }).collect(),
            groups: Codes { codes: permuted(&self.groups, &order), names: self.group_names.names },
            clusters: Clusters {
                codes: if rows.clusters.is_empty() { Vec::new() } else { permuted(&rows.clusters, &order) },
                ids: self.cluster_names.names.iter().map(|name| hash(name)).collect(),
            },
            traces: traces.map(|traces| permuted(&traces, &order)).unwrap_or_default(),
            missing: sorted(&missing),
            rate: 1.0,
        }
    }
}

/// Returns the rows in the order of their times; those of one time as they came. Batches are in order as they are, nearly always.
fn in_time(times: &[i64]) -> Vec<usize> {
    let mut rows: Vec<(i64, usize)> = times.iter().copied().zip(0..).collect();
    rows.sort_by_key(|(time, _)| *time);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn sorted(missing: &Keys) -> Keys {
    let order = in_time(&missing.times);
    Keys {
        times: permuted(&missing.times, &order),
        slices: missing.slices.iter().map(|codes| permuted(codes, &order)).collect(),
        clusters: if missing.clusters.is_empty() { Vec::new() } else { permuted(&missing.clusters, &order) },
    }
}

/// The hash of a cluster's name, evenly spread, the same on every machine.
#[expect(clippy::cast_possible_truncation, reason = "half of the bits are enough")]
fn hash(name: &str) -> u64 {
    XxHash3_128::oneshot(name.as_bytes()) as u64
}
