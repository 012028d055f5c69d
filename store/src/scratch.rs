//! SQL over one table in memory: the engine, the functions and the bounds of a store's queries, without a store and without files.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider, SchemaProvider,
};
use datafusion::common::Result as EngineResult;
use datafusion::datasource::MemTable;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::SessionState;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::sql::parser::Statement;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::memory::InMemory;
use schema::Micros;
use tokio::time::Instant;

use crate::answer::Answer;
use crate::catalog::{CATALOG, SCHEMA};
use crate::error::Error;
use crate::param::Param;
use crate::query::{QueryOptions, blame, collect};
use crate::query_config::QueryConfig;
use crate::threads::{STACK_BYTES, Threads};
use crate::{plan, relations, session, statement};

/// Memory for what the queries sort and group.
const MEMORY_BYTES: usize = 256 * 1024 * 1024;

/// Answers queries over one table in memory; it only reads, and knows no other table.
pub struct Scratch {
    threads: Threads,
    runtime: Arc<RuntimeEnv>,
    config: QueryConfig,
    now: Micros,
}

impl Scratch {
    /// Starts the threads that queries run on; in all of them `now()` is `now`.
    pub fn start(now: Micros) -> Result<Scratch, Error> {
        // A table in memory is one part: it is not worth to be shared out.
        let config = QueryConfig { threads: 1, memory_bytes: MEMORY_BYTES, ..QueryConfig::default() };
        let threads = Threads::start(QueryConfig::default().threads()).map_err(|error| Error::Task(format!("threads for queries: {error}")))?;
        Ok(Scratch { threads, runtime: session::runtime(&config, Arc::new(InMemory::new()))?, config, now })
    }

    /// Plans a query over a table of this name and these columns without running it, and returns the columns of its answer.
    ///
    /// Errors point at the mistake in the query. Blocks for some milliseconds.
    pub fn plan(sql: &str, table: &str, columns: SchemaRef) -> Result<SchemaRef, Error> {
        let planned = || {
            let statement = parsed(sql, &[], table, QueryConfig::default().text_bytes_max)?;
            let state = knowing(session::base_state(), table, &RecordBatch::new_empty(columns))?;
            let plan =
                plan_of(statement, &state, 1).now_or_never().unwrap_or_else(|| datafusion::common::internal_err!("planning waited for something"));
            plan.map(|plan| plan.schema()).map_err(|error| blame(error, sql, &state, 0))
        };
        let died = |what: String| Error::Task(format!("the planning of a query: {what}"));
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, planned).map_err(|error| died(error.to_string()))?;
            thread.join().map_err(|panic| died(crate::threads::panic_message(panic.as_ref())))?
        })
    }

    /// Answers one query over the rows of a table of this name.
    pub fn query<'a>(&'a self, sql: &'a str, table: &'a str, rows: RecordBatch, options: &'a QueryOptions) -> BoxFuture<'a, Result<Answer, Error>> {
        let (sql, table, limit) = (sql.to_owned(), table.to_owned(), options.deadline);
        let (params, rows_max, bytes_max) = (options.params.clone(), options.max_rows, self.config.answer_bytes_max);
        let (text_max, memory_max) = (self.config.text_bytes_max, self.config.memory_bytes);
        let state = session::state_for(&self.runtime, &self.config, self.now);
        let query = async move {
            let statement = parsed(&sql, &params, &table, text_max)?;
            let state = knowing(state, &table, &rows)?;
            let answer = async { collect(plan_of(statement, &state, rows_max).await?, &state, rows_max, bytes_max).await };
            answer.await.map_err(|error| blame(error, &sql, &state, memory_max))
        };
        Box::pin(self.threads.run(query, Instant::now() + limit, limit))
    }
}

fn parsed(sql: &str, params: &[(String, Param)], table: &str, text_bytes_max: usize) -> Result<Statement, Error> {
    let statement = statement::parse(sql, params, text_bytes_max)?;
    relations::check(&statement, sql, &[table])?;
    Ok(statement)
}

/// Gives a session its only table.
fn knowing(mut state: SessionState, table: &str, rows: &RecordBatch) -> Result<SessionState, Error> {
    let register = || -> EngineResult<MemoryCatalogProviderList> {
        let (list, catalog, tables) = (MemoryCatalogProviderList::new(), MemoryCatalogProvider::new(), MemorySchemaProvider::new());
        tables.register_table(table.to_owned(), Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows.clone()]])?))?;
        catalog.register_schema(SCHEMA, Arc::new(tables))?;
        list.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
        Ok(list)
    };
    state.register_catalog_list(Arc::new(register().map_err(Error::engine)?));
    Ok(state)
}

/// Plans the statement for one row more than are asked for, which tells that there are more.
async fn plan_of(statement: Statement, state: &SessionState, rows_max: usize) -> EngineResult<Arc<dyn ExecutionPlan>> {
    let planned = state.statement_to_plan(statement).await?;
    plan::read_only().verify_plan(&planned)?;
    let planned = state.optimize(&plan::readable(planned)?.limit(0, Some(rows_max.saturating_add(1)))?.build()?)?;
    plan::interruptible(state.query_planner().create_physical_plan(&planned, state).await?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use arrow::array::{ArrayRef, Float64Array, StringViewArray};

    use super::*;

    fn row() -> RecordBatch {
        let columns: [(&str, ArrayRef); 2] =
            [("output", Arc::new(StringViewArray::from(vec!["four words of text"]))), ("latency_ms", Arc::new(Float64Array::from(vec![12.5])))];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    async fn ask(sql: &str) -> Result<Vec<serde_json::Value>, String> {
        let options = QueryOptions { max_rows: 10, deadline: Duration::from_millis(500), ..QueryOptions::default() };
        let scratch = Scratch::start(Micros(0)).unwrap();
        let answer = scratch.query(sql, "result", row(), &options).await.map_err(|error| error.to_string())?;
        answer.rows().map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn the_functions_of_a_store_are_known_and_its_tables_are_not() {
        let rows = ask("select length(output) < 20 as short, latency_ms, '{\"a\": 1}' ->> 'a' as a from result").await.unwrap();
        assert_eq!(rows, [serde_json::json!({"short": true, "latency_ms": 12.5, "a": "1"})]);
        for (sql, expect) in [
            ("select * from spans", "no table \"spans\"; there is \"result\" alone"),
            ("select outptu from result", "did you mean \"output\"?"),
            ("copy result to '/tmp/x.csv'", "only reads"),
            ("select * from '/etc/passwd'", "no table"),
            ("select count(*) from generate_series(1, 100000000000) where value % 7 = 3", "deadline"),
        ] {
            let error = ask(sql).await.unwrap_err();
            assert!(error.contains(expect), "{sql}: {error}");
        }
    }

    #[test]
    fn a_plan_tells_columns_and_mistakes_without_running() {
        let columns = Scratch::plan("select length(output) / 0 as n from result", "result", row().schema()).unwrap();
        assert!(columns.field(0).data_type().is_numeric());
        assert!(Scratch::plan("select nothing from result", "result", row().schema()).unwrap_err().to_string().contains("no column \"nothing\""));
        assert!(Scratch::plan("selct", "result", row().schema()).is_err());
    }
}
