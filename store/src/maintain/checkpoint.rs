//! A table's log in one file: opening reads that instead of every commit, and old commits can go.

use crate::delta;
use crate::error::Error;
use crate::store::Inner;
use crate::table_state::TableState;

/// Writes a checkpoint where enough commits came since the last one, and deletes old entries of the log that one covers. Blocks.
///
/// Commits go on meanwhile; a checkpoint that is cut off by a crash is not named by anything, and is written again.
pub(super) fn checkpoint(inner: &Inner, state: &TableState) -> Result<(), Error> {
    if state.log.blocking_lock().since_checkpoint < inner.config.checkpoint_commits.max(1) {
        return Ok(());
    }
    tokio::runtime::Handle::current().block_on(delta::checkpoint(&state.place, &inner.fail))?;
    state.log.blocking_lock().since_checkpoint = 0;
    inner.work.checkpointed();
    Ok(())
}
