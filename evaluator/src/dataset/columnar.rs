//! Cases out of columns: Parquet and Arrow files, batch by batch.

use std::io::{self, Cursor, Write};
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::ipc::reader::{FileReader, StreamReader};
use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{Vars, text};
use crate::error::Error;

/// Rows that are unpacked at once.
const BATCH_ROWS: usize = 1_024;
/// What an Arrow file begins with; a stream does not.
const FILE_MAGIC: &[u8] = b"ARROW1";

/// Reads a Parquet file.
pub(super) fn parquet(path: &Path, bytes: Bytes, bytes_max: u64) -> Result<Vec<Vars>, Error> {
    let broken = |error: &dyn std::fmt::Display| Error::config(format!("{}: this is not a Parquet file that can be read: {error}", path.display()));
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| broken(&error))?;
    let batches = reader.with_batch_size(BATCH_ROWS).build().map_err(|error| broken(&error))?;
    rows(path, batches, bytes_max)
}

/// Reads an Arrow file or stream.
pub(super) fn arrow(path: &Path, bytes: Vec<u8>, bytes_max: u64) -> Result<Vec<Vars>, Error> {
    let broken = |error: ArrowError| Error::config(format!("{}: this is not Arrow: {error}", path.display()));
    match bytes.starts_with(FILE_MAGIC) {
        true => rows(path, FileReader::try_new(Cursor::new(bytes), None).map_err(broken)?, bytes_max),
        false => rows(path, StreamReader::try_new(Cursor::new(bytes), None).map_err(broken)?, bytes_max),
    }
}

/// Turns batches into rows; a small file can hold many times its bytes, which are counted.
fn rows(path: &Path, batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>, bytes_max: u64) -> Result<Vec<Vars>, Error> {
    let mut rows = Vec::new();
    let mut left = bytes_max;
    for batch in batches {
        let mut lines = Bounded { bytes: Vec::new(), left };
        let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(&mut lines);
        let written = batch.and_then(|batch| writer.write(&batch)).and_then(|()| writer.finish());
        written.map_err(|error| match error {
            ArrowError::IoError(..) => {
                Error::config(format!("{}: its rows have more than dataset_bytes_max = {bytes_max} bytes as JSON; split it", path.display()))
            }
            error => Error::config(format!("{}: {error}", path.display())),
        })?;
        left = lines.left;
        rows.extend(text::jsonl(path, &lines.bytes)?);
    }
    Ok(rows)
}

/// Takes so many bytes, then no more.
struct Bounded {
    bytes: Vec<u8>,
    left: u64,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, Int64Array, ListArray, StringArray};
    use arrow::datatypes::Int64Type;

    use super::super::Dataset;
    use super::*;

    fn batch() -> RecordBatch {
        let ranks = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), Some(2)]), None]);
        let columns: [(&str, ArrayRef); 4] = [
            ("id", Arc::new(StringArray::from(vec!["a", "b"]))),
            ("n", Arc::new(Int64Array::from(vec![Some(9_007_199_254_740_993), None]))),
            ("score", Arc::new(Float64Array::from(vec![0.1, 2.0]))),
            ("ranks", Arc::new(ranks)),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
    }

    fn parquet_file() -> Vec<u8> {
        let mut file = Vec::new();
        let mut writer = parquet::arrow::ArrowWriter::try_new(&mut file, batch().schema(), None).unwrap();
        writer.write(&batch()).unwrap();
        writer.close().unwrap();
        file
    }

    #[test]
    fn columns_give_the_cases_that_lines_give() {
        let lines = b"{\"id\":\"a\",\"n\":9007199254740993,\"score\":0.1,\"ranks\":[1,2]}\n{\"id\":\"b\",\"n\":null,\"score\":2.0,\"ranks\":null}\n";
        let read = |name: &str, bytes: Vec<u8>| Dataset::parse(Path::new(name), bytes, 1 << 20).unwrap().cases;
        let expected = read("a.jsonl", lines.to_vec());
        let (mut file, mut stream) = (Vec::new(), Vec::new());
        let mut writer = arrow::ipc::writer::FileWriter::try_new(&mut file, &batch().schema()).unwrap();
        writer.write(&batch()).and_then(|()| writer.finish()).unwrap();
        let mut writer = arrow::ipc::writer::StreamWriter::try_new(&mut stream, &batch().schema()).unwrap();
        writer.write(&batch()).and_then(|()| writer.finish()).unwrap();
        assert_eq!(read("a.parquet", parquet_file()), expected);
        assert_eq!(read("a.arrow", file), expected);
        assert_eq!(read("a.arrow", stream), expected);
    }

    #[test]
    fn damage_and_size_are_named() {
        let refused = |name: &str, bytes: Vec<u8>, max| Dataset::parse(Path::new(name), bytes, max).unwrap_err().to_string();
        assert!(refused("a.parquet", b"PAR1 and no more".to_vec(), 1 << 20).starts_with("a.parquet: this is not a Parquet file"));
        assert!(refused("a.arrow", b"nothing".to_vec(), 1 << 20).starts_with("a.arrow: this is not Arrow"));
        assert_eq!(refused("a.parquet", parquet_file(), 20), "a.parquet: its rows have more than dataset_bytes_max = 20 bytes as JSON; split it");
    }
}
