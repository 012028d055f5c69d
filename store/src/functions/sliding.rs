//! Aggregates over a frame that moves: what is in it is measured anew for each row.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::compute::concat;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::Accumulator;

use super::aggregate::Kind;

/// Rows that a moving frame holds at most.
const ROWS_MAX: usize = 10_000;
/// Batches that are kept before they are joined: frames move a row at a time.
const BATCHES_MAX: usize = 64;

/// The rows of a frame, the oldest first. A sample, a bin's edges or a rank cannot be taken back, so they are not updated but computed again.
#[derive(Debug)]
pub(super) struct Sliding<K> {
    kind: Arc<K>,
    types: Vec<DataType>,
    batches: VecDeque<Vec<ArrayRef>>,
    n_rows: usize,
}

impl<K: Kind> Sliding<K> {
    /// Begins a frame for arguments of these types.
    pub(super) fn new(kind: Arc<K>, types: Vec<DataType>) -> Self {
        Self { kind, types, batches: VecDeque::new(), n_rows: 0 }
    }

    fn measured(&self) -> Result<Box<dyn Accumulator>> {
        let mut state = self.kind.accumulator(&self.types);
        self.batches.iter().try_for_each(|columns| state.update_batch(columns))?;
        Ok(state)
    }

    fn join_batches(&mut self) -> Result<()> {
        let column = |at: usize| -> Result<ArrayRef> {
            let parts: Vec<&dyn Array> = self.batches.iter().map(|columns| columns[at].as_ref()).collect();
            Ok(concat(&parts)?)
        };
        let joined = (0..self.types.len()).map(column).collect::<Result<Vec<_>>>()?;
        self.batches = VecDeque::from([joined]);
        Ok(())
    }
}

impl<K: Kind> Accumulator for Sliding<K> {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let rows = columns[0].len();
        self.n_rows += rows;
        if self.n_rows > ROWS_MAX {
            return exec_err!("a moving frame holds at most {ROWS_MAX} rows; use a narrower one, or group by time");
        }
        if rows > 0 {
            self.batches.push_back(columns.to_vec());
        }
        if self.batches.len() > BATCHES_MAX { self.join_batches() } else { Ok(()) }
    }

    fn retract_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let mut rows = columns[0].len().min(self.n_rows);
        self.n_rows -= rows;
        while rows > 0
            && let Some(oldest) = self.batches.pop_front()
        {
            let length = oldest[0].len();
            if length > rows {
                self.batches.push_front(oldest.iter().map(|column| column.slice(rows, length - rows)).collect());
            }
            rows = rows.saturating_sub(length);
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.measured()?.evaluate()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.measured()?.state()
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
        exec_err!("frames that move are not divided, so there is nothing to merge")
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.n_rows * self.types.len() * 16
    }
}
