//! Rows of one table that are acked and visible, but in no file yet.

use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;

use crate::conform::one_buffer;
use crate::error::Error;

/// Neighbours that are made one batch when there are as many of them.
const FAN: usize = 8;
/// Batches up to these sizes, in bytes, are made one with their neighbours: each row is copied once a size.
const LEVELS: [usize; 2] = [256 * 1024, 4 * 1024 * 1024];

/// The held rows of one table, in the order of the log.
#[derive(Debug, Default)]
pub(crate) struct Held {
    chunks: Vec<Chunk>,
    next_id: u64,
    bytes: usize,
    rows: u64,
}

/// The rows of a run of neighbouring records.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    pub id: u64,
    /// Position of the first record whose rows are here.
    pub first: u64,
    /// Position of the last one.
    pub last: u64,
    pub batches: Vec<RecordBatch>,
    pub bytes: usize,
    pub rows: u64,
    pub since: Instant,
    /// Being written to a file now.
    sealed: bool,
}

/// Rows that are picked for files, and the position up to which the table is complete with them.
#[derive(Debug)]
pub(crate) struct Picked {
    pub through: u64,
    pub batches: Vec<RecordBatch>,
}

impl Held {
    /// Adds the rows of one record.
    pub(crate) fn insert(&mut self, seq: u64, batches: Vec<RecordBatch>) {
        let bytes = batches.iter().map(RecordBatch::get_array_memory_size).sum();
        let rows = batches.iter().map(|batch| batch.num_rows() as u64).sum();
        let id = self.new_id();
        let chunk = Chunk { id, first: seq, last: seq, batches, bytes, rows, since: Instant::now(), sealed: false };
        let at = self.chunks.partition_point(|other| other.first < seq);
        self.chunks.insert(at, chunk);
        self.bytes += bytes;
        self.rows += rows;
    }

    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Returns every batch, in the order of the log.
    pub(crate) fn batches(&self) -> impl Iterator<Item = &RecordBatch> {
        self.chunks.iter().flat_map(|chunk| &chunk.batches)
    }

    /// Returns the size in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the number of rows.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Returns the position of the first record whose rows are here.
    pub(crate) fn first(&self) -> Option<u64> {
        self.chunks.first().map(|chunk| chunk.first)
    }

    /// Returns since when the oldest row waits.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.chunks.iter().map(|chunk| chunk.since).min()
    }

    /// Picks the oldest rows for a file: all up to `watermark`, or as many as `bytes_max` allows.
    ///
    /// Everything of the table up to the returned position is either picked or committed already, because no record up to
    /// `watermark` is still to come.
    pub(crate) fn seal(&mut self, watermark: u64, bytes_max: usize) -> Option<Picked> {
        let mut picked = Picked { through: watermark, batches: Vec::new() };
        let mut bytes = 0;
        for chunk in &mut self.chunks {
            if chunk.last > watermark || (bytes > 0 && bytes + chunk.bytes > bytes_max) {
                picked.through = watermark.min(chunk.first - 1);
                break;
            }
            bytes += chunk.bytes.max(1);
            chunk.sealed = true;
            picked.batches.extend(chunk.batches.iter().cloned());
        }
        (bytes > 0).then_some(picked)
    }

    /// Gives picked rows back after a failure.
    pub(crate) fn unseal(&mut self) {
        self.chunks.iter_mut().for_each(|chunk| chunk.sealed = false);
    }

    /// Drops the rows of every record up to `through`: files hold them now.
    pub(crate) fn release(&mut self, through: u64) {
        self.chunks.retain(|chunk| chunk.last > through);
        self.unseal();
        self.count();
    }

    fn count(&mut self) {
        self.bytes = self.chunks.iter().map(|chunk| chunk.bytes).sum();
        self.rows = self.chunks.iter().map(|chunk| chunk.rows).sum();
    }

    /// Finds neighbours that should be one chunk; only where no record up to `watermark` can still come between them.
    pub(crate) fn mergeable(&self, watermark: u64) -> Option<Vec<Chunk>> {
        LEVELS.iter().zip(1..).find_map(|(level, step)| {
            let small = |chunk: &&Chunk| chunk.bytes <= *level && chunk.last <= watermark && !chunk.sealed;
            let skip = self.chunks.iter().rev().take_while(|chunk| !small(chunk)).count();
            let run: Vec<&Chunk> = self.chunks.iter().rev().skip(skip).take_while(small).collect();
            (run.len() >= FAN * step).then(|| run.into_iter().rev().cloned().collect())
        })
    }

    /// Puts one chunk in the place of those that it was made of.
    pub(crate) fn replace(&mut self, parts: &[Chunk], batch: RecordBatch) {
        let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return };
        let Some(at) = self.chunks.iter().position(|chunk| chunk.id == first.id) else { return };
        let merged = Chunk {
            id: self.new_id(),
            first: first.first,
            last: last.last,
            bytes: batch.get_array_memory_size(),
            rows: batch.num_rows() as u64,
            since: first.since,
            sealed: false,
            batches: vec![batch],
        };
        self.chunks.splice(at..at + parts.len(), [merged]);
        self.count();
    }
}

/// Makes one batch of the rows of neighbouring chunks.
pub(crate) fn merge(parts: &[Chunk]) -> Result<Option<RecordBatch>, Error> {
    let mut batches = parts.iter().flat_map(|chunk| &chunk.batches).peekable();
    let Some(schema) = batches.peek().map(|batch| batch.schema()) else { return Ok(None) };
    let merged = concat_batches(&schema, batches)?;
    // Many small buffers make every later step slower than one copy now.
    let (schema, columns, _) = merged.into_parts();
    Ok(Some(RecordBatch::try_new(schema, columns.into_iter().map(one_buffer).collect())?))
}

#[cfg(test)]
mod tests {
    use schema::{Row, Score};

    use super::*;

    fn batch(n: usize) -> RecordBatch {
        Score::encode(&vec![Score::default(); n]).unwrap()
    }

    #[test]
    fn rows_keep_the_order_of_the_log() {
        let mut held = Held::default();
        for seq in [3, 1, 2] {
            held.insert(seq, vec![batch(usize::try_from(seq).unwrap())]);
        }
        assert_eq!(held.batches().map(RecordBatch::num_rows).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!((held.rows(), held.first()), (6, Some(1)));
    }

    /// A record that is still being decoded must not be passed by the position that a commit claims.
    #[test]
    fn a_commit_claims_no_more_than_it_holds() {
        let mut held = Held::default();
        for seq in [2, 3, 5] {
            held.insert(seq, vec![batch(1)]);
        }
        let sealed = held.seal(3, usize::MAX).unwrap();
        assert_eq!((sealed.through, sealed.batches.len()), (3, 2));
        held.unseal();
        let sealed = held.seal(9, 1).unwrap();
        assert_eq!((sealed.through, sealed.batches.len()), (2, 1));
        held.release(2);
        let sealed = held.seal(9, usize::MAX).unwrap();
        assert_eq!((sealed.through, sealed.batches.len()), (9, 2));
        held.release(9);
        assert!(held.seal(9, usize::MAX).is_none());
        assert_eq!((held.rows(), held.bytes(), held.first()), (0, 0, None));
    }

    #[test]
    fn small_neighbours_become_one() {
        let mut held = Held::default();
        (1..=20).for_each(|seq| held.insert(seq, vec![batch(1)]));
        let parts = held.mergeable(10).unwrap();
        assert_eq!((parts[0].first, parts[9].last), (1, 10));
        held.replace(&parts, merge(&parts).unwrap().unwrap());
        assert_eq!(held.batches().map(RecordBatch::num_rows).collect::<Vec<_>>()[..2], [10, 1]);
        assert_eq!(held.rows(), 20);
        assert!(held.mergeable(10).is_none());
        assert!(held.seal(20, usize::MAX).is_some_and(|sealed| sealed.through == 20));
        assert!(held.mergeable(20).is_none(), "rows on their way to a file stay as they are");
    }

    /// Thousands of requests of one row must not become thousands of batches, whatever their sizes are.
    #[test]
    fn the_number_of_batches_stays_small() {
        let mut held = Held::default();
        for seq in 1..=3_000 {
            held.insert(seq, vec![batch(if seq % 7 == 0 { 300 } else { 1 })]);
            while let Some(parts) = held.mergeable(seq) {
                held.replace(&parts, merge(&parts).unwrap().unwrap());
            }
        }
        assert!(held.batches().count() < 40, "{}", held.batches().count());
    }
}
