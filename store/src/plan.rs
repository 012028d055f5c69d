//! From a statement to the plan that answers it.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, Result};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Explain, Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::prelude::SQLOptions;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use datafusion_functions_json::{JSON_UNION_DATA_TYPE, udfs::json_union_to_text_udf};
use schema::Micros;

use crate::catalog::QueryTables;
use crate::expand::{Views, expand};
use crate::param::Param;
use crate::statement;

/// What `describe <table>` reads.
const DESCRIBE: &str =
    "select column_name, data_type, is_nullable, description from information_schema.columns where table_name = $name order by ordinal_position";

/// What a query is planned with.
pub(crate) struct Planner<'a> {
    pub state: &'a SessionState,
    pub views: &'a Views,
    pub tables: &'a QueryTables,
    /// How far apart the spans of one trace may lie.
    pub reach: Micros,
    /// Rows of the answer at most.
    pub rows_max: usize,
}

impl Planner<'_> {
    /// Plans the statement: names become tables and views, filters go to the views, the views become their plans.
    ///
    /// The plan gives one row more than are asked for, which tells that there are more.
    pub(crate) async fn plan(&self, statement: Statement) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = self.state.statement_to_plan(described(statement)?).await?;
        read_only().verify_plan(&plan)?;
        let plan = match plan {
            LogicalPlan::Explain(explain) => {
                let plan = Arc::new(self.with_views(&explain.plan)?);
                LogicalPlan::Explain(Explain { plan, ..explain })
            }
            LogicalPlan::Analyze(_) | LogicalPlan::DescribeTable(_) => self.with_views(&plan)?,
            plan => self.with_views(&readable(plan)?.limit(0, Some(self.rows_max.saturating_add(1)))?.build()?)?,
        };
        let plan = self.state.optimize(&plan)?;
        interruptible(self.state.query_planner().create_physical_plan(&plan, self.state).await?)
    }

    /// Brings the query's filters to the views, then the views' plans into the query's.
    fn with_views(&self, plan: &LogicalPlan) -> Result<LogicalPlan> {
        let plan = self.state.optimize(plan)?;
        expand(plan, self.views, self.tables, self.reach)
    }
}

/// What a plan may do.
pub(crate) fn read_only() -> SQLOptions {
    SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false)
}

/// Makes every operator that can give many batches for one give way in between: a task that is never late to stop is one that
/// returns to its thread, and the engine sees to that at the leaves alone.
pub(crate) fn interruptible(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let multiplies = |node: &Arc<dyn ExecutionPlan>| node.children().len() > 1 || node.is::<UnnestExec>();
    let wrapped = plan.transform_up(|node| match multiplies(&node) && !node.is::<UnionExec>() {
        true => Ok(Transformed::yes(Arc::new(CooperativeExec::new(node)) as Arc<dyn ExecutionPlan>)),
        false => Ok(Transformed::no(node)),
    });
    wrapped.data()
}

/// Makes `describe <table>` a query of its columns, with their docs.
fn described(statement: Statement) -> Result<Statement> {
    let Statement::Statement(sql) = &statement else { return Ok(statement) };
    let SqlStatement::ExplainTable { table_name, .. } = sql.as_ref() else { return Ok(statement) };
    let name = table_name.0.last().and_then(|part| part.as_ident()).map(|ident| ident.value.to_lowercase()).unwrap_or_default();
    let params = [("name".to_owned(), Param::Text(name))];
    statement::parse(DESCRIBE, &params, DESCRIBE.len()).map_err(|error| datafusion::error::DataFusionError::External(Box::new(error)))
}

/// Writes values of any JSON type, which `->` gives, as JSON text, because no other format has a column for them.
pub(crate) fn readable(plan: LogicalPlan) -> Result<LogicalPlanBuilder> {
    let is_json = |kind: &DataType| *kind == *JSON_UNION_DATA_TYPE;
    if !plan.schema().fields().iter().any(|field| is_json(field.data_type())) {
        return Ok(LogicalPlanBuilder::from(plan));
    }
    let to_text = json_union_to_text_udf();
    let columns = plan.schema().iter().map(|(relation, field)| {
        let column = Expr::Column(Column::new(relation.cloned(), field.name()));
        match is_json(field.data_type()) {
            true => to_text.call(vec![column]).alias_qualified(relation.cloned(), field.name()),
            false => column,
        }
    });
    let columns = columns.collect::<Vec<_>>();
    LogicalPlanBuilder::from(plan).project(columns)
}
