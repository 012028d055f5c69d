//! Rows on their way into record batches of bounded size.

use arrow::array::RecordBatch;
use schema::{Row, RowsError, Score, Table};

use super::calendar::Calendar;

/// Rows a batch holds at most: enough to make the columns' overhead small, few enough to bound the memory of the structs.
pub const ROWS_MAX: usize = 4096;

/// Collects rows, and encodes them whenever there are enough.
pub struct Batches<R, F> {
    rows: Vec<R>,
    settle: F,
    done: Vec<(Table, RecordBatch)>,
}

/// Collects verdicts that came with spans or records; each lies on the day of its time, where that can be right.
pub fn scores(calendar: &Calendar) -> Batches<Score, impl FnMut(&mut [Score])> {
    Batches::new(0, |scores: &mut [Score]| scores.iter_mut().for_each(|score| score.date = calendar.date_of(score.time)))
}

impl<R: Row, F: FnMut(&mut [R])> Batches<R, F> {
    /// Starts with room for `n_rows`; `settle` sees the rows of each batch together, before they are encoded.
    pub fn new(n_rows: usize, settle: F) -> Self {
        Self { rows: Vec::with_capacity(n_rows.min(ROWS_MAX)), settle, done: Vec::new() }
    }

    /// Adds rows.
    pub fn extend(&mut self, rows: impl IntoIterator<Item = R>) -> Result<(), RowsError> {
        for row in rows {
            self.rows.push(row);
            if self.rows.len() == ROWS_MAX {
                self.encode()?;
            }
        }
        Ok(())
    }

    /// Encodes what is left and returns every batch.
    pub fn finish(mut self) -> Result<Vec<(Table, RecordBatch)>, RowsError> {
        self.encode()?;
        Ok(self.done)
    }

    fn encode(&mut self) -> Result<(), RowsError> {
        if !self.rows.is_empty() {
            (self.settle)(&mut self.rows);
            self.done.push((R::TABLE, R::encode(&self.rows)?));
            self.rows.clear();
        }
        Ok(())
    }
}
