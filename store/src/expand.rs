//! Puts the views' plans in the place of their names, once the query's filters have reached them.
//!
//! A view is a table until then, so that one look at it tells which filters a query puts on it. Those that are true of every row
//! below go on down by the planner's own rules. A range of `start_time` does not: the view puts rows together that may lie outside
//! of it. It goes down **widened** by the reach, which says how far apart the spans of one trace may lie; a trace id goes down as it is.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableScan};
use futures::FutureExt;
use schema::{Micros, Table};

use crate::catalog::{QueryTables, ViewName, ViewNames, catalog_for_views};
use crate::error::Error;
use crate::latest::LatestSpans;
use crate::provider::StoreTable;
use crate::range::Range;
use crate::session::base_state;
use crate::snapshot::TableSnapshot;
use crate::views::{self, View};

/// The views' plans over tables without rows; made once a process.
#[derive(Debug)]
pub(crate) struct Views {
    pub(crate) names: Arc<ViewNames>,
    plans: HashMap<&'static str, LogicalPlan>,
}

impl Views {
    /// Returns the plans, which the first call makes.
    pub(crate) fn planned() -> Result<&'static Views, Error> {
        static VIEWS: OnceLock<Result<Views, String>> = OnceLock::new();
        let views = VIEWS.get_or_init(|| plan_all().map_err(|error| error.to_string()));
        views.as_ref().map_err(|message| Error::View { message: message.clone() })
    }
}

/// Plans the views one after the other; each can name those before it.
fn plan_all() -> Result<Views> {
    let no_rows = |table| TableSnapshot::empty(table, table.name().into());
    let tables = QueryTables::new(Arc::new(no_rows), ObjectStoreUrl::local_filesystem(), "".into(), Micros(0));
    let mut views = Views { names: Arc::default(), plans: HashMap::new() };
    for view in views::ALL {
        let mut state = base_state();
        state.register_catalog_list(catalog_for_views(Arc::clone(&tables), Arc::clone(&views.names)));
        let plan = plan_one(&state, *view).map_err(|error| error.context(format!("view {}", view.name)))?;
        let name = ViewName { name: view.name, schema: Arc::new(plan.schema().as_arrow().clone()) };
        let mut names = views.names.as_ref().clone();
        names.insert(view.name, Arc::new(name));
        views.names = Arc::new(names);
        views.plans.insert(view.name, plan);
    }
    Ok(views)
}

fn plan_one(state: &SessionState, view: View) -> Result<LogicalPlan> {
    let dialect = state.config().options().sql_parser.dialect;
    let statement = state.sql_to_statement(view.sql, &dialect)?;
    let planned = state.statement_to_plan(statement).now_or_never();
    planned.unwrap_or_else(|| datafusion::common::internal_err!("planning waited for something"))
}

/// Replaces every view that `plan` names by the view's own plan over `tables`, with the query's filters on it.
pub(crate) fn expand(plan: LogicalPlan, views: &Views, tables: &QueryTables, reach: Micros) -> Result<LogicalPlan> {
    let expanded = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::TableScan(scan) => match view_of(&scan)? {
            Some(view) => Ok(Transformed::yes(expand_scan(scan, view, views, tables, reach)?)),
            None => Ok(Transformed::no(LogicalPlan::TableScan(scan))),
        },
        other => Ok(Transformed::no(other)),
    })?;
    Ok(expanded.data)
}

fn view_of(scan: &TableScan) -> Result<Option<View>> {
    let provider = source_as_provider(&scan.source)?;
    Ok(provider.downcast_ref::<ViewName>().and_then(|view| View::from_name(view.name)))
}

/// Plans one mention of a view: its rows, the filters on them, the columns that are asked for, and no more rows than that.
fn expand_scan(scan: TableScan, view: View, views: &Views, tables: &QueryTables, reach: Micros) -> Result<LogicalPlan> {
    let range = Range::of(&scan.filters).widened(reach);
    let range = if view.rows_end() { range } else { range.without_end() };
    let rows = instantiate(view, &range, views, tables)?;
    let mut builder = LogicalPlanBuilder::from(rows).alias(scan.table_name.clone())?;
    if let Some(filter) = conjunction(scan.filters) {
        builder = builder.filter(filter)?;
    }
    if scan.projection.is_some() {
        let columns = scan.projected_schema.iter().map(|(relation, field)| Expr::Column(Column::new(relation.cloned(), field.name())));
        builder = builder.project(columns)?;
    }
    builder.limit(0, scan.fetch)?.build()
}

/// Copies a view's plan, with the query's tables in it and `range` on each of them.
fn instantiate(view: View, range: &Range, views: &Views, tables: &QueryTables) -> Result<LogicalPlan> {
    let Some(plan) = views.plans.get(view.name) else { return datafusion::common::internal_err!("view {} has no plan", view.name) };
    let plan = plan.clone().transform_up_with_subqueries(|node| {
        let LogicalPlan::TableScan(mut scan) = node else { return Ok(Transformed::no(node)) };
        if let Some(inner) = view_of(&scan)? {
            let rows = instantiate(inner, range, views, tables)?;
            return Ok(Transformed::yes(LogicalPlanBuilder::from(rows).alias(scan.table_name)?.build()?));
        }
        let provider = source_as_provider(&scan.source)?;
        let table = if let Some(table) = provider.downcast_ref::<StoreTable>() {
            scan.source = provider_as_source(tables.get(table.table()));
            table.table()
        } else if provider.is::<LatestSpans>() {
            scan.source = provider_as_source(tables.latest_spans());
            Table::Spans
        } else {
            return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
        };
        let filter = range.on(table, &scan.table_name);
        let builder = LogicalPlanBuilder::from(LogicalPlan::TableScan(scan));
        Ok(Transformed::yes(match filter {
            Some(filter) => builder.filter(filter)?.build()?,
            None => builder.build()?,
        }))
    })?;
    Ok(plan.data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_view_is_planned() {
        let views = Views::planned().unwrap();
        assert_eq!(views.names.len(), views::ALL.len());
    }
}
