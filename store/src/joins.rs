//! Leaves out joins that change nothing: a view joins what a query may ask for, and few queries ask for all of it.

use std::collections::HashSet;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Dependency, Result};
use datafusion::logical_expr::{Expr, Join, JoinType, LogicalPlan};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// Replaces a left join by its left side where no column of the right side is read and no left row can find two right ones.
#[derive(Debug)]
pub(crate) struct DropUnusedJoins;

impl OptimizerRule for DropUnusedJoins {
    fn name(&self) -> &'static str {
        "drop_unused_joins"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        if !matches!(plan, LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_)) {
            return Ok(Transformed::no(plan));
        }
        let inputs = plan.inputs();
        let Some(LogicalPlan::Join(join)) = inputs.first() else { return Ok(Transformed::no(plan)) };
        let mut join = join;
        let read = plan.expressions().iter().flat_map(|expr| expr.column_refs().into_iter().cloned().collect::<Vec<_>>()).collect::<HashSet<_>>();
        if !is_unused(join, &read) {
            return Ok(Transformed::no(plan));
        }
        // A view joins several parts, one over the other.
        while let LogicalPlan::Join(next) = join.left.as_ref()
            && is_unused(next, &read)
        {
            join = next;
        }
        let left = join.left.as_ref().clone();
        let expressions = plan.expressions();
        plan.with_new_exprs(expressions, vec![left]).map(Transformed::yes)
    }
}

fn is_unused(join: &Join, read: &HashSet<Column>) -> bool {
    let is_left = join.join_type == JoinType::Left;
    is_left && read.iter().all(|column| join.left.schema().has_column(column)) && finds_one_at_most(join)
}

/// Tells whether the columns that the right side is joined by are, or hold, a key of it.
fn finds_one_at_most(join: &Join) -> bool {
    let right = join.right.schema();
    let joined = join.on.iter().filter_map(|(_, right_expr)| match right_expr {
        Expr::Column(column) => right.maybe_index_of_column(column),
        _ => None,
    });
    let joined = joined.collect::<HashSet<_>>();
    right.functional_dependencies().iter().any(|dependency| {
        let is_key = dependency.mode == Dependency::Single && dependency.target_indices.len() >= right.fields().len();
        is_key && !dependency.nullable && dependency.source_indices.iter().all(|index| joined.contains(index))
    })
}
