//! Counts of distinct values beside other figures, without a set of values a group.
//!
//! `select a, count(*), count(distinct b) .. group by a` groups by `a, b` first, and adds those groups up: one table of groups in the place of a
//! set for each `a`, which costs a hash table even where it holds one value. The engine does so itself, but not beside a `count`.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::functions::expr_fn::coalesce;
use datafusion::functions_aggregate::expr_fn::{count, max, min, sum};
use datafusion::logical_expr::builder::project;
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, lit};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// Groups twice where one value is counted distinctly, beside plain counts, sums, minima and maxima.
#[derive(Debug)]
pub(crate) struct GroupDistinct;

impl OptimizerRule for GroupDistinct {
    fn name(&self) -> &'static str {
        "group_distinct"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
        match Figures::of(aggregate) {
            Some(figures) => Ok(Transformed::yes(figures.grouped_twice(aggregate)?)),
            None => Ok(Transformed::no(plan)),
        }
    }
}

/// What an aggregation computes, where it can be added up from groups.
struct Figures<'a> {
    /// What is counted distinctly.
    value: &'a Expr,
    figures: Vec<Figure<'a>>,
}

/// One figure.
enum Figure<'a> {
    CountDistinct,
    Count(&'a Expr),
    Sum(&'a Expr),
    Min(&'a Expr),
    Max(&'a Expr),
}

impl<'a> Figures<'a> {
    fn of(aggregate: &'a Aggregate) -> Option<Self> {
        if aggregate.group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_))) {
            return None;
        }
        let mut value = None;
        let figures = aggregate.aggr_expr.iter().map(|expr| {
            let Expr::AggregateFunction(AggregateFunction { func, params }) = expr else { return None };
            let AggregateFunctionParams { args, distinct, filter: None, order_by, null_treatment: None } = params else { return None };
            let [arg] = args.as_slice() else { return None };
            match (func.name(), *distinct) {
                _ if !order_by.is_empty() => None,
                ("count", true) if value.is_none_or(|value| value == arg) => {
                    value = Some(arg);
                    Some(Figure::CountDistinct)
                }
                ("count", false) => Some(Figure::Count(arg)),
                ("sum", false) => Some(Figure::Sum(arg)),
                ("min", false) => Some(Figure::Min(arg)),
                ("max", false) => Some(Figure::Max(arg)),
                _ => None,
            }
        });
        let figures = figures.collect::<Option<Vec<_>>>()?;
        Some(Figures { value: value?, figures }).filter(|found| found.figures.iter().any(|figure| matches!(figure, Figure::Count(_))))
    }

    fn grouped_twice(&self, aggregate: &Aggregate) -> Result<LogicalPlan> {
        // A column keeps its name; another key gets one.
        let keys: Vec<(Expr, Expr)> = (0..)
            .zip(&aggregate.group_expr)
            .map(|(number, key)| match key {
                Expr::Column(_) => (key.clone(), key.clone()),
                key => (key.clone().alias(key_name(number)), named(key_name(number))),
            })
            .collect();
        let (mut inner_keys, outer_keys): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
        inner_keys.push(self.value.clone().alias(VALUE));

        let (mut parts, mut wholes) = (Vec::new(), Vec::new());
        for (number, figure) in self.figures.iter().enumerate() {
            let part = figure_name(number);
            let (of_group, whole) = match figure {
                Figure::CountDistinct => {
                    wholes.push(count(named(VALUE.to_owned())));
                    continue;
                }
                Figure::Count(arg) => (count((*arg).clone()), sum(named(part.clone()))),
                Figure::Sum(arg) => (sum((*arg).clone()), sum(named(part.clone()))),
                Figure::Min(arg) => (min((*arg).clone()), min(named(part.clone()))),
                Figure::Max(arg) => (max((*arg).clone()), max(named(part.clone()))),
            };
            parts.push(of_group.alias(part));
            wholes.push(whole);
        }
        let groups = LogicalPlan::Aggregate(Aggregate::try_new(Arc::clone(&aggregate.input), inner_keys, parts)?);
        let sums = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(groups), outer_keys, wholes)?);

        let figures = std::iter::repeat_n(None, aggregate.group_expr.len()).chain(self.figures.iter().map(Some));
        let columns = figures.enumerate().map(|(at, figure)| {
            let column = Expr::Column(Column::from(sums.schema().qualified_field(at)));
            // Without a row and without a key, nothing is added up.
            let column = if let Some(Figure::Count(_)) = figure { coalesce(vec![column, lit(0_i64)]) } else { column };
            let (qualifier, field) = aggregate.schema.qualified_field(at);
            column.alias_qualified(qualifier.cloned(), field.name())
        });
        let columns: Vec<Expr> = columns.collect();
        project(sums, columns)
    }
}

const VALUE: &str = "__distinct_value";

fn key_name(number: usize) -> String {
    format!("__distinct_key_{number}")
}

fn figure_name(number: usize) -> String {
    format!("__distinct_figure_{number}")
}

fn named(name: String) -> Expr {
    Expr::Column(Column::from_name(name))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::prelude::SessionContext;

    use crate::session::base_state;

    /// Asks over the rows (a, b, c); returns whether sets of values are in the plan, and the answer.
    async fn ask(sql: &str) -> (bool, String) {
        let rows = "(values (1, 'x', 10), (1, 'x', 20), (1, 'y', null), (2, null, 5), (2, 'z', 6)) as t (a, b, c)";
        let context = SessionContext::new_with_state(base_state());
        let asked = context.sql(&sql.replace("rows", rows)).await.unwrap();
        let plan = asked.clone().into_optimized_plan().unwrap().display_indent().to_string();
        (plan.contains("DISTINCT"), pretty_format_batches(&asked.collect().await.unwrap()).unwrap().to_string())
    }

    #[tokio::test]
    async fn figures_are_added_up_from_groups() {
        let (has_sets, answer) = ask(
            "select a % 2 as odd, count(*) as n, count(distinct b) as b, count(c) as c, sum(c) as s, min(c) as least, max(b) as last, count(b) + 1 as more
             from rows group by a % 2 having count(*) > 1 order by odd",
        )
        .await;
        assert!(!has_sets);
        let expected = "\
+-----+---+---+---+----+-------+------+------+
| odd | n | b | c | s  | least | last | more |
+-----+---+---+---+----+-------+------+------+
| 0   | 2 | 1 | 2 | 11 | 5     | z    | 2    |
| 1   | 3 | 2 | 2 | 30 | 10    | y    | 4    |
+-----+---+---+---+----+-------+------+------+";
        assert_eq!(answer, expected);
    }

    #[tokio::test]
    async fn no_rows_are_none() {
        let (has_sets, answer) = ask("select count(*) as n, count(distinct b) as b, sum(c) as s from rows where a > 9").await;
        assert!(!has_sets);
        assert_eq!(answer, "+---+---+---+\n| n | b | s |\n+---+---+---+\n| 0 | 0 |   |\n+---+---+---+");
    }

    /// Two values would need two groupings, and an average cannot be added up.
    #[tokio::test]
    async fn other_figures_stay_as_they_are() {
        assert!(ask("select a, count(*), count(distinct b), count(distinct c) from rows group by a").await.0);
        assert!(ask("select a, count(*), count(distinct b), avg(c) from rows group by a").await.0);
        assert!(ask("select a, count(*), count(distinct b) filter (where c > 1) from rows group by a").await.0);
    }
}
