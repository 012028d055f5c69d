//! Rows by the value of a column, told apart once: many monitors that each watch one value of it then do not each read every row.

use std::collections::HashMap;

use arrow::array::{RecordBatch, UInt64Array};
use arrow::compute::take_record_batch;

use super::SeriesError;
use super::columns::{Texts, column};

/// The rows that hold each value of a column, one map a batch.
#[derive(Debug)]
pub(super) struct Portions(Vec<HashMap<String, Vec<u64>>>);

impl Portions {
    /// Reads the column `name` of every batch.
    pub fn of(batches: &[RecordBatch], name: &str) -> Result<Self, SeriesError> {
        let tell_apart = |batch| -> Result<_, SeriesError> {
            let texts = Texts::of(column(batch, name)?)?;
            let mut rows: HashMap<String, Vec<u64>> = HashMap::new();
            for (row, text) in (0..batch.num_rows()).filter_map(|row| Some((row, texts.get(row)?))) {
                match rows.get_mut(text.as_ref()) {
                    Some(rows) => rows.push(row as u64),
                    None => {
                        rows.insert(text.into_owned(), vec![row as u64]);
                    }
                }
            }
            Ok(rows)
        };
        batches.iter().map(tell_apart).collect::<Result<_, _>>().map(Self)
    }

    /// Takes the rows that hold `value` out of the batches that were read; the first one stands for the columns even where it gives no row.
    pub fn with(&self, value: &str, batches: &[RecordBatch]) -> Result<Vec<RecordBatch>, SeriesError> {
        let take = |(batch, rows): (&RecordBatch, &HashMap<String, Vec<u64>>)| {
            let rows = rows.get(value).cloned().unwrap_or_default();
            take_record_batch(batch, &UInt64Array::from(rows)).map_err(SeriesError::from)
        };
        let taken = batches.iter().zip(&self.0).enumerate();
        taken.filter(|(at, (_, rows))| *at == 0 || rows.contains_key(value)).map(|(_, pair)| take(pair)).collect()
    }
}
