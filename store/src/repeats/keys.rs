//! The narrow look at spans: the columns that tell whether two rows are one span, and which was sent last.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use datafusion::catalog::Session;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::{TableProvider, provider_as_source};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::logical_expr::expr::BinaryExpr;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, Operator, col};
use datafusion::physical_plan::execute_stream_partitioned;
use futures::TryStreamExt;
use tokio::task::JoinSet;

use super::hashes::{SpanHash, repeated};
use super::repeated::{Identity, Repeated, Sendings, hash_of};
use crate::provider::StoreTable;
use crate::snapshot::{Bloom, DataFile};

/// The columns that tell whether two rows are one span, and which of them was sent last.
pub(crate) const KEY: [&str; 3] = ["trace_id", "span_id", "ingested_at"];
/// What the table of spans is called in the look for repeated ones.
pub(crate) const TABLE: &str = "spans";

/// Hashes of spans that may have been sent more than once.
pub(super) type Suspects = HashSet<SpanHash, Identity>;

/// Of a file whose filter over trace ids is not in memory, one row in so many is read for a trace, about.
const FILTERED: u64 = 64;

/// What tells two rows apart, or not.
#[derive(Debug)]
pub(super) struct Row {
    pub trace_id: Box<str>,
    pub span_id: Box<str>,
    pub ingested_at: i64,
}

/// The rows of a table that a filter lets through, key columns alone.
pub(crate) struct Keys<'a> {
    pub table: Arc<StoreTable>,
    pub filter: Option<Expr>,
    pub state: &'a dyn Session,
}

impl Keys<'_> {
    /// Returns how many rows must be read, about. A file opens few of its rows to who names traces, by the filters inside it.
    pub(super) fn rows_to_read(&self) -> Result<u64> {
        let names_traces = self.filter.iter().flat_map(split_conjunction).any(names_traces);
        let rows_of = |file: &Arc<DataFile>| if names_traces && file.ids.is_none() { file.rows.div_ceil(FILTERED) } else { file.rows };
        Ok(self.table.files_to_read(self.filter.as_ref(), self.state)?.iter().map(rows_of).sum())
    }

    /// Finds what was sent more than once among these rows, in two passes, of which the second is only needed where the first finds
    /// something.
    pub(crate) async fn repeated(&self) -> Result<Repeated> {
        let memory = MemoryConsumer::new("latest_spans").register(&self.state.runtime_env().memory_pool);
        memory.try_grow(usize::try_from(self.rows_to_read()?).unwrap_or(usize::MAX).saturating_mul(size_of::<SpanHash>()))?;
        let mut hashes = self.hashes().await?;
        memory.try_resize(hashes.capacity() * size_of::<SpanHash>())?;
        hashes.sort_unstable();
        let suspects: Suspects = repeated(&hashes).into_iter().collect();
        drop((hashes, memory));
        let mut sent = Sendings::default();
        if !suspects.is_empty() {
            self.rows_of(&Arc::new(suspects)).await?.iter().for_each(|row| sent.add(&row.trace_id, &row.span_id, row.ingested_at));
        }
        Ok(Repeated::new(Arc::new(sent)))
    }

    /// Returns the hash of every row.
    pub(super) async fn hashes(&self) -> Result<Vec<SpanHash>> {
        let hash = |batch: &RecordBatch, hashes: &mut Vec<SpanHash>| {
            let (trace_ids, span_ids) = (batch.column(0).as_string_view(), batch.column(1).as_string_view());
            hashes.extend((0..batch.num_rows()).map(|row| hash_of(trace_ids.value(row), span_ids.value(row))));
        };
        self.collect(&KEY[..2], hash).await
    }

    /// Returns the rows with these hashes.
    pub(super) async fn rows_of(&self, suspects: &Arc<Suspects>) -> Result<Vec<Row>> {
        let suspects = Arc::clone(suspects);
        let pick = move |batch: &RecordBatch, rows: &mut Vec<Row>| {
            rows.extend(rows_in(batch).filter(|(hash, _)| suspects.contains(hash)).map(|(_, row)| row.into()))
        };
        self.collect(&KEY, pick).await
    }

    /// Reads the columns, as many parts at the same time as there are threads.
    async fn collect<T: Send + 'static>(
        &self,
        columns: &[&str],
        read: impl Fn(&RecordBatch, &mut Vec<T>) + Clone + Send + 'static,
    ) -> Result<Vec<T>> {
        let table = Arc::clone(&self.table) as Arc<dyn TableProvider>;
        let mut builder = LogicalPlanBuilder::scan(TABLE, provider_as_source(table), None)?;
        if let Some(filter) = &self.filter {
            builder = builder.filter(filter.clone())?;
        }
        let plan = builder.project(columns.iter().copied().map(col))?.build()?;
        let mut parts = JoinSet::new();
        for mut part in execute_stream_partitioned(self.state.create_physical_plan(&plan).await?, self.state.task_ctx())? {
            let read = read.clone();
            parts.spawn(async move {
                let mut found = Vec::new();
                while let Some(batch) = part.try_next().await? {
                    read(&batch, &mut found);
                }
                Ok::<_, DataFusionError>(found)
            });
        }
        let mut all = Vec::new();
        while let Some(part) = parts.join_next().await {
            all.append(&mut part.map_err(|error| DataFusionError::External(Box::new(error)))??);
        }
        Ok(all)
    }
}

/// Tells whether a condition is that the trace is one of some.
fn names_traces(filter: &Expr) -> bool {
    let is_id = |expr: &Expr| matches!(expr, Expr::Column(column) if column.name == Bloom::COLUMN);
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => is_id(left) || is_id(right),
        Expr::InList(list) => !list.negated && is_id(&list.expr),
        _ => false,
    }
}

/// The ids and the time of a row, where they lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowRef<'a> {
    pub trace_id: &'a str,
    pub span_id: &'a str,
    pub ingested_at: i64,
}

impl From<RowRef<'_>> for Row {
    fn from(row: RowRef<'_>) -> Row {
        Row { trace_id: row.trace_id.into(), span_id: row.span_id.into(), ingested_at: row.ingested_at }
    }
}

/// Walks over the rows of a batch that has the key columns, with their hashes.
pub(super) fn rows_in(batch: &RecordBatch) -> impl Iterator<Item = (SpanHash, RowRef<'_>)> {
    let columns = KEY.map(|name| batch.column_by_name(name));
    let texts = |index: usize| columns[index].and_then(|column| column.as_string_view_opt());
    let times = columns[2].and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    let columns = texts(0).zip(texts(1)).zip(times);
    columns.into_iter().flat_map(|((trace_ids, span_ids), times)| {
        (0..times.len()).map(move |row| {
            let (trace_id, span_id) = (trace_ids.value(row), span_ids.value(row));
            (hash_of(trace_id, span_id), RowRef { trace_id, span_id, ingested_at: times.value(row) })
        })
    })
}
