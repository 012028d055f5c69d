//! What a query found, and the forms in which it is handed on.

mod cell;
mod pretty;
mod read;

use std::io;

use arrow::array::RecordBatch;
use arrow::csv::WriterBuilder as CsvWriter;
use arrow::datatypes::SchemaRef;
use arrow::json::writer::{JsonArray, LineDelimited};
use arrow::json::{WriterBuilder as JsonWriter, writer::JsonFormat};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// A form in which an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A table of text for people: long cells are cut, nulls are shown.
    Table,
    /// Comma-separated values with a header line; a null is an empty cell.
    Csv,
    /// A JSON list of objects; NaN and infinity are null.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// A Parquet file.
    Parquet,
    /// An Arrow IPC stream.
    Arrow,
}

impl Format {
    /// Every format, with its name.
    pub const ALL: &'static [(&'static str, Format)] = &[
        ("table", Format::Table),
        ("csv", Format::Csv),
        ("json", Format::Json),
        ("jsonl", Format::Jsonl),
        ("parquet", Format::Parquet),
        ("arrow", Format::Arrow),
    ];

    /// Returns the media type that HTTP answers bear.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Table => "text/plain; charset=utf-8",
            Format::Csv => "text/csv; charset=utf-8",
            Format::Json => "application/json",
            Format::Jsonl => "application/x-ndjson",
            Format::Parquet => "application/vnd.apache.parquet",
            Format::Arrow => "application/vnd.apache.arrow.stream",
        }
    }
}

impl std::str::FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let known = Format::ALL.iter().find(|(known, _)| *known == name).map(|(_, format)| *format);
        known.ok_or_else(|| Error::Query { message: format!("there is no format {name:?}; take table, csv, json, jsonl, parquet or arrow") })
    }
}

/// The rows that a query found; in every text format a moment is RFC 3339, in UTC where the tables hold it so.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Names and types of the columns.
    pub schema: SchemaRef,
    /// The rows, in order.
    pub batches: Vec<RecordBatch>,
    /// True where there are more rows, which the limit of rows or of bytes cut off.
    pub truncated: bool,
}

impl Answer {
    /// Reads an answer that was written as an Arrow IPC stream; `truncated` is what came beside it.
    pub fn from_arrow_stream(bytes: &[u8], truncated: bool) -> Result<Self, Error> {
        let reader = StreamReader::try_new(bytes, None)?;
        let schema = reader.schema();
        Ok(Self { schema, batches: reader.collect::<Result<_, _>>()?, truncated })
    }

    /// Returns the number of rows.
    pub fn n_rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// Reads every row into a struct whose fields are named as the columns, or into a tuple in the order of the columns.
    ///
    /// A moment is read into an integer (microseconds, as [`schema::Micros`] wants them) or into text, as the field asks;
    /// a day likewise. Columns that the struct does not name are left out.
    pub fn rows<T: DeserializeOwned>(&self) -> Result<Vec<T>, Error> {
        let mut rows = Vec::with_capacity(self.n_rows());
        for batch in &self.batches {
            for row in 0..batch.num_rows() {
                rows.push(T::deserialize(read::Row::new(batch, row)).map_err(|error| Error::Answer { message: error.to_string() })?);
            }
        }
        Ok(rows)
    }

    /// Writes the answer.
    pub fn write(&self, format: Format, out: &mut dyn io::Write) -> Result<(), Error> {
        match format {
            Format::Table => pretty::write(self, out).map_err(written),
            Format::Csv => self.write_csv(out),
            Format::Json => self.write_json::<JsonArray>(out),
            Format::Jsonl => self.write_json::<LineDelimited>(out),
            Format::Parquet => self.write_parquet(out),
            Format::Arrow => self.write_arrow(out),
        }
    }

    fn write_csv(&self, out: &mut dyn io::Write) -> Result<(), Error> {
        let mut writer = CsvWriter::new().with_header(true).build(out);
        writer.write(&RecordBatch::new_empty(cell::flat_schema(&self.schema)))?;
        for batch in &self.batches {
            writer.write(&cell::flat(batch)?)?;
        }
        Ok(())
    }

    fn write_json<F: JsonFormat>(&self, out: &mut dyn io::Write) -> Result<(), Error> {
        let mut writer = JsonWriter::new().with_explicit_nulls(true).build::<_, F>(out);
        for batch in &self.batches {
            writer.write(batch)?;
        }
        writer.finish()?;
        Ok(())
    }

    fn write_parquet(&self, out: &mut dyn io::Write) -> Result<(), Error> {
        let properties = WriterProperties::builder().set_compression(Compression::ZSTD(parquet::basic::ZstdLevel::default())).build();
        let mut file = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut file, SchemaRef::clone(&self.schema), Some(properties))?;
        for batch in &self.batches {
            writer.write(batch)?;
        }
        writer.close()?;
        out.write_all(&file).map_err(written)
    }

    fn write_arrow(&self, out: &mut dyn io::Write) -> Result<(), Error> {
        let mut writer = StreamWriter::try_new(out, &self.schema)?;
        for batch in &self.batches {
            writer.write(batch)?;
        }
        writer.finish()?;
        Ok(())
    }
}

fn written(source: io::Error) -> Error {
    Error::io("write", std::path::Path::new("the answer"), source)
}
