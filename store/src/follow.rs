//! Following what other nodes commit to the same tables, so that a query here sees it within a moment.

use std::sync::Arc;

use futures::StreamExt;

use crate::blocking::blocking;
use crate::change::Change;
use crate::delta::{DeltaLog, Reached};
use crate::error::Error;
use crate::store::Inner;
use crate::table_state::TableState;
use crate::writer;

/// Tables that are looked at at the same time.
const AT_ONCE: usize = 8;

/// Takes in other nodes' commits until the store stops.
pub(crate) async fn run(inner: Arc<Inner>) {
    loop {
        tokio::select! {
            () = inner.stop.cancelled() => return,
            () = tokio::time::sleep(inner.config.follow_interval()) => {}
        }
        if let Err(error) = once(&inner).await {
            tracing::warn!(%error, "could not read what other nodes committed; it is tried again");
        }
    }
}

/// Looks at every table of every tenant once.
pub(crate) async fn once(inner: &Arc<Inner>) -> Result<(), Error> {
    for tenant in inner.tables.root().tenants().await? {
        inner.tables.of(&tenant);
    }
    let looks = futures::stream::iter(inner.tables.all()).map(|state| follow(inner, state)).buffer_unordered(AT_ONCE);
    looks.collect::<Vec<_>>().await.into_iter().collect()
}

/// Takes in the commits of one table; one that is busy with a commit of ours sees them anyway.
async fn follow(inner: &Arc<Inner>, state: Arc<TableState>) -> Result<(), Error> {
    let Ok(mut log) = Arc::clone(&state.log).try_lock_owned() else { return Ok(()) };
    if !log.is_read() {
        let Some(loaded) = log.load().await? else { return Ok(()) };
        state.load(loaded.files, loaded.through);
        let inner = Arc::clone(inner);
        return blocking(move || meet_streams(&inner, &state, &mut log)).await;
    }
    let inner = Arc::clone(inner);
    blocking(move || writer::take_in(&inner, &state, &mut log)).await
}

/// A table that another node made may have rows of streams that are read here.
fn meet_streams(inner: &Inner, state: &TableState, log: &mut DeltaLog) -> Result<(), Error> {
    let reached = Reached { log: None, streams: log.streams()?.clone() };
    writer::meet(inner, state, &Change { reached, ..Change::default() }, (inner.clock)());
    Ok(())
}
