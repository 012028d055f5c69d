//! What is known of one table's spans between queries: the hash of every span in its files, and all about those that came twice.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, col, lit};

use super::hashes::{Hashes, SpanHash, repeated};
use super::keys::{Keys, RowRef, Suspects, rows_in};
use super::repeated::{Repeated, Sendings};
use crate::budget::Permit;
use crate::snapshot::{Bloom, DataFile, TableSnapshot};

/// Rows that are read at once: who goes away while the index is made leaves that many less for the next one.
const ROWS_AT_ONCE: u64 = 4_000_000;
/// Suspects up to which their traces are looked for by id.
const FEW: usize = 1_000;
/// What a file and a suspect take in memory, about.
const FILE_BYTES: usize = 160;
const SUSPECT_BYTES: usize = 32;

/// The spans in the files of one table.
#[derive(Debug)]
pub(super) struct Index {
    /// The generation of the table that this is about.
    pub generation: u64,
    /// The files whose rows are in `seen`, by path.
    pub files: HashSet<String>,
    /// The spans that are, or once were, in files.
    seen: Hashes,
    /// Those of which there may be two rows.
    twice: Suspects,
    /// Those of them whose rows are yet to be looked at.
    pending: Suspects,
    /// Files in which a pending one came again.
    suspicious: Vec<Arc<DataFile>>,
    /// The rows of the others.
    sent: Arc<Sendings>,
    memory: Permit,
}

impl Index {
    /// Makes an index that knows nothing.
    pub(super) fn new(generation: u64, memory: Permit) -> Index {
        Index {
            generation,
            files: HashSet::new(),
            seen: Hashes::default(),
            twice: Suspects::default(),
            pending: Suspects::default(),
            suspicious: Vec::new(),
            sent: Arc::default(),
            memory,
        }
    }

    /// Returns how many spans are known, those of files that are gone included.
    pub(super) fn len(&self) -> u64 {
        self.seen.len() as u64
    }

    #[cfg(test)]
    pub(super) fn figures(&self) -> (u64, usize) {
        (self.len(), self.twice.len())
    }

    /// Counts what the index takes with so many rows more; gives the bytes back where they do not fit.
    pub(super) fn charge(&mut self, more_rows: u64) -> Result<(), usize> {
        let rows = self.seen.len().saturating_add(usize::try_from(more_rows).unwrap_or(usize::MAX));
        let others = self.files.len() * FILE_BYTES + self.twice.len() * SUSPECT_BYTES + self.sent.bytes();
        let bytes = rows.saturating_mul(size_of::<SpanHash>()).saturating_add(others);
        if !self.memory.grow(bytes.saturating_sub(self.memory.bytes())) {
            return Err(bytes);
        }
        self.memory.shrink_to(bytes);
        Ok(())
    }

    /// Reads files that are not known yet.
    pub(super) async fn read(&mut self, files: &[Arc<DataFile>], look: &Keys<'_>) -> Result<()> {
        for group in groups(files) {
            let hashes = Keys { table: look.table.of_files(group), filter: None, state: look.state }.hashes().await?;
            // Nothing waits from here on, so that a group is known as a whole or not at all.
            let twice = self.seen.add(hashes);
            self.files.extend(group.iter().map(|file| file.path.clone()));
            if !twice.is_empty() {
                self.suspect(twice);
                self.suspicious.extend_from_slice(group);
            }
        }
        Ok(())
    }

    /// Notes that all files of a snapshot are known, and no others matter.
    pub(super) fn reach(&mut self, snapshot: &TableSnapshot) {
        if self.generation == snapshot.generation && self.files.len() == snapshot.files.len() {
            return;
        }
        self.generation = snapshot.generation;
        self.files = snapshot.files.iter().map(|file| file.path.clone()).collect();
    }

    fn suspect(&mut self, hashes: Vec<SpanHash>) {
        self.twice.extend(hashes.iter().copied());
        self.pending.extend(hashes);
    }

    /// Has every suspect looked at again: rows went.
    pub(super) fn suspect_all(&mut self) {
        self.pending = self.twice.clone();
    }

    /// Tells what was sent more than once in the snapshot that was reached.
    pub(super) async fn repeated(&mut self, look: &Keys<'_>) -> Result<Repeated> {
        let held = self.suspects_in(&look.table.snapshot().held);
        if !self.pending.is_empty() {
            self.resolve(&held, look).await?;
        }
        let mut repeated = Repeated::new(Arc::clone(&self.sent));
        held.iter().for_each(|(_, row)| repeated.hold(row.trace_id, row.span_id, row.ingested_at));
        Ok(repeated)
    }

    /// Picks the rows that no file holds yet and of whose span there may be another row.
    fn suspects_in<'a>(&mut self, held: &'a [RecordBatch]) -> Vec<(SpanHash, RowRef<'a>)> {
        let mut rows: Vec<_> = held.iter().flat_map(rows_in).collect();
        rows.sort_unstable_by_key(|(hash, _)| *hash);
        let hashes: Vec<SpanHash> = rows.iter().map(|(hash, _)| *hash).collect();
        let known = self.seen.known(&hashes);
        let suspects: Suspects = repeated(&hashes).into_iter().chain(known.iter().copied()).collect();
        self.suspect(known.into_iter().filter(|hash| !self.twice.contains(hash)).collect());
        rows.retain(|(hash, _)| suspects.contains(hash));
        rows
    }

    /// Looks at the rows of the pending suspects.
    async fn resolve(&mut self, held: &[(SpanHash, RowRef<'_>)], look: &Keys<'_>) -> Result<()> {
        let pending = Arc::new(self.pending.clone());
        let filter = self.filter_for(&pending, held, look).await;
        let rows = Keys { table: look.table.of_files(&look.table.snapshot().files), filter, state: look.state }.rows_of(&pending).await?;
        let sent = Arc::make_mut(&mut self.sent);
        sent.remove(pending.iter().copied());
        rows.iter().for_each(|row| sent.add(&row.trace_id, &row.span_id, row.ingested_at));
        self.pending.clear();
        self.suspicious.clear();
        Ok(())
    }

    /// Narrows the look to the traces of the suspects, where they are few; nothing where all rows are looked at.
    ///
    /// A suspect came in a file that was just read, or with a held row, or was known before: there its trace id stands.
    async fn filter_for(&self, pending: &Arc<Suspects>, held: &[(SpanHash, RowRef<'_>)], look: &Keys<'_>) -> Option<Expr> {
        let rows = |files: &[Arc<DataFile>]| files.iter().map(|file| file.rows).sum::<u64>();
        if pending.len() > FEW || rows(&self.suspicious) > rows(&look.table.snapshot().files) / 2 {
            return None;
        }
        let mut traces: HashSet<Box<str>> = pending.iter().flat_map(|hash| self.sent.of_hash(*hash)).map(|sent| sent.trace_id.clone()).collect();
        traces.extend(held.iter().filter(|(hash, _)| pending.contains(hash)).map(|(_, row)| Box::from(row.trace_id)));
        if !self.suspicious.is_empty() {
            // A file that was replaced may be gone by now; then all rows are looked at.
            let suspicious = Keys { table: look.table.of_files(&self.suspicious), filter: None, state: look.state };
            traces.extend(suspicious.rows_of(pending).await.ok()?.into_iter().map(|row| row.trace_id));
        }
        Some(col(Bloom::COLUMN).in_list(traces.iter().map(|id| lit(&**id)).collect(), false))
    }
}

/// Divides files into groups of not too many rows.
fn groups(files: &[Arc<DataFile>]) -> impl Iterator<Item = &[Arc<DataFile>]> {
    let mut rows = 0;
    files.chunk_by(move |file, _| {
        rows += file.rows;
        let fits = rows < ROWS_AT_ONCE;
        rows = if fits { rows } else { 0 };
        fits
    })
}
