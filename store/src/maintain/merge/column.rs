//! One column of several files, in the order of their rows.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, new_null_array};
use arrow::compute::interleave;
use arrow::datatypes::SchemaRef;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use schema::Table;

use super::input::Input;
use crate::conform::conform;
use crate::error::Error;

/// Rows of a file that are read at once, at most.
const BATCH: u64 = 8_192;
/// Bytes of a view of text.
const VIEW_BYTES: u64 = 16;

/// Reads the rows of one row group.
pub(super) struct ColumnInOrder<'a> {
    table: Table,
    /// The column alone.
    schema: SchemaRef,
    pieces: Vec<Piece<'a>>,
    /// Rows of a file that are read at once.
    batch: usize,
    /// Whether none of the rows has a value.
    is_null: bool,
}

/// The rows of one file.
struct Piece<'a> {
    input: &'a Input,
    start: usize,
    n_rows: usize,
    /// Open from the first of its rows that is asked for to the last.
    rows: Option<ParquetRecordBatchReader>,
    values: Option<ArrayRef>,
    /// The next row among the values.
    row: usize,
}

impl<'a> ColumnInOrder<'a> {
    /// Begins to read the column of `schema`, of those rows of each file, with `bytes_max` of them in memory at a time, about.
    pub(super) fn new(inputs: &'a [Input], table: Table, schema: SchemaRef, pieces: &[Range<usize>], bytes_max: u64) -> Self {
        let name = schema.field(0).name();
        let piece =
            |(input, rows): (&'a Input, &Range<usize>)| Piece { input, start: rows.start, n_rows: rows.len(), rows: None, values: None, row: 0 };
        let pieces: Vec<Piece<'_>> = inputs.iter().zip(pieces).map(piece).collect();
        let read = || pieces.iter().filter(|piece| piece.n_rows > 0);
        let is_null = schema.field(0).is_nullable() && read().all(|piece| piece.input.is_null(name));
        let value_bytes = read().map(|piece| piece.input.value_bytes(name)).max().unwrap_or_default() + VIEW_BYTES;
        let batch = (bytes_max / read().count().max(1) as u64 / value_bytes).clamp(1, BATCH);
        ColumnInOrder { table, pieces, batch: usize::try_from(batch).unwrap_or(1), is_null, schema }
    }

    /// Returns the values of the next rows.
    pub(super) fn next(&mut self, order: &[u16]) -> Result<ArrayRef, Error> {
        if self.is_null {
            return Ok(new_null_array(self.schema.field(0).data_type(), order.len()));
        }
        let mut arrays: Vec<ArrayRef> = Vec::new();
        // Where in `arrays` the values that a file is at lie, once one of them was taken.
        let mut place: Vec<Option<usize>> = vec![None; self.pieces.len()];
        let mut indices = Vec::with_capacity(order.len());
        for number in order.iter().map(|number| usize::from(*number)) {
            let piece = &mut self.pieces[number];
            if piece.values.as_ref().is_none_or(|values| piece.row == values.len()) {
                piece.load(self.table, &self.schema, self.batch)?;
                place[number] = None;
            }
            let Some(values) = &piece.values else { continue };
            let at = *place[number].get_or_insert_with(|| {
                arrays.push(Arc::clone(values));
                arrays.len() - 1
            });
            indices.push((at, piece.row));
            piece.row += 1;
        }
        for piece in &mut self.pieces {
            piece.close_if_done();
        }
        match (arrays.as_slice(), indices.first()) {
            // The rows of one file follow each other.
            ([values], Some((_, first))) => Ok(values.slice(*first, indices.len())),
            _ => Ok(interleave(&arrays.iter().map(AsRef::as_ref).collect::<Vec<_>>(), &indices)?),
        }
    }
}

impl Piece<'_> {
    /// Reads the next values.
    fn load(&mut self, table: Table, schema: &SchemaRef, batch: usize) -> Result<(), Error> {
        let rows = match &mut self.rows {
            Some(rows) => rows,
            none => none.insert(self.input.read(schema.field(0).name(), self.start, self.n_rows, batch)?),
        };
        let values = rows.find(|batch| batch.as_ref().map_or(true, |batch| batch.num_rows() > 0));
        let short = || Error::Rows { table: table.name(), reason: "a file has fewer rows than times".to_owned() };
        let values = conform(values.ok_or_else(short)??, table, schema)?;
        (self.values, self.row) = (Some(Arc::clone(values.column(0))), 0);
        self.start += values.num_rows();
        self.n_rows -= values.num_rows();
        Ok(())
    }

    fn close_if_done(&mut self) {
        if self.rows.is_some() && self.n_rows == 0 {
            self.rows = None;
        }
        if self.values.as_ref().is_some_and(|values| self.row == values.len()) {
            self.values = None;
        }
    }
}
