//! Following what other nodes commit to the same tables, so that a query here sees it within a moment.

use std::sync::Arc;

use futures::StreamExt;

use crate::blocking::blocking;
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
        if let Some(loaded) = log.load().await? {
            state.load(loaded.files, loaded.through);
        }
        return Ok(());
    }
    let inner = Arc::clone(inner);
    blocking(move || writer::take_in(&inner, &state, &mut log)).await
}
