//! Files that go and files that come in their place, in one commit.

use std::sync::Arc;

use crate::change::{Change, Kept, Swap};
use crate::datafile::Written;
use crate::delta::{Commit, Operation, Reached, Rows, add, remove};
use crate::error::Error;
use crate::snapshot::DataFile;
use crate::store::Inner;
use crate::table_state::TableState;
use crate::writer::{meet, take_in};

/// What a commit of maintenance changes.
pub(super) struct Replacement<'a> {
    pub operation: Operation,
    pub rows: Rows,
    pub removed: &'a [Arc<DataFile>],
    pub added: Vec<Written>,
}

/// Commits a replacement; `false` where another program took one of the files away meanwhile, and nothing was changed. Blocks.
///
/// The files that go stay on disk for the readers that know of them (see `vacuum`).
pub(super) fn replace(inner: &Inner, state: &TableState, replacement: Replacement<'_>) -> Result<bool, Error> {
    let Replacement { operation, rows, removed, added } = replacement;
    for written in &added {
        state.place.publish(&written.file.path)?;
    }
    let now = (inner.clock)();
    let mut actions: Vec<_> = removed.iter().map(|file| remove(file, rows, now)).collect();
    actions.extend(added.iter().map(|written| add(state.table, &written.file, &written.footer, rows, now)));
    let mut log = state.log.blocking_lock();
    take_in(inner, state, &mut log)?;
    loop {
        let live = state.files();
        if !removed.iter().all(|file| live.iter().any(|live| live.path == file.path)) {
            // What the log names is kept, whoever wrote it: an earlier attempt of ours may have come through after all.
            let unnamed = added.iter().filter(|written| live.iter().all(|live| live.path != written.file.path));
            for written in unnamed {
                state.place.delete(&written.file.path)?;
            }
            return Ok(false);
        }
        match log.commit(operation, &actions, &Reached::default(), &inner.config, now)? {
            Commit::Done => break,
            // An answer of an object store can get lost: then what came first is this very commit.
            Commit::Raced(change) if change.holds_all(&added) => {
                state.apply(&change, now);
                break;
            }
            Commit::Raced(change) => meet(inner, state, &change, now),
        }
    }
    let removed: Vec<String> = removed.iter().map(|file| file.path.clone()).collect();
    log.replaced.extend(removed.iter().map(|path| (path.clone(), now.0 / 1_000)));
    let added: Vec<_> = added.into_iter().map(|written| Arc::new(written.file)).collect();
    let kept = if rows == Rows::Stay { Kept::All } else { Kept::Some };
    let swap = Swap { removed: removed.clone(), added: added.iter().map(|file| file.path.clone()).collect(), rows: kept };
    state.apply(&Change { added, removed, swaps: vec![swap], ..Change::default() }, now);
    Ok(true)
}
