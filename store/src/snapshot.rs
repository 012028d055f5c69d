//! What a query sees of one table: committed files, and rows that are not yet in them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::file::reader::ChunkReader;
use schema::{Day, Table};

use crate::budget::{Budget, Permit};
use crate::error::Error;
use crate::repeats::Repeats;

/// What one table held at one moment; each acked row is in exactly one of `files` and `held`.
#[derive(Debug, Clone)]
pub(crate) struct TableSnapshot {
    /// Which table.
    pub table: Table,
    /// The table's directory.
    pub root: PathBuf,
    /// Committed Parquet files; they lack the column `date`, which is their partition.
    pub files: Arc<[Arc<DataFile>]>,
    /// Rows that no file holds yet, each batch with the whole schema of the table.
    pub held: Arc<[RecordBatch]>,
    /// How often the files were changed before.
    pub generation: u64,
    /// What is known of rows that were sent again.
    pub repeats: Arc<Repeats>,
}

impl TableSnapshot {
    /// Makes the snapshot of a table that has nothing.
    pub(crate) fn empty(table: Table, root: PathBuf) -> TableSnapshot {
        TableSnapshot { table, root, files: Arc::from([]), held: Arc::from([]), generation: 0, repeats: Arc::default() }
    }

    /// Returns the number of rows in files.
    pub(crate) fn file_rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }
}

/// One committed Parquet file.
#[derive(Debug, Clone)]
pub(crate) struct DataFile {
    /// Path relative to the table's directory: `date=2026-11-20/...parquet`.
    pub path: String,
    /// Size on disk.
    pub bytes: u64,
    /// Number of rows.
    pub rows: u64,
    /// The partition.
    pub date: Day,
    /// Between which times its rows lie.
    pub time: Bounds,
    /// Between which times its rows arrived; unknown in tables that do not say.
    pub ingested: Bounds,
    /// Which trace ids may be inside; nothing where that is not known, so the file must be read.
    pub ids: Option<Arc<Bloom>>,
}

/// The least and the greatest time of a column in one file, in microseconds, each at most two milliseconds outside of the true one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub min: Option<i64>,
    pub max: Option<i64>,
}

/// Size of a block of a Parquet bloom filter.
const BLOCK_BYTES: usize = 32;

/// The bloom filters over the trace ids of one file, one a row group.
#[derive(Debug)]
pub(crate) struct Bloom {
    groups: Vec<Sbbf>,
    _memory: Permit,
}

impl Bloom {
    /// The column that it is over.
    pub(crate) const COLUMN: &'static str = "trace_id";

    /// Reads the filters out of a Parquet file; nothing where a row group lacks one, or where memory for them is used up.
    pub(crate) fn read(path: &Path, memory: &Arc<Budget>) -> Result<Option<Bloom>, Error> {
        let file = File::open(path).map_err(|source| Error::io("open", path, source))?;
        Bloom::of_file(&file, memory)
    }

    /// Reads the filters out of an open Parquet file.
    pub(crate) fn of_file(file: &impl ChunkReader, memory: &Arc<Budget>) -> Result<Option<Bloom>, Error> {
        let footer = ParquetMetaDataReader::new().parse_and_finish(file)?;
        let mut groups = Vec::with_capacity(footer.num_row_groups());
        for group in footer.row_groups() {
            let Some(column) = group.columns().iter().find(|column| column.column_path().string() == Self::COLUMN) else { return Ok(None) };
            let Some(filter) = Sbbf::read_from_column_chunk(column, file)? else { return Ok(None) };
            groups.push(filter);
        }
        Ok(Bloom::of(groups, memory))
    }

    /// Keeps the filters of a file's row groups; nothing where memory for them is used up.
    pub(crate) fn of(groups: Vec<Sbbf>, memory: &Arc<Budget>) -> Option<Bloom> {
        let bytes = groups.iter().map(|group| group.num_blocks() * BLOCK_BYTES).sum();
        memory.take(bytes).map(|memory| Bloom { groups, _memory: memory })
    }

    /// Tells whether the file may hold rows of the trace, given as 32 lowercase hex digits; a `false` is certain.
    pub(crate) fn may_contain(&self, trace_id: &str) -> bool {
        self.groups.iter().any(|group| group.check(trace_id))
    }
}
