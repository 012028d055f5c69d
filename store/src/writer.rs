//! Committing held rows: Parquet files first, then one commit that names them and the position in the log that they reach.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use schema::Micros;
use tokio::sync::OwnedMutexGuard;

use crate::change::Change;
use crate::datafile::FileWriter;
use crate::delta::{Commit, DeltaLog, Operation, Reached, Rows, add};
use crate::error::Error;
use crate::fail::FailPoint;
use crate::source::Source;
use crate::store::Inner;
use crate::table_state::{Sealed, TableState};
use crate::wal;

/// Tables that are committed at the same time: one sorts and compresses while the other waits for the disk.
const AT_ONCE: usize = 2;
/// How often due tables are looked for.
const TICK: Duration = Duration::from_millis(100);
/// Longest pause after commits of a table failed.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Commits what is due until the store stops.
pub(crate) async fn run(inner: Arc<Inner>) {
    let mut recent = VecDeque::new();
    loop {
        tokio::select! {
            () = inner.stop.cancelled() => return,
            () = inner.full.notified() => {}
            () = tokio::time::sleep(TICK) => {}
        }
        let due = due(&inner, &mut recent);
        futures::stream::iter(due).for_each_concurrent(AT_ONCE, |state| flush_or_pause(&inner, state)).await;
        if let Err(error) = retire(&inner).await {
            tracing::warn!(%error, "could not shorten the log; it is tried again");
        }
    }
}

/// Commits every row that is held now.
pub(crate) async fn flush_all(inner: &Arc<Inner>) -> Result<(), Error> {
    let began = Instant::now();
    let results = futures::stream::iter(inner.tables.all()).map(|state| async move {
        while state.waiting().is_some_and(|(_, since)| since <= began) && flush_table(inner, &state).await? {}
        Ok::<(), Error>(())
    });
    let results: Vec<_> = results.buffer_unordered(AT_ONCE).collect().await;
    results.into_iter().collect::<Result<Vec<()>, Error>>()?;
    retire(inner).await
}

/// Picks the tables to commit now: those with much, the largest when memory runs short, and those whose rows wait for long.
///
/// The last are picked oldest first and no more than so many a second, so that hundreds of quiet tenants stay cheap.
fn due(inner: &Inner, recent: &mut VecDeque<Instant>) -> Vec<Arc<TableState>> {
    let config = &inner.config;
    let interval = config.commit_interval();
    let tables = inner.tables.all().into_iter().filter(|state| state.may_commit());
    let mut waiting: Vec<_> = tables.filter_map(|state| state.waiting().map(|(bytes, since)| Waiting { bytes, since, state })).collect();
    waiting.sort_by_key(|table| std::cmp::Reverse(table.bytes));
    let mut too_much = inner.tables.held_bytes().saturating_sub(inner.memory.limit() / 2);
    let large = waiting.iter().take_while(|table| {
        let picked = table.bytes >= config.flush_bytes || too_much > 0;
        too_much = too_much.saturating_sub(table.bytes);
        picked
    });
    let mut small = waiting.split_off(large.count());
    small.retain(|table| table.since.elapsed() >= interval);
    small.sort_by_key(|table| table.since);
    while recent.front().is_some_and(|at| at.elapsed() >= Duration::from_secs(1)) {
        recent.pop_front();
    }
    small.truncate((config.commits_per_second.max(1) as usize).saturating_sub(recent.len()));
    recent.extend(small.iter().map(|_| Instant::now()));
    waiting.into_iter().chain(small).map(|table| table.state).collect()
}

struct Waiting {
    bytes: usize,
    since: Instant,
    state: Arc<TableState>,
}

async fn flush_or_pause(inner: &Arc<Inner>, state: Arc<TableState>) {
    let (tenant, table) = (state.tenant.as_str(), state.table.name());
    let flush = flush_table(inner, &state);
    tokio::pin!(flush);
    let flushed = match tokio::time::timeout(inner.config.slow_commit(), &mut flush).await {
        Ok(flushed) => flushed,
        Err(_) => {
            tracing::warn!(
                tenant,
                table,
                "a commit hangs; rows are taken in as long as there is memory for them. Is the disk or the object store slow?"
            );
            flush.await
        }
    };
    if let Err(error) = flushed {
        let pause = state.failed_to_commit(PAUSE_MAX);
        tracing::warn!(%error, tenant, table, pause_ms = pause.as_millis(), "could not commit; the rows stay in memory and in the log");
    }
}

/// Commits the oldest held rows of a table; `false` where it holds none.
pub(crate) async fn flush_table(inner: &Arc<Inner>, state: &Arc<TableState>) -> Result<bool, Error> {
    state.tries_to_commit();
    let log = Arc::clone(&state.log).lock_owned().await;
    let (inner, state) = (Arc::clone(inner), Arc::clone(state));
    let work = move || flush(&inner, &state, log).inspect(|_| state.committed_well());
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Task(error.to_string()))?
}

fn flush(inner: &Inner, state: &TableState, mut log: OwnedMutexGuard<DeltaLog>) -> Result<bool, Error> {
    take_in(inner, state, &mut log)?;
    let Some(sealed) = state.seal(inner.progress.watermark(), inner.config.flush_bytes) else { return Ok(false) };
    let result = commit(inner, state, &mut log, &sealed);
    // After a commit nothing is left to give back.
    state.unseal();
    result.map(|()| true)
}

/// Takes in commits that memory does not know of: another program's, or one of ours whose success was in doubt.
pub(crate) fn take_in(inner: &Inner, state: &TableState, log: &mut DeltaLog) -> Result<(), Error> {
    let change = log.catch_up()?;
    if !change.is_empty() {
        meet(inner, state, &change, (inner.clock)());
    }
    Ok(())
}

/// Takes in a commit that came from elsewhere. Who reads a stream in which it moves the table reads what it has already: that reading ends.
pub(crate) fn meet(inner: &Inner, state: &TableState, change: &Change, now: Micros) {
    for source in state.overtaken(&change.reached) {
        tracing::warn!(stream = %source.id, table = state.table.name(), "another node has committed what is read here; the stream is opened again");
        inner.close_source(&source);
    }
    state.apply(change, now);
}

fn commit(inner: &Inner, state: &TableState, log: &mut DeltaLog, sealed: &Sealed) -> Result<(), Error> {
    let started = Instant::now();
    let (config, now) = (&inner.config, (inner.clock)());
    let change = log.create(&config.data, config, now)?;
    if !change.is_empty() {
        meet(inner, state, &change, now);
    }
    if sealed.is_overtaken() {
        return Ok(());
    }
    let name = if sealed.log.is_some() { log.file_of_rows(state.through()) } else { log.file_of_streams() };
    let writer = FileWriter { table: state.table, root: &state.root, name: &name, config, blooms: &inner.blooms };
    inner.fail.reach(FailPoint::RowsSealed)?;
    let written = writer.write_days(&sealed.batches)?;
    for written in &written {
        state.place.publish(&written.file.path)?;
    }
    inner.fail.reach(FailPoint::FilesWritten)?;
    let actions: Vec<_> = written.iter().map(|written| add(state.table, &written.file, &written.footer, Rows::Change, now)).collect();
    // Or two tables that commit at the same time would each say that the other is not there yet.
    let _claims = (!sealed.streams.is_empty()).then(|| inner.claims.lock());
    let reached = reached(inner, state, sealed);
    while let Commit::Raced(change) = log.commit(Operation::Append, &actions, &reached, config, now)? {
        // An answer of an object store can get lost: then what came first is this very commit.
        if change.holds_all(&written) {
            state.apply(&change, now);
            return Ok(());
        }
        meet(inner, state, &change, now);
        if sealed.is_overtaken() {
            return written.iter().try_for_each(|written| state.place.delete(&written.file.path));
        }
    }
    inner.fail.reach(FailPoint::Committed)?;
    let n_rows: u64 = written.iter().map(|written| written.file.rows).sum();
    let added = written.into_iter().map(|written| Arc::new(written.file)).collect();
    state.apply(&Change { added, reached, ..Change::default() }, now);
    tracing::debug!(
        tenant = state.tenant.as_str(),
        table = state.table.name(),
        n_rows,
        n_files = actions.len(),
        through = sealed.log,
        n_streams = sealed.streams.len(),
        duration_ms = started.elapsed().as_millis(),
        "committed rows"
    );
    Ok(())
}

/// Names the positions that the table, and all tables together, reach with a commit.
fn reached(inner: &Inner, state: &TableState, sealed: &Sealed) -> Reached {
    let mut reached = Reached { log: sealed.log, ..Reached::default() };
    for (source, through) in &sealed.streams {
        reached.streams.insert(source.id.to_string(), *through);
        let complete = inner.complete_with(source, state, *through).filter(|complete| *complete > source.start);
        reached.streams.extend(complete.map(|complete| (Source::complete_id(&source.id), complete)));
    }
    reached
}

impl Sealed {
    /// Tells whether a stream of which rows are here is not read any more.
    fn is_overtaken(&self) -> bool {
        self.streams.iter().any(|(source, _)| !source.is_open())
    }
}

/// Deletes the log's segments whose rows are all committed.
pub(crate) async fn retire(inner: &Arc<Inner>) -> Result<(), Error> {
    inner.fail.reach(FailPoint::Swapped)?;
    let inner = Arc::clone(inner);
    let retire = move || {
        let Some(log) = inner.log.get() else { return Ok(()) };
        let mut retired = inner.retired.lock();
        let applied = inner.tables.applied(inner.progress.watermark());
        inner.committed.send_if_modified(|committed| std::mem::replace(committed, applied.max(*committed)) < applied);
        let applied = inner.quarantine.retry().map_or(applied, |unkept| applied.min(unkept - 1));
        if applied > *retired {
            wal::retire(inner.disk.as_ref(), &inner.wal_dir(), log.segments(), &inner.window, applied)?;
            *retired = applied;
        }
        Ok(())
    };
    tokio::task::spawn_blocking(retire).await.map_err(|error| Error::Task(error.to_string()))?
}
