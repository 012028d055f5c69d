//! Files that are sorted by time, read as one that is: a batch of each in memory at a time, whatever their sizes.
//!
//! What is read is bounded: batches and the rows in order share a number of bytes, and no more files are opened at once than there is room for. A
//! small file is read as a whole, because the decompressors of its columns would take more than its rows.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{SchemaRef, TimestampMicrosecondType};
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use schema::Table;

use crate::conform::conform;
use crate::error::Error;
use crate::layout::file_schema;
use crate::place::Fetched;

/// Rows that are brought into order at once, at most.
const SLICE: u64 = 1024;
/// Rows of a file in memory at once, at most.
const BATCH: u64 = 8_192;
/// Bytes of a cell beside its text: a view.
const CELL_BYTES: u64 = 16;
/// Bytes of a page, of which one a column is in memory while a file is read piece by piece.
const PAGE_BYTES: u64 = 1024 * 1024;
/// Bytes of a decompressor, of which each column has one meanwhile.
const DECOMPRESSOR_BYTES: u64 = 160 * 1024;
/// Bytes that rows take in memory, a byte of their encoded and uncompressed pages.
const DECODED_BYTES: u64 = 2;

/// The rows of several files in the order of their times.
pub(super) struct Merge {
    table: Table,
    schema: SchemaRef,
    inputs: Vec<Input>,
    /// Rows that are brought into order at once.
    slice: usize,
    /// The time of the next row of each file that has one, the earliest on top.
    next: BinaryHeap<Reverse<(i64, usize)>>,
}

/// One file that is being read.
struct Input {
    rows: Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>>,
    _file: Fetched,
    batch: Option<RecordBatch>,
    row: usize,
}

impl Merge {
    /// Opens as many of the files, from the first on, as can be read with about `bytes_max` in memory; two at least.
    pub(super) fn open(table: Table, fetched: impl Iterator<Item = Result<Fetched, Error>>, bytes_max: u64) -> Result<Merge, Error> {
        let mut files = Vec::new();
        let mut open_bytes = 0;
        for file in fetched {
            let file = Unread::open(file?)?;
            open_bytes += file.whole_bytes().min(file.streamed_bytes());
            if files.len() >= 2 && open_bytes > bytes_max / 2 {
                break;
            }
            files.push(file);
        }
        let share = bytes_max / 4 / files.len().max(1) as u64;
        let row_bytes = files.iter().map(Unread::row_bytes).max().unwrap_or(1);
        let inputs = files.into_iter().map(|file| file.begin(share)).collect::<Result<Vec<_>, Error>>()?;
        let slice = rows_in(bytes_max / 4, row_bytes, SLICE);
        let mut merge = Merge { table, schema: file_schema(table), inputs, slice, next: BinaryHeap::new() };
        for number in 0..merge.inputs.len() {
            merge.load(number)?;
        }
        Ok(merge)
    }

    /// Returns how many of the files are read.
    pub(super) fn n_files(&self) -> usize {
        self.inputs.len()
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
        let mut indices = Vec::with_capacity(self.slice);
        while indices.len() < self.slice
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

/// A file of which only the footer was read.
struct Unread {
    rows: ParquetRecordBatchReaderBuilder<File>,
    file: Fetched,
}

impl Unread {
    fn open(file: Fetched) -> Result<Unread, Error> {
        let opened = File::open(file.path()).map_err(|source| Error::io("open", file.path(), source))?;
        Ok(Unread { rows: ParquetRecordBatchReaderBuilder::try_new(opened)?, file })
    }

    /// Returns what all rows take in memory.
    fn whole_bytes(&self) -> u64 {
        let of_group = |group: &RowGroupMetaData| count(group.total_byte_size()) * DECODED_BYTES + count(group.num_rows()) * self.cells_bytes();
        self.rows.metadata().row_groups().iter().map(of_group).sum()
    }

    /// Returns what a row takes beside its text, however well its columns are encoded.
    fn cells_bytes(&self) -> u64 {
        self.rows.schema().fields().len() as u64 * CELL_BYTES
    }

    /// Returns what is in memory while the file is read piece by piece: a page and a decompressor a column.
    fn streamed_bytes(&self) -> u64 {
        let of_column = |column: &ColumnChunkMetaData| count(column.uncompressed_size()).min(PAGE_BYTES) + DECOMPRESSOR_BYTES;
        let groups = self.rows.metadata().row_groups().iter();
        groups.map(|group| group.columns().iter().map(of_column).sum()).max().unwrap_or_default()
    }

    /// Returns the bytes of a row in memory, on average.
    fn row_bytes(&self) -> u64 {
        let groups = self.rows.metadata().row_groups();
        let bytes: u64 = groups.iter().map(|group| count(group.total_byte_size())).sum();
        let rows: u64 = groups.iter().map(|group| count(group.num_rows())).sum();
        bytes / rows.max(1) + self.cells_bytes()
    }

    /// Begins to read, in batches of about `bytes_max`, or reads all where that takes less.
    fn begin(self, bytes_max: u64) -> Result<Input, Error> {
        let (batch, is_small) = (rows_in(bytes_max, self.row_bytes(), BATCH), self.whole_bytes() <= self.streamed_bytes());
        let rows = self.rows.with_batch_size(batch).build()?;
        let rows: Box<dyn Iterator<Item = _>> = match is_small {
            true => Box::new(rows.collect::<Result<Vec<_>, _>>()?.into_iter().map(Ok)),
            false => Box::new(rows),
        };
        Ok(Input { rows, _file: self.file, batch: None, row: 0 })
    }
}

/// Returns how many rows of a size fit into so many bytes: one at least, `rows_max` at most.
fn rows_in(bytes: u64, row_bytes: u64, rows_max: u64) -> usize {
    usize::try_from((bytes / row_bytes).clamp(1, rows_max)).unwrap_or(1)
}

fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or_default()
}
