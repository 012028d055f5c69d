//! Deleting segments whose rows are all in their tables.

use std::path::Path;

use crate::dedup::Window;
use crate::disk::{Disk, Durable};
use crate::error::Error;
use crate::wal::segment::Closed;
use crate::wal::writer::Segments;

const NAME: &str = "applied";

/// Deletes the segments that hold nothing above `applied`, the last record up to which every row is committed.
///
/// What they tell about repeated bodies is kept in a file of its own first, for as long as it matters. That these records are applied
/// is durable before the first segment goes: after a power cut any of the files may be there again, with gaps between them.
pub(crate) fn retire(disk: &dyn Disk, dir: &Path, segments: &Segments, window: &Window, applied: u64) -> Result<(), Error> {
    let is_done = |segment: &Closed| segment.last_seq <= applied;
    let durable = if segments.oldest().is_some_and(|segment| is_done(&segment)) { Durable::Yes } else { Durable::Hint };
    if durable == Durable::Yes || read_applied(disk, dir) < applied {
        disk.replace(&dir.join(NAME), format!("{applied}\n").as_bytes(), durable)?;
    }
    while let Some(segment) = segments.oldest().filter(is_done) {
        window.save(disk, dir, segment.first_seq, segment.last_seq)?;
        disk.forget(&segment.path)?;
        segments.forget_oldest();
        tracing::debug!(file = %segment.path.display(), bytes = segment.bytes, "deleted a log segment; its rows are committed");
    }
    window.forget_files(disk, dir)
}

/// Reads up to which record every row is committed, as far as that was noted; a replay need not decode those.
pub(crate) fn read_applied(disk: &dyn Disk, dir: &Path) -> u64 {
    let text = disk.read(&dir.join(NAME)).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.and_then(|text| text.strip_suffix('\n')?.parse().ok()).unwrap_or(0)
}
