//! Which spans were sent more than once: found once, kept between queries, and brought up to date by reading new files alone.
//!
//! The index of a table ([`index`]) has the hash of every span in its files ([`hashes`]). A query brings it to the files that it
//! sees: of new files the ids are read, and a hash that is there already makes a suspect, whose rows are then looked at exactly
//! ([`keys`], [`repeated`]). Files that maintenance, or another node, made of others are traced back to those ([`lineage`]), because
//! rows that were only moved would all look repeated; where that is not sure, the index is made anew. Rows that no file holds yet
//! are looked up by each query.

mod hashes;
mod index;
mod keys;
mod lineage;
mod repeated;

use std::fmt;
use std::sync::Arc;

use datafusion::common::Result;
pub(crate) use keys::{KEY, Keys, TABLE};
use parking_lot::Mutex;
pub(crate) use repeated::Repeated;

use self::index::Index;
use self::lineage::Lineage;
use crate::budget::Budget;
use crate::change::Change;
use crate::snapshot::{DataFile, TableSnapshot};

/// Spans that are gone may be known up to a third of those that are there, and this many.
const GONE_ROWS: u64 = 100_000;
/// While another query makes the index, one that reads less than one row in so many does not wait for it.
const SMALL: u64 = 16;

/// What is known of spans of one table that were sent more than once.
pub(crate) struct Repeats {
    memory: Arc<Budget>,
    lineage: Mutex<Lineage>,
    desk: tokio::sync::Mutex<Desk>,
}

/// The index, and why there may be none; one query at a time works on it.
#[derive(Debug, Default)]
struct Desk {
    index: Option<Index>,
    /// Rows that queries have looked at by themselves rather than read what the index lacks.
    looked: u64,
    /// Bytes that the index took when it did not fit any more.
    too_large: Option<usize>,
}

impl Default for Repeats {
    fn default() -> Self {
        Repeats::new(&Budget::new(0))
    }
}

impl fmt::Debug for Repeats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repeats").finish_non_exhaustive()
    }
}

impl Repeats {
    /// Makes the index of a table, which takes its memory from a budget that all tables share.
    pub(crate) fn new(memory: &Arc<Budget>) -> Repeats {
        Repeats { memory: Arc::clone(memory), lineage: Mutex::default(), desk: tokio::sync::Mutex::default() }
    }

    /// Takes in a change of the table's files that leads to `generation`; `files` are those before it.
    pub(crate) fn note(&self, generation: u64, change: &Change, files: &[Arc<DataFile>]) {
        if !change.swaps.is_empty() {
            self.lineage.lock().note(generation, change, files);
        }
    }

    /// Tells which spans of the snapshot that `look` is at were sent more than once; nothing where the query should look by itself.
    ///
    /// That is where it is too far behind, where memory is used up, and where a narrow look reads less than the index lacks; the
    /// index is brought up to date once such looks have read as much together.
    pub(crate) async fn of(&self, look: &Keys<'_>) -> Result<Option<Repeated>> {
        self.lineage.lock().watch();
        let snapshot = look.table.snapshot();
        let mut desk = match self.desk.try_lock() {
            Ok(desk) => desk,
            Err(_) if look.rows_to_read()? < snapshot.file_rows() / SMALL => return Ok(None),
            Err(_) => self.desk.lock().await,
        };
        let desk = &mut *desk;
        let Some(unknown) = self.unknown(&mut desk.index, snapshot) else { return Ok(None) };
        let rows = unknown.iter().map(|file| file.rows).sum();
        desk.looked = if rows == 0 { 0 } else { desk.looked + look.rows_to_read()? };
        let is_hopeless = desk.too_large.is_some_and(|bytes| bytes > self.memory.limit().saturating_sub(self.memory.used()));
        if desk.looked < rows || (desk.index.is_none() && is_hopeless) {
            return Ok(None);
        }
        let Some(index) = self.or_new(&mut desk.index, snapshot) else { return Ok(None) };
        if let Err(bytes) = index.charge(rows) {
            return Ok(desk.give_up(bytes));
        }
        if let Err(error) = index.read(&unknown, look).await {
            let is_here = |file: &Arc<DataFile>| snapshot.files.iter().any(|live| live.path == file.path);
            if !unknown.iter().all(is_here) {
                // What was replaced since the last look is deleted some time: the next query begins anew.
                desk.index = None;
                return Ok(None);
            }
            return Err(error);
        }
        index.reach(snapshot);
        self.lineage.lock().forget(snapshot.generation);
        let repeated = index.repeated(look).await?;
        (desk.looked, desk.too_large) = (0, None);
        match index.charge(0) {
            Ok(()) => Ok(Some(repeated)),
            Err(bytes) => {
                desk.give_up(bytes);
                Ok(Some(repeated))
            }
        }
    }

    /// Returns how many spans and how many suspects are known.
    #[cfg(test)]
    pub(crate) async fn figures(&self) -> Option<(u64, usize)> {
        self.desk.lock().await.index.as_ref().map(Index::figures)
    }

    /// Lists the files that the index has yet to read, which are all where it must be made anew; nothing where it is ahead.
    fn unknown(&self, index: &mut Option<Index>, snapshot: &TableSnapshot) -> Option<Vec<Arc<DataFile>>> {
        if let Some(known) = index {
            let lineage = self.lineage.lock();
            if known.generation > snapshot.generation {
                return None;
            }
            let unknown = lineage.unknown(&known.files, &snapshot.files);
            let (rows, live) = (known.len() + unknown.iter().map(|file| file.rows).sum::<u64>(), snapshot.file_rows());
            if lineage.is_clear_since(known.generation) && rows <= live + live / 3 + GONE_ROWS {
                if lineage.has_lost_since(known.generation) {
                    known.suspect_all();
                }
                return Some(unknown);
            }
            *index = None;
        }
        Some(snapshot.files.to_vec())
    }

    fn or_new<'a>(&self, index: &'a mut Option<Index>, snapshot: &TableSnapshot) -> Option<&'a mut Index> {
        if index.is_none() {
            *index = Some(Index::new(snapshot.generation, self.memory.take(0)?));
        }
        index.as_mut()
    }
}

impl Desk {
    /// Lets go of an index that does not fit.
    fn give_up(&mut self, bytes: usize) -> Option<Repeated> {
        self.index = None;
        if self.too_large.replace(bytes).is_none() {
            tracing::warn!(bytes, "no memory to remember which spans were sent more than once; views are slower (store.query.repeats_bytes)");
        }
        None
    }
}
