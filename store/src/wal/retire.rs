//! Deleting segments whose rows are all in their tables.

use std::path::Path;

use crate::dedup::Window;
use crate::disk::{self, Durable};
use crate::error::Error;
use crate::wal::group::Log;

const NAME: &str = "applied";

/// Deletes the segments that hold nothing above `applied`, the last record up to which every row is committed.
///
/// What they tell about repeated bodies is kept in a file of its own first, for as long as it matters.
pub(crate) fn retire(dir: &Path, log: &Log, window: &Window, applied: u64) -> Result<(), Error> {
    if read_applied(dir) < applied {
        disk::replace(&dir.join(NAME), format!("{applied}\n").as_bytes(), Durable::Hint)?;
    }
    while let Some(segment) = log.oldest()
        && segment.last_seq <= applied
    {
        window.save(dir, segment.first_seq, segment.last_seq)?;
        disk::remove(&segment.path)?;
        log.forget_oldest();
        tracing::debug!(file = %segment.path.display(), bytes = segment.bytes, "deleted a log segment; its rows are committed");
    }
    window.forget_files(dir)
}

/// Reads up to which record every row is committed, as far as that was noted; a replay need not decode those.
pub(crate) fn read_applied(dir: &Path) -> u64 {
    std::fs::read_to_string(dir.join(NAME)).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}
