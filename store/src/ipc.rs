//! Rows of karat's own tables as bytes of the log: an Arrow IPC stream that names its table.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use bytes::Bytes;
use schema::Table;

use crate::conform::conform;
use crate::decode::Rows;
use crate::error::Error;

const TABLE: &str = "karat.table";

/// Writes the rows of one table.
pub(crate) fn write_rows(table: Table, batch: &RecordBatch) -> Result<Bytes, Error> {
    let name = HashMap::from([(TABLE.to_owned(), table.name().to_owned())]);
    let schema = batch.schema().as_ref().clone().with_metadata(name);
    let batch = batch.clone().with_schema(Arc::new(schema))?;
    let mut writer = StreamWriter::try_new(Vec::new(), batch.schema_ref())?;
    writer.write(&batch)?;
    Ok(writer.into_inner()?.into())
}

/// Reads what [`write_rows`] wrote, also with the columns of an earlier karat.
pub(crate) fn read_rows(body: &Bytes) -> Result<Rows, Error> {
    let reader = StreamReader::try_new(body.as_ref(), None)?;
    let name = reader.schema().metadata().get(TABLE).cloned().unwrap_or_default();
    let table = Table::from_name(&name).ok_or_else(|| Error::Rows { table: "?", reason: format!("there is no table {name:?}") })?;
    reader.map(|batch| Ok((table, conform(batch?, table, &table.arrow_schema())?))).collect()
}

#[cfg(test)]
mod tests {
    use schema::{Row, Score};

    use super::*;

    #[test]
    fn rows_round_trip() {
        let scores = [Score { id: "a".to_owned(), label: Some("a label longer than a view".to_owned()), ..Score::default() }];
        let batch = Score::encode(&scores).unwrap();
        let rows = read_rows(&write_rows(Table::Scores, &batch).unwrap()).unwrap();
        assert_eq!(rows, [(Table::Scores, batch)]);
    }

    /// A log of an older karat may lack a column that was added since.
    #[test]
    fn columns_that_were_not_known_are_null() {
        let batch = Score::encode(&[Score::default()]).unwrap();
        let names: Vec<usize> = (0..batch.num_columns()).filter(|i| batch.schema().field(*i).name() != "reason").collect();
        let rows = read_rows(&write_rows(Table::Scores, &batch.project(&names).unwrap()).unwrap()).unwrap();
        assert_eq!(Score::decode(&rows[0].1).unwrap(), [Score::default()]);
    }
}
