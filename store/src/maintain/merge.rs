//! Files that are sorted by time, read as one that is: a batch of each in memory at a time, whatever their sizes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{SchemaRef, TimestampMicrosecondType};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use schema::Table;

use crate::conform::conform;
use crate::error::Error;
use crate::layout::file_schema;

/// Rows that are brought into order at once.
const SLICE: usize = 1024;
/// Rows of a file in memory at least and at most.
const BATCH: std::ops::RangeInclusive<u64> = 16..=8_192;

/// The rows of several files in the order of their times.
pub(super) struct Merge {
    table: Table,
    schema: SchemaRef,
    inputs: Vec<Input>,
    /// The time of the next row of each file that has one, the earliest on top.
    next: BinaryHeap<Reverse<(i64, usize)>>,
}

/// One file that is being read.
struct Input {
    rows: ParquetRecordBatchReader,
    batch: Option<RecordBatch>,
    row: usize,
}

impl Merge {
    /// Opens the files; their batches together take about `bytes_max` in memory.
    pub(super) fn open(table: Table, paths: &[PathBuf], bytes_max: u64) -> Result<Merge, Error> {
        let share = bytes_max / paths.len().max(1) as u64;
        let inputs = paths.iter().map(|path| Input::open(path, share)).collect::<Result<Vec<_>, Error>>()?;
        let mut merge = Merge { table, schema: file_schema(table), inputs, next: BinaryHeap::new() };
        for number in 0..merge.inputs.len() {
            merge.load(number)?;
        }
        Ok(merge)
    }

    /// Reads the next batch of a file; tells whether there was one.
    fn load(&mut self, number: usize) -> Result<bool, Error> {
        let input = &mut self.inputs[number];
        input.batch = None;
        for batch in input.rows.by_ref() {
            let batch = conform(batch?, self.table, &self.schema)?;
            if batch.num_rows() > 0 {
                (input.batch, input.row) = (Some(batch), 0);
                self.next.push(Reverse((self.time_of(number)?, number)));
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the time of the row that a file is at.
    fn time_of(&self, number: usize) -> Result<i64, Error> {
        let input = &self.inputs[number];
        let column = input.batch.as_ref().and_then(|batch| batch.column_by_name(self.table.time_column()));
        let times = column.and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
        times.map(|times| times.value(input.row)).ok_or_else(|| Error::Rows {
            table: self.table.name(),
            reason: format!("the column {:?} is missing or of another type", self.table.time_column()),
        })
    }

    /// Puts the next rows together.
    fn slice(&mut self) -> Result<Option<RecordBatch>, Error> {
        let mut batches: Vec<RecordBatch> = Vec::new();
        // Where in `batches` the batch that a file is at lies, once a row of it was taken.
        let mut place: Vec<Option<usize>> = vec![None; self.inputs.len()];
        let mut indices = Vec::with_capacity(SLICE);
        while indices.len() < SLICE
            && let Some(Reverse((_, number))) = self.next.pop()
        {
            let input = &mut self.inputs[number];
            let Some(batch) = &input.batch else { continue };
            let at = *place[number].get_or_insert_with(|| {
                batches.push(batch.clone());
                batches.len() - 1
            });
            indices.push((at, input.row));
            input.row += 1;
            if input.row < batch.num_rows() {
                self.next.push(Reverse((self.time_of(number)?, number)));
            } else {
                place[number] = None;
                self.load(number)?;
            }
        }
        let batches: Vec<&RecordBatch> = batches.iter().collect();
        Ok((!indices.is_empty()).then(|| interleave_record_batch(&batches, &indices)).transpose()?)
    }
}

impl Iterator for Merge {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.slice().transpose()
    }
}

impl Input {
    fn open(path: &Path, bytes_max: u64) -> Result<Input, Error> {
        let rows = ParquetRecordBatchReaderBuilder::try_new(File::open(path).map_err(|source| Error::io("open", path, source))?)?;
        let groups = rows.metadata().row_groups();
        let bytes = groups.iter().map(|group| u64::try_from(group.total_byte_size()).unwrap_or_default()).sum::<u64>();
        let n_rows = groups.iter().map(|group| u64::try_from(group.num_rows()).unwrap_or_default()).sum::<u64>();
        let bytes_a_row = bytes / n_rows.max(1) + 1;
        let batch = (bytes_max / bytes_a_row).clamp(*BATCH.start(), *BATCH.end());
        let rows = rows.with_batch_size(usize::try_from(batch).unwrap_or(SLICE)).build()?;
        Ok(Input { rows, batch: None, row: 0 })
    }
}
