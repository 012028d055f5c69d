//! Writing rows as Parquet files: sorted by time, one file a day, durable when the call returns.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, new_null_array};
use arrow::compute::interleave;
use arrow::datatypes::{Date32Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::WriterProperties;
use schema::{Day, Table};

use crate::budget::Budget;
use crate::config::StoreConfig;
use crate::conform::conform;
use crate::delta::int_bounds;
use crate::disk;
use crate::error::Error;
use crate::layout::{DATE, Effort, INGESTED, file_schema, properties};
use crate::snapshot::{Bloom, DataFile};

/// Rows that are brought into order at once.
const SLICE: usize = 1024;

/// A file that was written, with its footer.
#[derive(Debug)]
pub(crate) struct Written {
    pub file: DataFile,
    pub footer: ParquetMetaData,
}

/// Writes files of one table, all named alike, each in the directory of its day.
pub(crate) struct FileWriter<'a> {
    pub table: Table,
    pub root: &'a Path,
    pub name: &'a str,
    pub config: &'a StoreConfig,
    /// Memory for the filters over trace ids.
    pub blooms: &'a Arc<Budget>,
}

impl FileWriter<'_> {
    /// Writes rows into one file for each day among them. Blocks, and takes CPU.
    pub(crate) fn write_days(&self, batches: &[RecordBatch]) -> Result<Vec<Written>, Error> {
        let mut days: BTreeMap<Day, Vec<Place>> = BTreeMap::new();
        for (number, batch) in batches.iter().enumerate() {
            let dates = self.column(batch, DATE)?.as_primitive_opt::<Date32Type>().ok_or_else(|| self.unreadable(DATE))?;
            for (row, time) in self.times(batch)?.iter().enumerate() {
                days.entry(partition(dates.value(row))).or_default().push(Place { time: *time, batch: number, row });
            }
        }
        let batches = self.without_date(batches)?;
        days.into_iter().map(|(date, places)| self.write_day(date, &batches, places)).collect()
    }

    fn write_day(&self, date: Day, batches: &[RecordBatch], mut places: Vec<Place>) -> Result<Written, Error> {
        places.sort_unstable();
        let schema = file_schema(self.table);
        let columns: Vec<Gathered<'_>> = (0..schema.fields().len()).map(|column| Gathered::of(batches, column)).collect();
        let slices = places.chunks(SLICE).map(|slice| {
            let indices: Vec<(usize, usize)> = slice.iter().map(|place| (place.batch, place.row)).collect();
            let columns = columns.iter().map(|column| column.take(&indices)).collect::<Result<_, _>>()?;
            Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
        });
        self.write_sorted(date, Effort::Ingest, places.len() as u64, slices)
    }

    /// Writes rows of one day that come in the order of their time, without the column of the day. Blocks, and takes CPU.
    pub(crate) fn write_sorted(
        &self,
        date: Day,
        effort: Effort,
        rows_max: u64,
        slices: impl Iterator<Item = Result<RecordBatch, Error>>,
    ) -> Result<Written, Error> {
        self.write(date, effort, rows_max, |file, properties| {
            let buffer = BufWriter::with_capacity(256 * 1024, file);
            let mut writer = ArrowWriter::try_new(buffer, file_schema(self.table), Some(properties))?;
            for slice in slices {
                writer.write(&slice?)?;
            }
            Ok(writer.close()?)
        })
    }

    /// Writes a file of one day, which `fill` fills, and syncs it. Blocks.
    pub(crate) fn write(
        &self,
        date: Day,
        effort: Effort,
        rows_max: u64,
        fill: impl FnOnce(&File, WriterProperties) -> Result<ParquetMetaData, Error>,
    ) -> Result<Written, Error> {
        let path = format!("{DATE}={date}/{}", self.name);
        let whole = self.root.join(&path);
        let dir = whole.parent().unwrap_or(self.root);
        disk::create_dirs(self.root, dir)?;
        let properties = properties(self.table, rows_max, effort, self.config)?;
        let fill_and_sync = || {
            let file = File::create(&whole).map_err(|source| Error::io("create", &whole, source))?;
            let footer = fill(&file, properties).map_err(|error| refused(error, &whole))?;
            file.sync_all().map_err(|source| Error::io("sync", &whole, source))?;
            Ok(footer)
        };
        // On a full disk, a part of a file would take the room that is missing.
        let footer = fill_and_sync().inspect_err(|_: &Error| drop(disk::remove(&whole)))?;
        disk::sync_dir(dir)?;
        let bytes = std::fs::metadata(&whole).map_err(|source| Error::io("read", &whole, source))?.len();
        let rows = u64::try_from(footer.file_metadata().num_rows()).unwrap_or_default();
        let (time, ingested) = (int_bounds(&footer, self.table.time_column()), int_bounds(&footer, INGESTED));
        let ids = Bloom::read(&whole, self.blooms)?.map(Arc::new);
        Ok(Written { file: DataFile { path, bytes, rows, date, time, ingested, ids }, footer })
    }

    fn without_date(&self, batches: &[RecordBatch]) -> Result<Vec<RecordBatch>, Error> {
        let schema = file_schema(self.table);
        batches.iter().map(|batch| conform(batch.clone(), self.table, &schema)).collect()
    }

    fn times<'a>(&self, batch: &'a RecordBatch) -> Result<&'a [i64], Error> {
        let name = self.table.time_column();
        let times = self.column(batch, name)?.as_primitive_opt::<TimestampMicrosecondType>();
        Ok(times.ok_or_else(|| self.unreadable(name))?.values())
    }

    fn column<'a>(&self, batch: &'a RecordBatch, name: &str) -> Result<&'a dyn Array, Error> {
        batch.column_by_name(name).map(AsRef::as_ref).ok_or_else(|| self.unreadable(name))
    }

    fn unreadable(&self, name: &str) -> Error {
        Error::Rows { table: self.table.name(), reason: format!("the column {name:?} is missing or of another type") }
    }
}

/// One column of all batches.
enum Gathered<'a> {
    /// Nothing in any of them, as in most columns of most senders.
    Nulls(ArrayRef),
    Values(Vec<&'a dyn Array>),
}

impl<'a> Gathered<'a> {
    fn of(batches: &'a [RecordBatch], column: usize) -> Self {
        let arrays: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(column).as_ref()).collect();
        match arrays.first() {
            Some(first) if arrays.iter().all(|array| array.null_count() == array.len()) => Gathered::Nulls(new_null_array(first.data_type(), SLICE)),
            _ => Gathered::Values(arrays),
        }
    }

    /// Takes up to [`SLICE`] values by batch and row.
    fn take(&self, indices: &[(usize, usize)]) -> Result<ArrayRef, ArrowError> {
        match self {
            Gathered::Nulls(nulls) => Ok(nulls.slice(0, indices.len())),
            Gathered::Values(arrays) => interleave(arrays, indices),
        }
    }
}

/// Where a row is, in the order in which it is written: by time, then in the order of the log.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    time: i64,
    batch: usize,
    row: usize,
}

/// Days that a directory cannot be named after, which no real row has, share one partition.
fn partition(days: i32) -> Day {
    const FIRST: i32 = -719_162; // 0001-01-01
    const LAST: i32 = 2_932_896; // 9999-12-31
    Day(if (FIRST..=LAST).contains(&days) { days } else { 0 })
}

/// A full disk reaches us through the Parquet writer; the sender must hear of it as such.
fn refused(error: Error, path: &Path) -> Error {
    match error {
        Error::Parquet(ParquetError::External(source)) => match source.downcast::<std::io::Error>() {
            Ok(source) => Error::io("write", path, *source),
            Err(source) => Error::Parquet(ParquetError::External(source)),
        },
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use schema::{Micros, Row, Span, SpanId, TraceId};

    use super::*;

    const DAY: i64 = 86_400_000_000;

    fn span(n: u8, at: i64) -> Span {
        Span {
            trace_id: TraceId([n; 16]),
            span_id: SpanId([n; 8]),
            start_time: Micros(at),
            start_unix_nano: at * 1_000,
            date: Micros(at).day(),
            output_text: Some(format!("the answer of span {n}, which is long enough for a buffer")),
            ..Span::default()
        }
    }

    /// Two days with one name would write over each other.
    #[test]
    fn every_partition_has_a_name_of_its_own() {
        assert_eq!(partition(-719_162).to_string(), "0001-01-01");
        assert_eq!(partition(2_932_896).to_string(), "9999-12-31");
        assert_eq!([i32::MIN, -719_163, 2_932_897, i32::MAX].map(partition), [Day(0); 4]);
    }

    #[test]
    fn rows_are_split_by_day_and_sorted_by_time() {
        let dir = tempfile::tempdir().unwrap();
        let batches = [Span::encode(&[span(1, 5), span(2, DAY + 2), span(3, 4)]).unwrap(), Span::encode(&[span(4, DAY + 1), span(5, 3)]).unwrap()];
        let (config, blooms) = (StoreConfig::default(), Budget::new(1 << 20));
        let writer = FileWriter { table: Table::Spans, root: dir.path(), name: "x.parquet", config: &config, blooms: &blooms };
        let files = writer.write_days(&batches).unwrap();
        assert_eq!(files.iter().map(|w| w.file.path.as_str()).collect::<Vec<_>>(), ["date=1970-01-01/x.parquet", "date=1970-01-02/x.parquet"]);
        assert_eq!((files[0].file.time.min, files[0].file.time.max, files[0].file.rows), (Some(3), Some(5), 3));

        let file = File::open(dir.path().join(&files[0].file.path)).unwrap();
        let batch = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().next().unwrap().unwrap();
        assert_eq!(batch.schema_ref().fields(), file_schema(Table::Spans).fields());
        let nanos = batch.column_by_name("start_unix_nano").unwrap().as_primitive::<arrow::datatypes::Int64Type>();
        assert_eq!(nanos.values(), &[3_000, 4_000, 5_000]);
        let texts = batch.column_by_name("output_text").unwrap().as_string_view();
        assert!(texts.value(0).contains("span 5"));

        let ids = files[0].file.ids.as_ref().unwrap();
        assert!(ids.may_contain(&TraceId([1; 16]).to_string()));
        assert!(!ids.may_contain(&TraceId([2; 16]).to_string()));
        assert!(blooms.used() > 0);
    }
}
