//! One of the files that are joined.

use std::fs::File;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::TimestampMicrosecondType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData};
use schema::Table;

use crate::conform::conform;
use crate::error::Error;
use crate::layout::file_schema;
use crate::place::Fetched;

/// Bytes of a page of which nothing is known.
const PAGE_BYTES: u64 = 1024 * 1024;
/// Bytes of a decompressor, and of what a reader holds beside.
const READER_BYTES: u64 = 192 * 1024;
/// Rows whose times are read at once.
const BATCH: usize = 8_192;

/// A file of which the footer and the times are in memory.
pub(super) struct Input {
    opened: File,
    footer: ArrowReaderMetadata,
    _file: Fetched,
    /// The times of its rows.
    pub times: Vec<i64>,
    /// What is in memory while its largest column is read.
    pub open_bytes: u64,
    /// Bytes of a row before compression, on average.
    pub row_bytes: u64,
    /// Bytes of a row's largest column, compressed.
    pub column_row_bytes: u64,
}

impl Input {
    pub(super) fn open(file: Fetched, table: Table) -> Result<Input, Error> {
        let opened = File::open(file.path()).map_err(|source| Error::io("open", file.path(), source))?;
        let options = ArrowReaderOptions::new().with_offset_index_policy(PageIndexPolicy::Optional);
        let footer = ArrowReaderMetadata::load(&opened, options)?;
        let mut input = Input { opened, footer, _file: file, times: Vec::new(), open_bytes: 0, row_bytes: 0, column_row_bytes: 0 };
        input.times = input.read_times(table)?;
        let n_rows = (input.times.len() as u64).max(1);
        let columns = 0..input.meta().file_metadata().schema_descr().num_columns();
        let (mut all, mut largest) = (0, 0);
        for column in columns {
            let chunks = || input.meta().row_groups().iter().map(|group| group.column(column));
            all += chunks().map(|chunk| count(chunk.uncompressed_size())).sum::<u64>();
            largest = largest.max(chunks().map(|chunk| count(chunk.compressed_size())).sum::<u64>());
            // The page that is read, and the one that the rows before came from.
            let pages = 2 * input.page_bytes(column).min(chunks().map(|chunk| count(chunk.uncompressed_size())).max().unwrap_or(0));
            input.open_bytes = input.open_bytes.max(pages + READER_BYTES);
        }
        (input.row_bytes, input.column_row_bytes) = (all.div_ceil(n_rows), largest.div_ceil(n_rows));
        Ok(input)
    }

    fn meta(&self) -> &ParquetMetaData {
        self.footer.metadata()
    }

    fn read_times(&self, table: Table) -> Result<Vec<i64>, Error> {
        let schema = file_schema(table);
        let name = table.time_column();
        let schema = Arc::new(schema.project(&[schema.index_of(name)?])?);
        let mut times = Vec::with_capacity(usize::try_from(self.meta().file_metadata().num_rows()).unwrap_or_default());
        for batch in self.read(name, 0, usize::MAX, BATCH)? {
            let batch = conform(batch?, table, &schema)?;
            let column = batch.column(0).as_primitive_opt::<TimestampMicrosecondType>();
            let column = column.ok_or_else(|| Error::Rows { table: table.name(), reason: format!("the column {name:?} is of another type") })?;
            times.extend_from_slice(column.values());
        }
        Ok(times)
    }

    /// Reads rows of one column, or rows without a column where the file does not have it.
    pub(super) fn read(&self, column: &str, start: usize, n_rows: usize, batch: usize) -> Result<ParquetRecordBatchReader, Error> {
        let opened = self.opened.try_clone().map_err(|source| Error::io("open", self._file.path(), source))?;
        let rows = ParquetRecordBatchReaderBuilder::new_with_metadata(opened, self.footer.clone());
        let mask = ProjectionMask::columns(rows.parquet_schema(), [column]);
        // Row groups before the first row would be walked through page by page.
        let (mut first, mut before) = (0, 0);
        for group in self.meta().row_groups() {
            let n = usize::try_from(group.num_rows()).unwrap_or_default();
            if before + n > start {
                break;
            }
            (first, before) = (first + 1, before + n);
        }
        let groups = (first..self.meta().num_row_groups()).collect();
        let rows = rows.with_projection(mask).with_row_groups(groups).with_offset(start - before);
        let rows = if n_rows == usize::MAX { rows } else { rows.with_limit(n_rows) };
        Ok(rows.with_batch_size(batch).build()?)
    }

    /// Tells whether a column has no value, as far as the footer tells.
    pub(super) fn is_null(&self, column: &str) -> bool {
        let Some(at) = self.position(column) else { return true };
        let is_null = |chunk: &ColumnChunkMetaData| {
            let nulls = chunk.statistics().and_then(|statistics| statistics.null_count_opt());
            nulls.is_some_and(|nulls| nulls == count(chunk.num_values()))
        };
        self.meta().row_groups().iter().all(|group| is_null(group.column(at)))
    }

    /// Returns what a value of a column takes in memory, beside its view.
    pub(super) fn value_bytes(&self, column: &str) -> u64 {
        let Some(at) = self.position(column) else { return 0 };
        let bytes: u64 = self.meta().row_groups().iter().map(|group| count(group.column(at).uncompressed_size())).sum();
        bytes / (self.times.len() as u64).max(1)
    }

    fn position(&self, column: &str) -> Option<usize> {
        self.meta().file_metadata().schema_descr().columns().iter().position(|leaf| leaf.name() == column)
    }

    /// Returns the bytes of a page of a column, on average.
    fn page_bytes(&self, column: usize) -> u64 {
        let Some(index) = self.meta().offset_index() else { return PAGE_BYTES };
        let of_group =
            |(group, pages): (usize, usize)| count(self.meta().row_group(group).column(column).uncompressed_size()) / (pages as u64).max(1);
        let pages = index.iter().map(|group| group.get(column).map_or(1, |column| column.page_locations().len()));
        pages.enumerate().map(of_group).max().unwrap_or(PAGE_BYTES)
    }
}

fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or_default()
}
