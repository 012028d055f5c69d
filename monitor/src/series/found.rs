//! What a SELECT found: read once for all monitors that ask the same, and no more of it than may be held.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use parking_lot::Mutex;
use schema::{Micros, Tenant};
use serde::Deserialize;
use store::{Answer, Param, QueryOptions, Store};

use super::SeriesError;
use super::portions::Portions;
use crate::config::Limits;

/// Share of the bound that a sample is meant to fill: traces are of different sizes.
const FILL: f64 = 0.8;

const SERIES: &str = include_str!("../series.sql");

/// What to do with more rows than may be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excess {
    /// Refuse: a shorter stretch may fit as it is.
    Refuse,
    /// Take a sample of the traces.
    Sample,
}

/// The rows of a SELECT over a stretch of time, or a sample of its traces.
#[derive(Debug, Default)]
pub(crate) struct Found {
    batches: Vec<RecordBatch>,
    /// Share of the traces that were read.
    pub rate: f64,
    /// By column; made when a monitor first asks for one value of it.
    portions: Mutex<HashMap<String, Arc<Portions>>>,
}

impl Found {
    /// Runs the SELECT over `start..end`.
    ///
    /// More rows than `rows_max` are sampled by trace, the same traces in every SELECT, where the SELECT gives `trace_id`; elsewhere they are an error.
    pub async fn read(
        store: &Store,
        tenant: &Tenant,
        select: &str,
        (start, end): (Micros, Micros),
        limits: &Limits,
        excess: Excess,
    ) -> Result<Self, SeriesError> {
        let reading = Reading { store, tenant, select, start, end, limits };
        let rows_max = limits.rows_max as f64;
        // Counting takes a fraction of the reading, and is left out where no table holds so many rows.
        let counted = if reading.may_find_too_many() { Some(reading.count().await?) } else { None };
        if counted.is_none_or(|n_rows| n_rows <= rows_max) {
            let answer = reading.run(SERIES, None).await?;
            if !answer.truncated {
                return Ok(Self::of(&answer, 1.0));
            }
        }
        if excess == Excess::Refuse || !reading.gives_traces().await? {
            return Err(SeriesError::TooManyRows { rows_max: limits.rows_max });
        }
        let n_rows = match counted {
            Some(n_rows) => n_rows,
            None => reading.count().await?,
        };
        let rate = (FILL * rows_max / n_rows.max(1.0)).min(1.0);
        let answer = reading.run(include_str!("sampled.sql"), Some(rate)).await?;
        if answer.truncated {
            return Err(SeriesError::TooManyRows { rows_max: limits.rows_max });
        }
        Ok(Self::of(&answer, rate))
    }

    /// The rows that may hold all of the values that `only` asks for: those with the first of them, where it asks for any.
    pub fn about(&self, only: &BTreeMap<String, String>) -> Result<Cow<'_, [RecordBatch]>, SeriesError> {
        let Some((name, value)) = only.first_key_value() else { return Ok(Cow::Borrowed(&self.batches)) };
        Ok(Cow::Owned(self.portions(name)?.with(value, &self.batches)?))
    }

    fn portions(&self, name: &str) -> Result<Arc<Portions>, SeriesError> {
        let mut made = self.portions.lock();
        if let Some(portions) = made.get(name) {
            return Ok(portions.clone());
        }
        let portions = Arc::new(Portions::of(&self.batches, name)?);
        made.insert(name.to_owned(), portions.clone());
        Ok(portions)
    }

    fn of(answer: &Answer, rate: f64) -> Self {
        // Columns are checked even where there are no rows.
        let empty = RecordBatch::new_empty(answer.schema.clone());
        let batches = std::iter::once(empty).chain(answer.batches.iter().cloned()).collect();
        Self { batches, rate, ..Self::default() }
    }
}

struct Reading<'a> {
    store: &'a Store,
    tenant: &'a Tenant,
    select: &'a str,
    start: Micros,
    end: Micros,
    limits: &'a Limits,
}

impl Reading<'_> {
    async fn run(&self, sql: &str, rate: Option<f64>) -> Result<Answer, SeriesError> {
        let mut params = vec![("start".to_owned(), Param::Time(self.start)), ("end".to_owned(), Param::Time(self.end))];
        params.extend(rate.map(|rate| ("sample".to_owned(), Param::Text(sample(rate)))));
        let options = QueryOptions { params, max_rows: self.limits.rows_max, deadline: Duration::from_secs(self.limits.query_seconds) };
        let answer = self.store.query(self.tenant, &sql.replace("{select}", self.select), &options).await;
        Ok(answer.map_err(Box::new)?)
    }

    /// Tells whether a table holds more rows than may be held here.
    fn may_find_too_many(&self) -> bool {
        let status = self.store.status().for_tenant(self.tenant);
        status.tables.iter().any(|table| table.rows > self.limits.rows_max as u64)
    }

    /// Tells whether the SELECT gives the trace of each row.
    async fn gives_traces(&self) -> Result<bool, SeriesError> {
        let answer = self.run(&format!("{SERIES}\nlimit 0"), None).await?;
        Ok(answer.schema.column_with_name("trace_id").is_some())
    }

    async fn count(&self) -> Result<f64, SeriesError> {
        #[derive(Deserialize)]
        struct Count {
            n: f64,
        }
        let rows: Vec<Count> = self.run(include_str!("count.sql"), None).await?.rows().map_err(Box::new)?;
        Ok(rows.first().map_or(0.0, |count| count.n))
    }
}

/// The text that the last eight hex digits of a sampled trace's id sort before; trace ids are random there.
#[expect(clippy::cast_possible_truncation, reason = "between 0 and 2^32 - 1")]
fn sample(rate: f64) -> String {
    format!("{:08x}", (rate.clamp(0.0, 1.0) * f64::from(u32::MAX)) as u32)
}
