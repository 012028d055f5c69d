//! Keeping tables quick and small for a year: one loop goes from table to table and does what is due.
//!
//! For each table, in this order: [`retention`] takes out days that are too old, [`compact`] makes one file of many, [`checkpoint`]
//! shortens the table's log, [`vacuum`] deletes files that no reader needs any more; [`forget`] takes out the rows of one person
//! when asked. Readers and commits go on meanwhile.
//!
//! A step is one commit or none, and what is due is read from the table itself. So a step that a crash cut off is simply due
//! again, and what it leaves are at most files that no commit names, which the next start deletes.

mod checkpoint;
mod compact;
mod forget;
mod merge;
mod pace;
mod pick;
mod replace;
mod retention;
mod vacuum;
mod warm;
mod work;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use forget::REQUESTS;
pub use forget::{Forgotten, Subject};
pub use retention::RetentionRule;
pub use work::MaintenanceStatus;
pub(crate) use work::Work;

use crate::blocking::blocking;
use crate::error::Error;
use crate::store::Inner;
use crate::table_state::TableState;
use crate::writer::take_in;

/// How often the tables are looked at.
const TICK: Duration = Duration::from_secs(1);
/// While much comes in, so many times as many small files are left to lie: the CPU is wanted elsewhere.
const PATIENCE: usize = 5;
/// How long little must have come in before the others are joined.
const CALM: Duration = Duration::from_secs(10);

/// Looks after the tables until the store stops.
pub(crate) async fn run(inner: Arc<Inner>) {
    warm::warm(&inner).await;
    while !inner.stop.is_cancelled() {
        if let Err(error) = meet_others(&inner).await {
            tracing::warn!(%error, "could not look for what other nodes have committed; it is tried again");
        }
        for state in inner.tables.all() {
            if let Err(error) = look_after(&inner, &state).await {
                let (tenant, table) = (state.tenant.as_str(), state.table.name());
                inner.work.failed(&error, (inner.clock)());
                tracing::warn!(%error, tenant, table, "could not tidy a table; it is tried again");
            }
        }
        if let Err(error) = forget::requested(&inner).await {
            inner.work.failed(&error, (inner.clock)());
            tracing::warn!(%error, "could not remove the rows of a person; it is tried again");
        }
        tokio::select! {
            () = inner.stop.cancelled() => return,
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

/// Takes in what other nodes have committed to the tables that they share with this one.
async fn meet_others(inner: &Arc<Inner>) -> Result<(), Error> {
    if !inner.tables.root().is_shared() {
        return Ok(());
    }
    for tenant in inner.tables.root().tenants().await? {
        inner.tables.of(&tenant);
    }
    for state in inner.tables.all() {
        let inner = Arc::clone(inner);
        blocking(move || take_in(&inner, &state, &mut state.log.blocking_lock())).await?;
    }
    Ok(())
}

/// Does everything that is due for one table.
pub(crate) async fn look_after(inner: &Arc<Inner>, state: &Arc<TableState>) -> Result<(), Error> {
    let _tidying = state.tidying.lock().await;
    step(inner, state, "retention", retention::expire).await?;
    let busy = inner.work.is_busy(inner.tables.held_bytes() > inner.config.flush_bytes / 4, CALM);
    let limits = pick::Limits {
        at_least: inner.config.compact_files * if busy { PATIENCE } else { 1 },
        small_bytes: inner.config.compact_small_bytes,
        today: (inner.clock)().day(),
    };
    while let Some(picked) = pick::pick(&state.files(), limits)
        && !inner.stop.is_cancelled()
    {
        let (started, bytes) = (tokio::time::Instant::now(), picked.bytes());
        if !step(inner, state, "compaction", move |inner, state| compact::compact(inner, state, &picked)).await? {
            break;
        }
        pace::rest(inner, started, bytes).await;
    }
    step(inner, state, "checkpoint", checkpoint::checkpoint).await?;
    step(inner, state, "vacuum", vacuum::vacuum).await
}

/// Runs one step on a thread that may block, and tells that it is at work.
async fn step<T: Send + 'static>(
    inner: &Arc<Inner>,
    state: &Arc<TableState>,
    name: &'static str,
    work: impl FnOnce(&Inner, &TableState) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (inner, state) = (Arc::clone(inner), Arc::clone(state));
    blocking(move || {
        let _at_work = inner.work.begin(name, &state);
        work(&inner, &state)
    })
    .await
}
