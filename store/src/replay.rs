//! What is done at open: tables are read from disk, and the log's records that are not in them become held rows again.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures::TryStreamExt;

use crate::appender::{Appender, Job};
use crate::budget::Permit;
use crate::decode::Signal;
use crate::dedup::Stored;
use crate::delta::DeltaLog;
use crate::error::Error;
use crate::store::Inner;
use crate::table_state::TableState;
use crate::wal::{self, Frame, LogId, Scanned, Tail};

/// Tables that are read at the same time.
const AT_ONCE: usize = 8;
/// How often a replay looks whether there is room again.
const PAUSE: Duration = Duration::from_millis(2);

/// How far a start is: the tables are found, then the log of the last run is read again. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct ReplayProgress(Arc<Steps>);

#[derive(Debug, Default)]
struct Steps {
    asks_for_tables: AtomicBool,
    read: AtomicU64,
    all: AtomicU64,
}

impl ReplayProgress {
    /// Returns how many bytes of the log were read, and how many there are.
    pub fn bytes(&self) -> (u64, u64) {
        let all = self.0.all.load(Ordering::Acquire);
        (self.0.read.load(Ordering::Acquire).min(all), all)
    }

    /// Tells whether the object store with the tables has not answered everything yet.
    pub fn waits_for_objects(&self) -> bool {
        self.0.asks_for_tables.load(Ordering::Acquire)
    }

    /// Notes whether an object store is asked for the tables.
    pub(crate) fn asks_for_tables(&self, asks: bool) {
        self.0.asks_for_tables.store(asks, Ordering::Release);
    }

    fn begin(&self, all: u64) {
        self.0.all.store(all, Ordering::Release);
    }

    fn read(&self, bytes: usize) {
        self.0.read.fetch_add(bytes as u64, Ordering::AcqRel);
    }
}

/// Reads every table that is on disk. A writer also deletes what a crash left there half made.
pub(crate) async fn load_tables(inner: &Inner, tail: Tail) -> Result<(), Error> {
    for tenant in inner.tables.root().tenants().await? {
        inner.tables.of(&tenant);
    }
    futures::stream::iter(inner.tables.all().into_iter().map(Ok)).try_for_each_concurrent(AT_ONCE, |state| load_table(state, tail)).await
}

async fn load_table(state: Arc<TableState>, tail: Tail) -> Result<(), Error> {
    let mut log = Arc::clone(&state.log).lock_owned().await;
    let Some(loaded) = log.load().await? else { return Ok(()) };
    state.load(loaded.files, loaded.through);
    match tail {
        Tail::Cut => {
            let sweep = tokio::task::spawn_blocking(move || sweep(&state, &log));
            sweep.await.map_err(|error| Error::Task(error.to_string()))?
        }
        Tail::Leave => Ok(()),
    }
}

/// Deletes files of ours that no commit knows: a crash came between writing them and committing them.
fn sweep(state: &TableState, log: &DeltaLog) -> Result<(), Error> {
    let live = state.files();
    let known: HashSet<&str> = live.iter().map(|file| file.path.as_str()).chain(log.replaced.iter().map(|(path, _)| path.as_str())).collect();
    for path in state.place.data_files()?.iter().filter(|path| !known.contains(path.as_str()) && log.may_sweep(path)) {
        tracing::info!(table = %state.root.display(), path, "deleted a file that a crash left without a commit");
        state.place.delete(path)?;
    }
    Ok(())
}

/// Reads the log from the first record that may not be in every table, and hands the records to `appender`. Blocks.
///
/// A record whose rows are in a table's files already is decoded again, but not held there again: the table knows up to which
/// record it is complete.
pub(crate) fn replay(inner: &Inner, id: LogId, appender: &Appender, tail: Tail, report: &ReplayProgress) -> Result<Scanned, Error> {
    let dir = inner.wal_dir();
    report.begin(wal::bytes_used(inner.disk.as_ref(), &dir)?);
    let applied = inner.progress.watermark();
    let mut expected = applied + 1;
    if tail == Tail::Cut {
        inner.window.load(inner.disk.as_ref(), &dir)?;
    }
    let scanned = wal::scan(inner.disk.as_ref(), &dir, id, applied, tail, |frame| {
        report.read(wal::frame_bytes(&frame.tenant, &frame.body));
        if frame.signal != Signal::Rows {
            let stored = Stored { seq: frame.seq, received_at: frame.received_at };
            inner.window.note(&frame.tenant, frame.signal, frame.hash, stored);
        }
        if frame.seq <= applied {
            return Ok(());
        }
        if frame.seq > expected {
            inner.progress.done(expected, frame.seq - 1);
        }
        expected = frame.seq + 1;
        match inner.quarantine.holds(frame.seq) {
            true => inner.progress.done(frame.seq, frame.seq),
            false => appender.push(job_of(inner, frame)),
        }
        Ok(())
    })?;
    if scanned.next_seq > expected {
        inner.progress.done(expected, scanned.next_seq - 1);
    }
    // Tables may have come further than a log whose files were lost; positions are never given twice.
    let reached = inner.tables.all().iter().map(|state| state.through()).fold(applied.max(inner.quarantine.last()), u64::max);
    if scanned.next_seq <= reached {
        inner.progress.done(scanned.next_seq, reached);
    }
    Ok(Scanned { next_seq: scanned.next_seq.max(reached + 1), ..scanned })
}

fn job_of(inner: &Inner, frame: Frame) -> Job {
    let permit = wait_for_room(inner, frame.body.len());
    let Frame { seq, signal, tenant, received_at, body, .. } = frame;
    Job { seq, origin: None, signal, tenant, received_at, body, prepared: None, visible: None, permit }
}

/// Waits until the record has room in memory; one that is larger than all of it waits until it is alone.
fn wait_for_room(inner: &Inner, bytes: usize) -> Permit {
    while inner.memory.used() > 0 && inner.memory.used().saturating_add(bytes) > inner.memory.limit() && !inner.stop.is_cancelled() {
        inner.full.notify_one();
        std::thread::sleep(PAUSE);
    }
    inner.memory.force(bytes)
}
