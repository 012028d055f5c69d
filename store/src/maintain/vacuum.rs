//! Files that were replaced go, once no reader that knows of them is left.

use crate::error::Error;
use crate::store::Inner;
use crate::table_state::TableState;

/// Files that are deleted in one pass at most, so that a table does not keep the others waiting.
const STEP_FILES: usize = 1_000;

/// Deletes files that were replaced longer ago than the retention; a reader that began after it does not know of them. Blocks.
pub(super) fn vacuum(inner: &Inner, state: &TableState) -> Result<(), Error> {
    let retention_ms = i64::try_from(inner.config.deleted_file_retention_hours.saturating_mul(3_600_000)).unwrap_or(i64::MAX);
    let before_ms = ((inner.clock)().0 / 1_000).saturating_sub(retention_ms);
    let due: Vec<String> = {
        let log = state.log.blocking_lock();
        let due = log.replaced.iter().take_while(|(_, at_ms)| *at_ms < before_ms);
        due.map(|(path, _)| path.clone()).take(STEP_FILES).collect()
    };
    let files = state.files();
    // Another program can bring a file back, by restoring an earlier version of the table.
    for path in due.iter().filter(|path| !files.iter().any(|file| file.path == **path)) {
        state.place.delete(path)?;
    }
    inner.work.vacuumed(due.len());
    state.log.blocking_lock().replaced.drain(..due.len());
    Ok(())
}
