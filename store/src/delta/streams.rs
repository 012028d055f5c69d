//! How far a table has come in each stream, read out of its log: delta-rs only tells it for one stream at a time.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use deltalake_core::kernel::{Action, Transaction};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{DeltaLog, bad};
use crate::error::Error;
use crate::place::LOG;

/// Returns the position behind the last record that a transaction names.
pub(super) fn position_of(transaction: &Transaction) -> Option<u64> {
    u64::try_from(transaction.version).ok().map(|last| last + 1)
}

impl DeltaLog {
    /// Returns the positions that the table has reached in every stream, as of the version that was read last. Blocks.
    pub(crate) fn streams(&mut self) -> Result<&BTreeMap<String, u64>, Error> {
        if self.streams.is_none() {
            self.streams = Some(self.read_streams()?);
        }
        self.streams.as_ref().ok_or_else(|| self.error("its streams are not known"))
    }

    fn read_streams(&self) -> Result<BTreeMap<String, u64>, Error> {
        let mut streams = BTreeMap::new();
        let Some(version) = self.version else { return Ok(streams) };
        let last_checkpoint = tokio::runtime::Handle::current().block_on(self.place.last_checkpoint())?;
        let checkpoint = last_checkpoint.unwrap_or_default().min(version);
        if checkpoint > 0 {
            streams = self.in_checkpoint(checkpoint)?;
        }
        let first = if checkpoint > 0 { checkpoint + 1 } else { 0 };
        for version in first..=version {
            let Some(text) = self.place.read_commit(version)? else { return Err(self.error(&format!("its commit {version} is missing"))) };
            for line in text.lines().filter(|line| line.starts_with(r#"{"txn""#)) {
                if let Ok(Action::Txn(transaction)) = serde_json::from_str(line)
                    && let Some(position) = position_of(&transaction)
                {
                    streams.insert(transaction.app_id, position);
                }
            }
        }
        Ok(streams)
    }

    fn in_checkpoint(&self, version: u64) -> Result<BTreeMap<String, u64>, Error> {
        let fetched = self.place.fetch(&format!("{LOG}/{version:020}.checkpoint.parquet"))?;
        let file = std::fs::File::open(fetched.path()).map_err(|source| Error::io("open", fetched.path(), source))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)?;
        let mask = ProjectionMask::columns(reader.parquet_schema(), ["txn.appId", "txn.version"]);
        let mut streams = BTreeMap::new();
        for batch in reader.with_projection(mask).build()? {
            let found = transactions(&batch?).ok_or_else(|| bad(self.place.dir(), "the transactions of its checkpoint cannot be read"))?;
            streams.extend(found);
        }
        Ok(streams)
    }
}

fn transactions(batch: &RecordBatch) -> Option<Vec<(String, u64)>> {
    let Some(column) = batch.column_by_name("txn") else { return Some(Vec::new()) };
    let column = column.as_struct_opt()?;
    let app_ids = arrow::compute::cast(column.column_by_name("appId")?, &arrow::datatypes::DataType::Utf8).ok()?;
    let (app_ids, versions) = (app_ids.as_string_opt::<i32>()?, column.column_by_name("version")?.as_primitive_opt::<Int64Type>()?);
    let rows = (0..batch.num_rows()).filter(|row| column.is_valid(*row) && versions.is_valid(*row));
    Some(rows.filter_map(|row| Some((app_ids.value(row).to_owned(), u64::try_from(versions.value(row)).ok()? + 1))).collect())
}
