//! The range of time and of traces that a query asks for, which bounds what must be read for it.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, ScalarValue, TableReference};
use datafusion::logical_expr::expr::BinaryExpr;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, Operator, lit};
use schema::{Micros, Table};

use crate::layout::INGESTED;

/// The least and the greatest `start_time` and `date` that a query asks a view for, both ends included, and the least `ingested_at`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Range {
    time: [Option<i64>; 2],
    date: [Option<i32>; 2],
    /// There is no greatest: a span that is sent again, however late, takes the place of the earlier row.
    ingested_min: Option<i64>,
    /// Conditions on nothing but the trace id.
    ids: Vec<Expr>,
}

impl Range {
    /// Reads the range out of filters that must all hold; what it cannot read bounds nothing.
    pub(crate) fn of(filters: &[Expr]) -> Range {
        let mut range = Range::default();
        for filter in filters {
            range.narrow(filter);
            if is_about_the_trace(filter) {
                range.ids.push(filter.clone());
            }
        }
        range
    }

    fn narrow(&mut self, filter: &Expr) {
        let Expr::BinaryExpr(BinaryExpr { left, op, right }) = filter else { return };
        let (column, op, value) = match (left.as_ref(), right.as_ref()) {
            (Expr::Column(column), Expr::Literal(value, _)) => (column, *op, value),
            (Expr::Literal(value, _), Expr::Column(column)) => (column, op.swap().unwrap_or(Operator::NotEq), value),
            (left, right) if *op == Operator::And => {
                self.narrow(left);
                return self.narrow(right);
            }
            _ => return,
        };
        let (least, greatest) = match op {
            Operator::Eq => (true, true),
            Operator::Gt | Operator::GtEq => (true, false),
            Operator::Lt | Operator::LtEq => (false, true),
            _ => return,
        };
        match (column.name.as_str(), value) {
            ("start_time", value) => tighten(&mut self.time, micros_of(value), least, greatest),
            (INGESTED, value) if least => self.ingested_min = self.ingested_min.max(micros_of(value)),
            ("date", ScalarValue::Date32(day)) => tighten(&mut self.date, *day, least, greatest),
            _ => {}
        }
    }

    /// Makes room for the other spans of the traces in the range.
    pub(crate) fn widened(self, reach: Micros) -> Range {
        let days = reach.day().0 + 1;
        let ([time_min, time_max], [date_min, date_max]) = (self.time, self.date);
        Range {
            time: [time_min.map(|t| t.saturating_sub(reach.0)), time_max.map(|t| t.saturating_add(reach.0))],
            date: [date_min.map(|d| d.saturating_sub(days)), date_max.map(|d| d.saturating_add(days))],
            ingested_min: self.ingested_min.map(|t| t.saturating_sub(reach.0)),
            ids: self.ids,
        }
    }

    /// Opens the range to everything that comes later.
    pub(crate) fn without_end(self) -> Range {
        Range { time: [self.time[0], None], date: [self.date[0], None], ..self }
    }

    /// Writes the range as a filter on a scan of `table` under the name `relation`; nothing where it bounds nothing there.
    ///
    /// Spans and log records have times that belong together; prices belong to a trace; other tables have a life of their own.
    pub(crate) fn on(&self, table: Table, relation: &TableReference) -> Option<Expr> {
        let column = |name: &str| Expr::Column(Column::new(Some(relation.clone()), name));
        let (time, date) = (column(table.time_column()), column("date"));
        let times = [
            self.time[0].map(|least| time.clone().gt_eq(micros(least))),
            self.time[1].map(|greatest| time.lt_eq(micros(greatest))),
            self.date[0].map(|least| date.clone().gt_eq(day(least))),
            self.date[1].map(|greatest| date.lt_eq(day(greatest))),
            self.ingested_min.map(|least| column(INGESTED).gt_eq(micros(least))),
        ];
        let ids = self.ids.iter().map(|filter| requalified(filter, relation));
        match table {
            Table::Spans | Table::Logs => conjunction(times.into_iter().flatten().chain(ids)),
            Table::Repricings => conjunction(ids),
            _ => None,
        }
    }
}

fn micros(time: i64) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(Some(time), Some("UTC".into())))
}

fn day(day: i32) -> Expr {
    lit(ScalarValue::Date32(Some(day)))
}

/// Tells whether a condition reads the trace id alone, and gives the same answer whenever it is asked.
fn is_about_the_trace(filter: &Expr) -> bool {
    let columns = filter.column_refs();
    !columns.is_empty() && columns.iter().all(|column| column.name == "trace_id") && !filter.is_volatile()
}

fn requalified(filter: &Expr, relation: &TableReference) -> Expr {
    let name = |expr: Expr| match expr {
        Expr::Column(column) => Ok(Transformed::yes(Expr::Column(Column::new(Some(relation.clone()), column.name)))),
        other => Ok(Transformed::no(other)),
    };
    filter.clone().transform(name).map_or_else(|_| lit(true), |transformed| transformed.data)
}

fn tighten<T: Ord + Copy>(range: &mut [Option<T>; 2], value: Option<T>, least: bool, greatest: bool) {
    let Some(value) = value else { return };
    if least {
        range[0] = Some(range[0].map_or(value, |known| known.max(value)));
    }
    if greatest {
        range[1] = Some(range[1].map_or(value, |known| known.min(value)));
    }
}

fn micros_of(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::TimestampSecond(Some(time), _) => time.checked_mul(1_000_000),
        ScalarValue::TimestampMillisecond(Some(time), _) => time.checked_mul(1_000),
        ScalarValue::TimestampMicrosecond(Some(time), _) => Some(*time),
        ScalarValue::TimestampNanosecond(Some(time), _) => Some(time.div_euclid(1_000)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::col;

    use super::*;

    #[test]
    fn the_range_is_the_tightest_of_all_filters() {
        let filters =
            [col("start_time").gt(micros(5)).and(micros(9).gt_eq(col("start_time"))), col("start_time").gt_eq(micros(7)), col("x").eq(lit(1))];
        assert_eq!(Range::of(&filters), Range { time: [Some(7), Some(9)], ..Range::default() });
        assert_eq!(Range::of(&[col("start_time").gt(micros(5)).or(col("x").eq(lit(1)))]), Range::default());
    }

    /// A call that has just landed may belong to a trace whose other spans landed hours ago, and never to one of last month.
    #[test]
    fn the_time_of_arrival_bounds_what_came_before() {
        let range = Range::of(&[col("ingested_at").gt_eq(micros(100)).and(col("ingested_at").lt(micros(200)))]).widened(Micros(10));
        let on = |table| range.on(table, &"x".into()).map(|filter| filter.to_string());
        assert_eq!(on(Table::Spans).as_deref(), Some("x.ingested_at >= TimestampMicrosecond(90, Some(\"UTC\"))"));
        assert_eq!(on(Table::Logs), on(Table::Spans));
    }

    /// A session goes on after the range, and its later spans count; a trace ends within the reach.
    #[test]
    fn the_reach_makes_room_on_both_sides() {
        let range = Range::of(&[col("start_time").eq(micros(100))]).widened(Micros(10));
        assert_eq!(range.time, [Some(90), Some(110)]);
        assert_eq!(range.without_end().time, [Some(90), None]);
    }

    #[test]
    fn a_trace_id_bounds_whatever_belongs_to_a_trace() {
        let range = Range::of(&[col("t.trace_id").eq(lit("a")), col("t.trace_id").eq(col("t.span_id"))]);
        let on = |table| range.on(table, &"x".into()).map(|filter| filter.to_string());
        assert_eq!(on(Table::Spans).as_deref(), Some("x.trace_id = Utf8(\"a\")"));
        assert_eq!(on(Table::Repricings), on(Table::Spans));
        assert_eq!(on(Table::Alerts), None);
    }
}
