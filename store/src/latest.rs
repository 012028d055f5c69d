//! `latest_spans`: every span once, as it was sent last. The views are made of it; queries see only the views.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray};
use arrow::datatypes::{DataType, Field, SchemaRef, TimestampMicrosecondType};
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{Constraint, Constraints, Result};
use datafusion::datasource::{TableProvider, TableType, provider_as_source};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TableProviderFilterPushDown, Volatility,
};
use datafusion::physical_expr::expressions::Column as PhysicalColumn;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;
use parking_lot::Mutex;
use schema::Micros;
use twox_hash::XxHash3_128;

use crate::provider::StoreTable;
use crate::range::Range;

/// The columns that tell whether two rows are one span, and which of them was sent last.
const KEY: [&str; 3] = ["trace_id", "span_id", "ingested_at"];
/// What the table of spans is called in the look for repeated ones.
const TABLE: &str = "spans";

/// The spans of one tenant at one moment, each once.
///
/// Spans that were sent again are rare, so a scan first looks for them in three narrow columns. Where there are none, which is
/// nearly always, the rows are read as they are; else those that a later row replaces are filtered out.
#[derive(Debug)]
pub(crate) struct LatestSpans {
    spans: Arc<StoreTable>,
    /// Trace and span id together are in one row at most; a plan can leave out a join that only looks for it.
    unique: Constraints,
    /// How far apart in time two rows of one span may lie.
    reach: Micros,
    /// What was found, by the filter that it was looked for with.
    found: tokio::sync::Mutex<HashMap<String, Arc<Repeated>>>,
}

impl LatestSpans {
    /// Makes the table of `spans`, whose repetitions are looked for as far as `reach` around a range of time.
    pub(crate) fn new(spans: Arc<StoreTable>, reach: Micros) -> Self {
        let schema = spans.schema();
        let key = KEY[..2].iter().filter_map(|column| schema.index_of(column).ok()).collect();
        let unique = Constraints::new_unverified(vec![Constraint::PrimaryKey(key)]);
        Self { spans, unique, reach, found: tokio::sync::Mutex::default() }
    }

    /// Finds the spans that were sent more than once among those that `filters` may concern.
    async fn repeated(&self, state: &dyn Session, filters: &[Expr]) -> Result<Arc<Repeated>> {
        let filter = Range::of(filters).widened(self.reach).on(self.spans.table(), &TABLE.into());
        let name = filter.as_ref().map(ToString::to_string).unwrap_or_default();
        let mut found = self.found.lock().await;
        if let Some(known) = found.get(&name) {
            return Ok(Arc::clone(known));
        }
        let keys = Keys { spans: &self.spans, filter, state };
        let repeated = Arc::new(keys.repeated().await?);
        found.insert(name, Arc::clone(&repeated));
        Ok(repeated)
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
        if repeated.latest.is_empty() {
            return self.spans.scan(state, projection, filters, limit).await;
        }
        let schema = self.schema();
        let wanted = projection.cloned().unwrap_or_else(|| (0..schema.fields().len()).collect());
        let mut read = wanted.clone();
        for column in KEY {
            let index = schema.index_of(column)?;
            if !read.contains(&index) {
                read.push(index);
            }
        }
        let rows = self.spans.scan(state, Some(&read), filters, None).await?;
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

/// The spans that were sent more than once: when each was sent last, and how many rows were sent at that same moment.
#[derive(Debug, Default)]
struct Repeated {
    latest: HashMap<(Box<str>, Box<str>), Last>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    ingested_at: i64,
    /// Rows with that time; above one, the first that is read stands for all.
    ties: usize,
}

/// The narrow look at the spans of a range.
struct Keys<'a> {
    spans: &'a Arc<StoreTable>,
    filter: Option<Expr>,
    state: &'a dyn Session,
}

impl Keys<'_> {
    /// Finds repeated spans in two passes, of which the second is only needed where the first finds something.
    async fn repeated(&self) -> Result<Repeated> {
        let suspects = self.suspects().await?;
        let mut repeated = Repeated::default();
        if suspects.is_empty() {
            return Ok(repeated);
        }
        let mut rows: HashMap<(Box<str>, Box<str>), (Last, usize)> = HashMap::new();
        self.each(|trace_id, span_id, ingested_at| {
            if suspects.contains(&hash_of(trace_id, span_id)) {
                let (last, n) = rows.entry((trace_id.into(), span_id.into())).or_insert((Last { ingested_at, ties: 0 }, 0));
                *n += 1;
                match ingested_at.cmp(&last.ingested_at) {
                    std::cmp::Ordering::Greater => *last = Last { ingested_at, ties: 1 },
                    std::cmp::Ordering::Equal => last.ties += 1,
                    std::cmp::Ordering::Less => {}
                }
            }
            Ok(())
        })
        .await?;
        repeated.latest = rows.into_iter().filter(|(_, (_, n))| *n > 1).map(|(key, (last, _))| (key, last)).collect();
        Ok(repeated)
    }

    /// Returns the hashes that more than one row has.
    async fn suspects(&self) -> Result<HashSet<u64, Identity>> {
        let (mut seen, mut twice) = (HashSet::with_hasher(Identity::default()), HashSet::with_hasher(Identity::default()));
        let reservation = MemoryConsumer::new("latest_spans").register(&self.state.runtime_env().memory_pool);
        self.each(|trace_id, span_id, _| {
            let hash = hash_of(trace_id, span_id);
            if !seen.insert(hash) {
                twice.insert(hash);
            }
            reserve(&reservation, seen.capacity())
        })
        .await?;
        Ok(twice)
    }

    /// Calls `visit` for every row of the range.
    async fn each(&self, mut visit: impl FnMut(&str, &str, i64) -> Result<()> + Send) -> Result<()> {
        let table = Arc::clone(self.spans) as Arc<dyn TableProvider>;
        let mut builder = LogicalPlanBuilder::scan(TABLE, provider_as_source(table), None)?;
        if let Some(filter) = &self.filter {
            builder = builder.filter(filter.clone())?;
        }
        let plan = builder.project(KEY.map(datafusion::logical_expr::col))?.build()?;
        let mut rows = execute_stream(self.state.create_physical_plan(&plan).await?, self.state.task_ctx())?;
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            let (trace_ids, span_ids) = (batch.column(0).as_string_view(), batch.column(1).as_string_view());
            let times = batch.column(2).as_primitive::<TimestampMicrosecondType>();
            for row in 0..batch.num_rows() {
                visit(trace_ids.value(row), span_ids.value(row), times.value(row))?;
            }
        }
        Ok(())
    }
}

fn reserve(reservation: &MemoryReservation, entries: usize) -> Result<()> {
    let bytes = entries * (size_of::<u64>() + 1);
    if bytes > reservation.size() { reservation.try_resize(bytes) } else { Ok(()) }
}

/// Hashes a span's ids; equal hashes of different spans only cost a second look.
fn hash_of(trace_id: &str, span_id: &str) -> u64 {
    let halves = [trace_id, span_id].map(|id| XxHash3_128::oneshot(id.as_bytes()).to_le_bytes());
    let half = |bytes: [u8; 16]| u64::from_le_bytes(std::array::from_fn(|index| bytes[index]));
    half(halves[0]).rotate_left(1) ^ half(halves[1])
}

/// Takes a hash as it is.
#[derive(Debug, Default, Clone)]
struct IdentityHasher(u64);

type Identity = BuildHasherDefault<IdentityHasher>;

impl Hasher for IdentityHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The condition that no later row replaces a row; it sees every row once.
#[derive(Debug)]
struct IsLatest {
    repeated: Arc<Repeated>,
    /// Spans whose last rows were sent at the same moment, and of which one was read.
    read: Mutex<HashSet<(Box<str>, Box<str>)>>,
    signature: Signature,
}

impl IsLatest {
    fn new(repeated: Arc<Repeated>) -> Self {
        Self { repeated, read: Mutex::default(), signature: Signature::any(KEY.len(), Volatility::Volatile) }
    }

    fn over(self, schema: &SchemaRef, state: &dyn Session) -> Result<Arc<dyn PhysicalExpr>> {
        let columns = KEY.map(|column| Ok(Arc::new(PhysicalColumn::new_with_schema(column, schema)?) as Arc<dyn PhysicalExpr>));
        let columns = columns.into_iter().collect::<Result<Vec<_>>>()?;
        let field = Arc::new(Field::new("is_latest", DataType::Boolean, false));
        let options = Arc::new(state.config_options().clone());
        Ok(Arc::new(ScalarFunctionExpr::new("is_latest", Arc::new(ScalarUDF::from(self)), columns, field, options)))
    }

    fn holds(&self, trace_id: &str, span_id: &str, ingested_at: i64) -> bool {
        let key = (Box::from(trace_id), Box::from(span_id));
        match self.repeated.latest.get(&key) {
            None => true,
            Some(last) if last.ingested_at != ingested_at => false,
            Some(last) => last.ties == 1 || self.read.lock().insert(key),
        }
    }
}

impl PartialEq for IsLatest {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.repeated, &other.repeated)
    }
}

impl Eq for IsLatest {}

impl Hash for IsLatest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.repeated).hash(state);
    }
}

impl ScalarUDFImpl for IsLatest {
    fn name(&self) -> &str {
        "is_latest"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let (trace_ids, span_ids) = (columns[0].as_string_view(), columns[1].as_string_view());
        let times = columns[2].as_primitive::<TimestampMicrosecondType>();
        let holds = (0..trace_ids.len()).map(|row| Some(self.holds(trace_ids.value(row), span_ids.value(row), times.value(row))));
        Ok(ColumnarValue::Array(Arc::new(holds.collect::<BooleanArray>())))
    }
}
