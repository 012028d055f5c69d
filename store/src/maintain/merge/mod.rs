//! Files that are sorted by time, written as one that is: column by column, so that of each file a piece of one column is in memory at a time.
//!
//! First the times of all rows are read, which tell of which file each row of the result is. Then each column of a row group is read in that
//! order and written. A file is open from the first row that it gives to a row group to the last, so files that follow each other in time cost
//! no more than one of them. That is bounded: no more files are joined at once than there is room for.

mod column;
mod input;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::BufWriter;
use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::WriterProperties;
use schema::Table;

use self::column::ColumnInOrder;
use self::input::Input;
use crate::config::StoreConfig;
use crate::error::Error;
use crate::layout::file_schema;
use crate::place::Fetched;

/// Files that are open at once, at most, however small: the system bounds open files, and connections need some.
const FILES_MAX: usize = 256;
/// Bytes that a row takes while its files are joined: its time, and the number of its file.
const ROW_BYTES: u64 = 10;
/// Rows of a row group, at most.
const GROUP_ROWS: usize = 1 << 20;
/// Smaller row groups than this are never made: each costs its pages.
const GROUP_BYTES_MIN: u64 = 64 * 1024;
/// Rows that are put in order and encoded at once.
const SLICE: usize = 4096;

/// The rows of several files in the order of their times.
pub(super) struct Merge {
    table: Table,
    schema: SchemaRef,
    inputs: Vec<Input>,
    /// Of which file each row is.
    order: Vec<u16>,
    /// What the pieces of a column that are read at once may take.
    read_bytes: u64,
    limits: GroupLimits,
}

/// How large a row group gets.
struct GroupLimits {
    /// Bytes of all its columns before compression.
    all: u64,
    /// Bytes of its largest column, compressed: it is in memory until it is whole.
    column: u64,
}

impl Merge {
    /// Opens as many of the files, which come in the order of their first rows, as can be joined in the memory that is set; two at least.
    pub(super) fn open(table: Table, fetched: impl Iterator<Item = Result<Fetched, Error>>, config: &StoreConfig) -> Result<Merge, Error> {
        let bytes_max = config.compact_bytes;
        let mut inputs: Vec<Input> = Vec::new();
        let mut n_rows = 0;
        for file in fetched {
            let input = Input::open(file?, table)?;
            n_rows += input.times.len() as u64;
            // The files that are still open when this one's first row is due.
            let beside = inputs.iter().filter(|other| other.times.last() >= input.times.first());
            let open_bytes = input.open_bytes + beside.map(|other| other.open_bytes).sum::<u64>();
            let is_too_much = open_bytes > bytes_max / 2 || n_rows * ROW_BYTES > bytes_max / 4;
            if inputs.len() >= 2 && (is_too_much || inputs.len() == FILES_MAX) {
                break;
            }
            inputs.push(input);
        }
        let order = order(&inputs);
        let limits = GroupLimits { all: (config.row_group_bytes as u64).max(GROUP_BYTES_MIN), column: (bytes_max / 2).max(GROUP_BYTES_MIN) };
        Ok(Merge { table, schema: file_schema(table), inputs, order, read_bytes: bytes_max / 4, limits })
    }

    /// Returns how many of the files are joined.
    pub(super) fn n_files(&self) -> usize {
        self.inputs.len()
    }

    /// Returns how many rows they have.
    pub(super) fn n_rows(&self) -> u64 {
        self.order.len() as u64
    }

    /// Writes all rows. Blocks, and takes CPU.
    pub(super) fn write(&self, file: &File, properties: WriterProperties) -> Result<ParquetMetaData, Error> {
        let buffer = BufWriter::with_capacity(256 * 1024, file);
        let writer = ArrowWriter::try_new(buffer, Arc::clone(&self.schema), Some(properties))?;
        let (mut writer, columns) = writer.into_serialized_writer()?;
        // How many rows of each file are in earlier row groups.
        let mut starts = vec![0; self.inputs.len()];
        for (number, rows) in self.groups().into_iter().enumerate() {
            let order = &self.order[rows];
            let mut pieces: Vec<Range<usize>> = starts.iter().map(|start| *start..*start).collect();
            order.iter().for_each(|number| pieces[usize::from(*number)].end += 1);
            let mut group = writer.next_row_group()?;
            for (column, encoder) in columns.create_column_writers(number)?.into_iter().enumerate() {
                self.encode(column, order, &pieces, encoder)?.append_to_row_group(&mut group)?;
            }
            group.close()?;
            starts = pieces.into_iter().map(|rows| rows.end).collect();
        }
        Ok(writer.close()?)
    }

    /// Encodes a column of the rows in this order, which are those rows of each file.
    fn encode(&self, column: usize, order: &[u16], pieces: &[Range<usize>], mut encoder: ArrowColumnWriter) -> Result<ArrowColumnChunk, Error> {
        let field = self.schema.field(column);
        let mut rows = ColumnInOrder::new(&self.inputs, self.table, Arc::new(self.schema.project(&[column])?), pieces, self.read_bytes);
        for slice in order.chunks(SLICE) {
            for leaf in compute_leaves(field, &rows.next(slice)?)? {
                encoder.write(&leaf)?;
            }
        }
        Ok(encoder.close()?)
    }

    /// Returns the rows of each row group.
    fn groups(&self) -> Vec<Range<usize>> {
        let mut groups = Vec::new();
        let (mut start, mut all, mut column) = (0, 0, 0);
        for (row, number) in self.order.iter().enumerate() {
            let input = &self.inputs[usize::from(*number)];
            (all, column) = (all + input.row_bytes, column + input.column_row_bytes);
            if row > start && (all > self.limits.all || column > self.limits.column || row - start == GROUP_ROWS) {
                groups.push(start..row);
                (start, all, column) = (row, input.row_bytes, input.column_row_bytes);
            }
        }
        if start < self.order.len() {
            groups.push(start..self.order.len());
        }
        groups
    }
}

/// Returns of which file each row is, in the order of their times; rows of one time come in the order of the files.
fn order(inputs: &[Input]) -> Vec<u16> {
    let mut order = Vec::with_capacity(inputs.iter().map(|input| input.times.len()).sum());
    let mut rows: Vec<_> = inputs.iter().map(|input| input.times.iter().peekable()).collect();
    let firsts = (0..).zip(&mut rows).filter_map(|(number, rows)| Some(Reverse((**rows.peek()?, number))));
    let mut next: BinaryHeap<Reverse<(i64, u16)>> = firsts.collect();
    while let Some(Reverse((_, number))) = next.pop() {
        let until = next.peek().map(|Reverse(other)| *other);
        let rows = &mut rows[usize::from(number)];
        // Where files follow each other, most rows come right after one of the same file.
        while rows.next_if(|time| until.is_none_or(|until| (**time, number) < until)).is_some() {
            order.push(number);
        }
        next.extend(rows.peek().map(|time| Reverse((**time, number))));
    }
    order
}
