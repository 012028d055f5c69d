//! One query: parse, check, plan, execute, within the bounds on its answer.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::common::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::SessionState;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;
use futures::future::BoxFuture;
use schema::{Clock, Micros, Tenant};
use tokio::sync::OwnedSemaphorePermit;

use crate::answer::Answer;
use crate::catalog::{QueryTables, Source, catalog_of, names};
use crate::engine::{Engine, Share};
use crate::error::Error;
use crate::expand::Views;
use crate::param::Param;
use crate::plan::Planner;
use crate::query_config::QueryConfig;
use crate::store::{Inner, Store};
use crate::{mistake, relations, session, statement};

/// What a query may take, and the values of its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryOptions {
    /// Values by name; the query writes them as `$name`.
    pub params: Vec<(String, Param)>,
    /// Rows of the answer at most.
    pub max_rows: usize,
    /// How long the query may take, waiting, planning and reading together.
    pub deadline: Duration,
}

impl Default for QueryOptions {
    /// The bounds of a store that is not configured otherwise.
    fn default() -> Self {
        QueryOptions::from(&QueryConfig::default())
    }
}

impl From<&QueryConfig> for QueryOptions {
    fn from(config: &QueryConfig) -> Self {
        Self { params: Vec::new(), max_rows: config.rows_max, deadline: config.deadline() }
    }
}

impl QueryOptions {
    /// Sets the value of `$name`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Param>) -> Self {
        self.params.push((name.to_owned(), value.into()));
        self
    }
}

impl Store {
    /// Answers one SQL query over the tables and views of `tenant`; it only reads.
    ///
    /// Errors point at the mistake in the query. A query that takes longer than its deadline ends with
    /// [`Error::Deadline`](crate::Error::Deadline), an answer of more rows than asked for is cut and says so.
    pub fn query<'a>(&'a self, tenant: &'a Tenant, sql: &'a str, options: &'a QueryOptions) -> BoxFuture<'a, Result<Answer, Error>> {
        Box::pin(self.inner.query(tenant, sql, options))
    }

    /// Returns the bounds that a query of this store has unless its caller sets others.
    pub fn query_options(&self) -> QueryOptions {
        QueryOptions::from(&self.inner.config.query)
    }
}

impl Inner {
    /// Answers one query over a tenant's tables.
    pub(crate) async fn query(self: &Arc<Self>, tenant: &Tenant, sql: &str, options: &QueryOptions) -> Result<Answer, Error> {
        let (inner, tenant) = (Arc::clone(self), tenant.clone());
        let source: Source = Arc::new(move |table| inner.snapshot(&tenant, table));
        self.engine()?.query(&source, self.share.get(), sql, options).await
    }

    /// Returns where queries run; the first one starts it.
    pub(crate) fn engine(&self) -> Result<&Engine, Error> {
        if let Some(engine) = self.engine.get() {
            return Ok(engine);
        }
        let engine = Engine::open(self.config.query.clone(), &self.config.data, self.tables.root().reader()?, Clock::clone(&self.clock))?;
        Ok(self.engine.get_or_init(|| engine))
    }
}

/// A query with everything that it needs, so that it can run on a thread of its own.
pub(crate) struct Job {
    /// Its place among the running queries, free again when the last part of it has stopped.
    #[expect(dead_code, reason = "it is only held")]
    pub place: Arc<OwnedSemaphorePermit>,
    pub sql: String,
    pub options: QueryOptions,
    pub source: Source,
    pub share: Option<Share>,
    pub config: QueryConfig,
    pub data: PathBuf,
    pub views: &'static Views,
    pub runtime: Arc<RuntimeEnv>,
    pub now: Micros,
}

impl Job {
    /// Runs the query.
    pub(crate) async fn run(self) -> Result<Answer, Error> {
        let statement = statement::parse(&self.sql, &self.options.params, self.config.text_bytes_max)?;
        relations::check(&statement, &self.sql, &names().collect::<Vec<_>>())?;
        let reach = Micros(i64::from(self.config.reach_hours) * 3_600_000_000);
        let tables = QueryTables::new(Arc::clone(&self.source), session::store_url()?, self.data.clone(), reach);
        let state = session::state_for(&self.runtime, &self.config, self.now);
        let mut state = match &self.share {
            Some(share) => share(state)?,
            None => state,
        };
        state.register_catalog_list(catalog_of(Arc::clone(&tables), Arc::clone(&self.views.names)));
        let planner = Planner { state: &state, views: self.views, tables: &tables, reach, rows_max: self.options.max_rows };
        let answer = async { collect(planner.plan(statement).await?, &state, self.options.max_rows, self.config.answer_bytes_max).await };
        answer.await.map_err(|error| blame(error, &self.sql, &state, self.config.memory_bytes))
    }
}

/// Reads an answer up to the bounds on it.
pub(crate) async fn collect(
    plan: Arc<dyn ExecutionPlan>,
    state: &SessionState,
    rows_max: usize,
    bytes_max: usize,
) -> Result<Answer, DataFusionError> {
    let mut answer = Answer { schema: plan.schema(), batches: Vec::new(), truncated: false };
    let mut stream = execute_stream(plan, state.task_ctx())?;
    let (mut rows_left, mut bytes_left) = (rows_max, bytes_max);
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let bytes = batch.columns().iter().map(bytes_of).sum::<usize>();
        answer.truncated = batch.num_rows() > rows_left || bytes > bytes_left;
        if bytes > bytes_left {
            break;
        }
        let rows = batch.num_rows().min(rows_left);
        (rows_left, bytes_left) = (rows_left - rows, bytes_left - bytes);
        if rows > 0 {
            answer.batches.push(compact(&batch.slice(0, rows))?);
        }
        if answer.truncated {
            break;
        }
    }
    Ok(answer)
}

/// Says what in a query led to an error of the engine.
pub(crate) fn blame(error: DataFusionError, sql: &str, state: &SessionState, memory_bytes: usize) -> Error {
    if let DataFusionError::ResourcesExhausted(_) = error.find_root() {
        return Error::QueryMemory { limit: memory_bytes };
    }
    let scalars = state.scalar_functions().keys();
    let names = scalars.chain(state.aggregate_functions().keys()).chain(state.window_functions().keys()).chain(state.table_functions().keys());
    mistake::from_engine(error, sql, &names.map(String::as_str).collect::<Vec<_>>())
}

/// Estimates what a column's cells take; a text column can share the pages of a file with columns that are long gone.
fn bytes_of(column: &ArrayRef) -> usize {
    match column.as_string_view_opt() {
        Some(texts) => texts.lengths().map(|length| length as usize + 16).sum(),
        None => column.to_data().get_slice_memory_size().unwrap_or(usize::MAX),
    }
}

/// Copies texts out of pages that are much larger than they are, so that an answer does not keep them.
fn compact(batch: &RecordBatch) -> Result<RecordBatch, DataFusionError> {
    let columns = batch.columns().iter().map(|column| match column.as_string_view_opt() {
        Some(texts) if texts.get_buffer_memory_size() > 4 * bytes_of(column) => Arc::new(texts.gc()) as ArrayRef,
        _ => Arc::clone(column),
    });
    Ok(RecordBatch::try_new(batch.schema(), columns.collect())?)
}
