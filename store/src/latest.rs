//! `latest_spans`: every span once, as it was sent last. The views are made of it; queries see only the views.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{Constraint, Constraints, Result};
use datafusion::datasource::{TableProvider, TableType};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_expr::expressions::Column as PhysicalColumn;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::union::UnionExec;
use schema::Micros;

use crate::is_latest::IsLatest;
use crate::provider::StoreTable;
use crate::range::Range;
use crate::repeats::{KEY, Keys, Repeated, TABLE};

/// Repeated spans up to which the files are told apart that can hold rows of them.
const FEW: usize = 100;

/// The spans of one tenant at one moment, each once.
///
/// Spans that were sent again are rare, and which ones they are is known between queries (see `repeats`). Where there are none,
/// which is nearly always, the rows are read as they are; else those that a later row replaces are filtered out.
///
/// A row that replaces another hides it wherever in time it lies. Only a query that looks by itself, because that is quicker for
/// it, looks no further than the reach around what it asks for.
#[derive(Debug)]
pub(crate) struct LatestSpans {
    spans: Arc<StoreTable>,
    /// Trace and span id together are in one row at most; a plan can leave out a join that only looks for it.
    unique: Constraints,
    /// How far apart in time two rows of one span may lie where a query looks for them by itself.
    reach: Micros,
    found: tokio::sync::Mutex<Found>,
}

/// What this query has found.
#[derive(Debug, Default)]
struct Found {
    /// In the whole table.
    whole: Option<Arc<Repeated>>,
    /// By the filter that it was looked for with.
    parts: HashMap<String, Arc<Repeated>>,
}

impl LatestSpans {
    /// Makes the table of `spans`, whose repetitions are looked for as far as `reach` around a range of time.
    pub(crate) fn new(spans: Arc<StoreTable>, reach: Micros) -> Self {
        let schema = spans.schema();
        let key = KEY[..2].iter().filter_map(|column| schema.index_of(column).ok()).collect();
        let unique = Constraints::new_unverified(vec![Constraint::PrimaryKey(key)]);
        Self { spans, unique, reach, found: tokio::sync::Mutex::default() }
    }

    /// Finds the spans that were sent more than once among those that `filters` may concern, and maybe others.
    async fn repeated(&self, state: &dyn Session, filters: &[Expr]) -> Result<Arc<Repeated>> {
        let filter = Range::of(filters).widened(self.reach).on(self.spans.table(), &TABLE.into());
        let name = filter.as_ref().map(ToString::to_string).unwrap_or_default();
        let mut found = self.found.lock().await;
        if let Some(known) = found.whole.as_ref().or_else(|| found.parts.get(&name)) {
            return Ok(Arc::clone(known));
        }
        let look = Keys { table: Arc::clone(&self.spans), filter, state };
        if let Some(whole) = self.spans.snapshot().repeats.of(&look).await? {
            return Ok(Arc::clone(found.whole.insert(Arc::new(whole))));
        }
        let part = Arc::new(look.repeated().await?);
        found.parts.insert(name, Arc::clone(&part));
        Ok(part)
    }

    /// Plans the reading of `wanted` columns of a table without the rows that a later one replaces.
    async fn scan_latest(
        &self,
        spans: &StoreTable,
        repeated: Arc<Repeated>,
        wanted: &[usize],
        state: &dyn Session,
        filters: &[Expr],
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = self.schema();
        let mut read = wanted.to_vec();
        for column in KEY {
            let index = schema.index_of(column)?;
            if !read.contains(&index) {
                read.push(index);
            }
        }
        let rows = spans.scan(state, Some(&read), filters, None).await?;
        let is_latest = IsLatest::new(repeated).over(&rows.schema(), state)?;
        let rows = Arc::new(FilterExec::try_new(is_latest, rows)?);
        let columns = (0..wanted.len()).map(|index| {
            let name = rows.schema().field(index).name().clone();
            ProjectionExpr { expr: Arc::new(PhysicalColumn::new(&name, index)), alias: name }
        });
        let columns = columns.collect::<Vec<_>>();
        Ok(Arc::new(ProjectionExec::try_new(columns, rows)?))
    }
}

#[async_trait]
impl TableProvider for LatestSpans {
    fn schema(&self) -> SchemaRef {
        self.spans.schema()
    }

    fn constraints(&self) -> Option<&Constraints> {
        Some(&self.unique)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let repeated = self.repeated(state, filters).await?;
        if repeated.is_empty() {
            return self.spans.scan(state, projection, filters, limit).await;
        }
        let all = || (0..self.schema().fields().len()).collect();
        let wanted = projection.cloned().unwrap_or_else(all);
        let (untouched, touched) = match repeated.traces(FEW) {
            Some(traces) => self.spans.apart_by_traces(&traces),
            None => return self.scan_latest(&self.spans, repeated, &wanted, state, filters).await,
        };
        let latest = self.scan_latest(&touched, repeated, &wanted, state, filters).await?;
        if untouched.snapshot().files.is_empty() {
            return Ok(latest);
        }
        let others = untouched.scan(state, Some(&wanted), filters, limit).await?;
        UnionExec::try_new(vec![others, latest])
    }
}
