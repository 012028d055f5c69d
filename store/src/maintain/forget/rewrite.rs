//! Files without the rows that must go, in the place of those with them.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use schema::Table;
use serde_json::{Map, Value};

use super::Doomed;
use crate::conform::conform;
use crate::datafile::FileWriter;
use crate::delta::{Operation, Rows};
use crate::error::Error;
use crate::layout::{Effort, file_schema};
use crate::maintain::replace::{Replacement, replace};
use crate::snapshot::{Bloom, DataFile};
use crate::store::Inner;
use crate::table_state::TableState;
use crate::writer::take_in;

/// Rows that are read at once.
const SLICE: usize = 1024;
/// Columns that name a subject in a table that has no column of its own for it.
const ATTRIBUTES: [&str; 2] = ["attributes", "resource"];

/// Removes the doomed rows of a table; returns how many rows went, and how many files were replaced. Blocks.
pub(super) fn without(inner: &Inner, state: &TableState, doomed: &Doomed) -> Result<(u64, usize), Error> {
    let keys = doomed.keys_in(state.table);
    let (mut rows, mut files) = (0, 0);
    // A commit of another program can come between; then what it left is looked at again.
    while !keys.is_empty() {
        let mut raced = false;
        for file in state.files().iter().filter(|file| doomed.may_be_in(file, &keys)) {
            let fetched = state.place.fetch(&file.path)?;
            let n_doomed = doomed.count_in(state.table, fetched.path(), &keys)?;
            if n_doomed == 0 {
                continue;
            }
            match rewrite(inner, state, file, fetched.path(), doomed, &keys, n_doomed)? {
                true => (rows, files) = (rows + n_doomed, files + 1),
                false => raced = true,
            }
        }
        if !raced {
            break;
        }
    }
    Ok((rows, files))
}

fn rewrite(
    inner: &Inner,
    state: &TableState,
    file: &Arc<DataFile>,
    path: &Path,
    doomed: &Doomed,
    keys: &[&str],
    n_doomed: u64,
) -> Result<bool, Error> {
    let name = {
        let mut log = state.log.blocking_lock();
        // An earlier attempt may have come through without anybody being told: its file must not be written over.
        take_in(inner, state, &mut log)?;
        log.file_of_compaction()
    };
    let mut added = Vec::new();
    if n_doomed < file.rows {
        let schema = file_schema(state.table);
        let kept = read(path, None)?.map(|batch| {
            let batch = conform(batch?, state.table, &schema)?;
            Ok(filter_record_batch(&batch, &doomed.spares(&batch, keys))?)
        });
        let writer = FileWriter { table: state.table, root: &state.root, name: &name, config: &inner.config, blooms: &inner.blooms };
        added.push(writer.write_sorted(file.date, Effort::Keep, file.rows, kept)?);
    }
    let removed = [Arc::clone(file)];
    replace(inner, state, Replacement { operation: Operation::Delete, rows: Rows::Change, removed: &removed, added })
}

fn read(path: &Path, columns: Option<&[&str]>) -> Result<ParquetRecordBatchReader, Error> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(path).map_err(|source| Error::io("open", path, source))?)?;
    let mask = match columns {
        Some(columns) => ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied()),
        None => ProjectionMask::all(),
    };
    Ok(builder.with_projection(mask).with_batch_size(SLICE).build()?)
}

impl Doomed {
    /// Returns the columns of a table that tell whether a row must go.
    fn keys_in(&self, table: Table) -> Vec<&'static str> {
        let keys = match table {
            Table::Metrics => ATTRIBUTES.to_vec(),
            _ => vec![Bloom::COLUMN, self.subject.column()],
        };
        keys.into_iter().filter(|key| table.columns().iter().any(|column| column.name == *key)).collect()
    }

    /// Tells whether a file can hold rows that must go; only a trace id can be looked for without opening it.
    fn may_be_in(&self, file: &DataFile, keys: &[&str]) -> bool {
        match (&file.ids, keys) {
            (Some(ids), [Bloom::COLUMN]) => self.traces.iter().any(|trace_id| ids.may_contain(trace_id)),
            _ => true,
        }
    }

    fn count_in(&self, table: Table, path: &Path, keys: &[&str]) -> Result<u64, Error> {
        let schema = file_schema(table);
        let schema = Arc::new(schema.project(&keys.iter().filter_map(|key| schema.index_of(key).ok()).collect::<Vec<_>>())?);
        let mut n_doomed = 0;
        for batch in read(path, Some(keys))? {
            let batch = conform(batch?, table, &schema)?;
            n_doomed += (batch.num_rows() - self.spares(&batch, keys).true_count()) as u64;
        }
        Ok(n_doomed)
    }

    /// Says of every row whether it stays.
    fn spares(&self, batch: &RecordBatch, keys: &[&str]) -> BooleanArray {
        let columns = keys.iter().filter_map(|key| Some((*key, batch.column_by_name(key)?.as_string_view_opt()?)));
        let columns: Vec<_> = columns.collect();
        let goes = |row: usize| columns.iter().any(|(key, values)| values.is_valid(row) && self.is_named(key, values.value(row)));
        (0..batch.num_rows()).map(|row| Some(!goes(row))).collect()
    }

    /// Tells whether the value of a column names what must go.
    fn is_named(&self, column: &str, value: &str) -> bool {
        match column {
            Bloom::COLUMN => self.traces.contains(value),
            column if ATTRIBUTES.contains(&column) => self.is_among(value),
            _ => value == self.subject.id(),
        }
    }

    /// Tells whether attributes, a JSON object, name the subject.
    fn is_among(&self, attributes: &str) -> bool {
        let keys = self.subject.attributes();
        // Most attributes name nobody, and these names are the same in JSON as they are.
        if !keys.iter().any(|key| attributes.contains(key)) {
            return false;
        }
        let Ok(object) = serde_json::from_str::<Map<String, Value>>(attributes) else { return false };
        keys.iter().filter_map(|key| object.get(*key)).any(|value| match value {
            Value::String(text) => text == self.subject.id(),
            Value::Number(number) => number.to_string() == self.subject.id(),
            _ => false,
        })
    }
}
