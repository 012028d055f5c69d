//! Which files of a snapshot can hold rows that a query asks for.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Date32Array, Int64Array, TimestampMicrosecondArray, UInt64Array};
use datafusion::catalog::Session;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::utils::conjunction;
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder};
use schema::Table;

use crate::layout::INGESTED;
use crate::snapshot::{Bloom, Bounds, DataFile, TableSnapshot};

/// Values of an `in (...)` that are looked at one by one.
const IN_LIST_MAX: usize = 1_000;

/// Lists the files that may hold rows for which all `filters` are true; the others need not be opened.
///
/// One predicate over every filter, so that a condition that mixes the partition with other columns prunes too. A filter that
/// cannot be read prunes nothing.
pub(crate) fn files_to_read(snapshot: &TableSnapshot, filters: &[Expr], state: &dyn Session) -> Result<Vec<Arc<DataFile>>> {
    let files = snapshot.files.iter().cloned();
    let Some(predicate) = predicate(snapshot.table, filters, state)? else { return Ok(files.collect()) };
    let keep = predicate.prune(&FileStatistics { table: snapshot.table, files: &snapshot.files })?;
    Ok(files.zip(keep).filter_map(|(file, keep)| keep.then_some(file)).collect())
}

fn predicate(table: Table, filters: &[Expr], state: &dyn Session) -> Result<Option<PruningPredicate>> {
    let schema = table.arrow_schema();
    let columns = DFSchema::try_from(schema.as_ref().clone())?;
    let readable = filters.iter().filter(|filter| state.create_physical_expr((*filter).clone(), &columns).is_ok());
    let Some(filter) = conjunction(readable.cloned()) else { return Ok(None) };
    let filter = state.create_physical_expr(filter, &columns)?;
    let predicate = PruningPredicateBuilder::new().with_file_schema(schema).with_max_in_list_size(IN_LIST_MAX).try_build(filter)?;
    Ok((!predicate.always_true()).then_some(predicate))
}

/// What is known of each file without opening it: its day, its times, when its rows arrived, its trace ids and its number of rows.
struct FileStatistics<'a> {
    table: Table,
    files: &'a [Arc<DataFile>],
}

impl FileStatistics<'_> {
    /// Returns a bound of `column` a file, out of the day, the times of the rows, or the times of their arrival.
    fn bounds(&self, column: &Column, bound: fn(&Bounds) -> Option<i64>, nanos_of: fn(i64) -> Option<i64>) -> Option<ArrayRef> {
        let times = self.files.iter().map(|file| bound(&file.time));
        let micros = |times: TimestampMicrosecondArray| Some(Arc::new(times.with_timezone("UTC")) as ArrayRef);
        match column.name.as_str() {
            "date" => Some(Arc::new(Date32Array::from_iter_values(self.files.iter().map(|file| file.date.0)))),
            INGESTED => micros(self.files.iter().map(|file| bound(&file.ingested)).collect()),
            name if name == self.table.time_column() => micros(times.collect()),
            name if Some(name) == nanos_column(self.table) => Some(Arc::new(Int64Array::from_iter(times.map(|time| time.and_then(nanos_of))))),
            _ => None,
        }
    }
}

/// The column that repeats the table's time in nanoseconds.
fn nanos_column(table: Table) -> Option<&'static str> {
    match table {
        Table::Spans => Some("start_unix_nano"),
        Table::Logs | Table::Metrics => Some("time_unix_nano"),
        _ => None,
    }
}

impl PruningStatistics for FileStatistics<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bounds(column, |bounds| bounds.min, |micros| micros.checked_mul(1_000))
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bounds(column, |bounds| bounds.max, |micros| micros.checked_mul(1_000)?.checked_add(999))
    }

    fn num_containers(&self) -> usize {
        self.files.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let has_no_nulls = column.name == "date" || column.name == self.table.time_column();
        has_no_nulls.then(|| Arc::new(UInt64Array::from_value(0, self.files.len())) as ArrayRef)
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        Some(Arc::new(UInt64Array::from_iter_values(self.files.iter().map(|file| file.rows))))
    }

    /// Says `false` for the files whose bloom filter excludes every one of the trace ids.
    fn contained(&self, column: &Column, values: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        if column.name != Bloom::COLUMN {
            return None;
        }
        let ids = values.iter().map(|value| value.try_as_str().flatten()).collect::<Option<Vec<_>>>()?;
        let known = |file: &Arc<DataFile>| {
            let bloom = file.ids.as_ref()?;
            (!ids.iter().any(|id| bloom.may_contain(id))).then_some(false)
        };
        let known = self.files.iter().map(known).collect::<BooleanArray>();
        (known.null_count() < known.len()).then_some(known)
    }
}
