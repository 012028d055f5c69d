//! The store's front door: what the other crates call.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arrow::array::RecordBatch;
use bytes::Bytes;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use schema::{Clock, Micros, Row, Table, Tenant};
use tokio::sync::{Notify, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::appender::Appender;
use crate::budget::Budget;
use crate::config::{Durability, StoreConfig};
use crate::decode::{Prepared, Signal};
use crate::dedup::{Known, Window};
use crate::disk::{self, Disk};
use crate::engine::{Engine, Share};
use crate::error::Error;
use crate::fail::Fail;
use crate::flow::{Flow, Kept};
use crate::ingest::{NewRecord, hash_of};
use crate::ipc;
use crate::lock::DirLock;
use crate::maintain::Work;
use crate::progress::Progress;
use crate::quarantine::Quarantine;
use crate::snapshot::TableSnapshot;
use crate::source::Source;
use crate::status::{Status, StreamStatus, TableStatus};
use crate::tables::Tables;
use crate::wal::Log;
use crate::writer::flush_all;

/// The tables of every tenant, and the log in front of them; cheap to clone.
///
/// When the last clone is dropped without [`Store::close`], the store stops as if it had crashed: nothing that was acked is lost,
/// and the next start reads it from the log.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
    _stop: Arc<StopOnDrop>,
}

/// What the clones of a [`Store`] and its tasks share.
pub(crate) struct Inner {
    pub(crate) config: StoreConfig,
    pub(crate) clock: Clock,
    /// Where queries run, once there was one.
    pub(crate) engine: OnceLock<Engine>,
    /// How queries are shared out, where they are.
    pub(crate) share: OnceLock<Share>,
    /// Tasks of queries that this node ran for a cluster.
    pub(crate) cluster_tasks: Arc<AtomicU64>,
    pub(crate) tables: Arc<Tables>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) quarantine: Arc<Quarantine>,
    pub(crate) window: Arc<Window>,
    /// The streams that are read, by their names.
    pub(crate) sources: Mutex<BTreeMap<Arc<str>, Arc<Source>>>,
    /// Held from the look at what other tables hold of streams until a commit that says so is made.
    pub(crate) claims: Mutex<()>,
    /// What became of the records that were sent.
    pub(crate) flow: Arc<Flow>,
    /// What maintenance does.
    pub(crate) work: Arc<Work>,
    /// The last record up to which every row is committed.
    pub(crate) committed: watch::Sender<u64>,
    /// The memory of ingest: requests and bodies until they are rows, and rows until they are committed.
    pub(crate) memory: Arc<Budget>,
    /// Bytes of filters over trace ids.
    pub(crate) blooms: Arc<Budget>,
    /// Hears that a table holds enough for a commit, or that memory runs short.
    pub(crate) full: Arc<Notify>,
    /// The log, open for writing; empty in a store that only reads.
    pub(crate) log: OnceLock<Log>,
    pub(crate) appender: OnceLock<Appender>,
    pub(crate) notice: Option<String>,
    /// Where the log is.
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) lock: Mutex<Option<Arc<DirLock>>>,
    pub(crate) closed: AtomicBool,
    /// The last record up to which every row was known to be committed when the log was last shortened; one shortens it at a time.
    pub(crate) retired: Mutex<u64>,
    pub(crate) fail: Fail,
}

struct StopOnDrop(Arc<Inner>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop.cancel();
        self.0.log.get().inspect(|log| log.stop());
        self.0.appender.get().inspect(|appender| appender.stop());
    }
}

/// What became of an ingested body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Its position in the log; for a duplicate, the position of the body that was stored.
    pub seq: u64,
    /// True where the same body was stored before, so that this one was not.
    pub duplicate: bool,
}

impl Store {
    pub(crate) fn of(inner: Arc<Inner>) -> Store {
        Store { _stop: Arc::new(StopOnDrop(Arc::clone(&inner))), inner }
    }

    /// Returns what a reader should know about this view of the data, such as that it lacks what is not committed.
    pub fn notice(&self) -> Option<&str> {
        self.inner.notice.as_deref()
    }

    /// Stores a body durably; it is on disk when this returns `Ok`.
    ///
    /// `prepared` makes the rows of a request that was parsed already; without it the body is decoded. A body that the tenant sent
    /// within the last minutes is not stored again. Nothing that follows depends on the caller waiting: a body whose sender went
    /// away is stored or not, and its repetition is told apart from it either way.
    pub fn ingest<'a>(
        &'a self,
        tenant: &'a Tenant,
        signal: Signal,
        body: Bytes,
        received_at: Micros,
        prepared: Option<Prepared>,
    ) -> BoxFuture<'a, Result<Receipt, Error>> {
        Box::pin(async move {
            let receipt = self.take(tenant, signal, body, received_at, prepared).await;
            let kept = |receipt: &Receipt| if receipt.duplicate { Kept::Before } else { Kept::New };
            self.inner.flow.answered(signal, receipt.as_ref().map(kept));
            receipt
        })
    }

    async fn take(&self, tenant: &Tenant, signal: Signal, body: Bytes, received_at: Micros, prepared: Option<Prepared>) -> Result<Receipt, Error> {
        self.inner.check_open()?;
        let limit = self.inner.config.body_bytes_max;
        if body.len() > limit {
            return Err(Error::TooLarge { bytes: body.len(), limit });
        }
        let hash = hash_of(&body).await?;
        let ticket = loop {
            match self.inner.window.ask(tenant, signal, hash, received_at) {
                Known::Stored(seq) => {
                    self.inner.promised(seq).await?;
                    return Ok(Receipt { seq, duplicate: true });
                }
                // Whatever became of it, the window knows; ask again.
                Known::Pending(told) => drop(told.await),
                Known::New(ticket) => break ticket,
            }
        };
        let record = NewRecord { tenant, signal, body, received_at, hash, prepared, ticket: Some(ticket), visible: None };
        let seq = self.inner.write(record).await?;
        self.inner.promised(seq).await?;
        Ok(Receipt { seq, duplicate: false })
    }

    /// Appends rows of one of karat's own tables; durable and visible to queries when this returns `Ok`.
    pub async fn append<R: Row>(&self, tenant: &Tenant, rows: &[R], now: Micros) -> Result<(), Error> {
        if rows.is_empty() {
            return self.inner.check_open().map(drop);
        }
        self.append_batch(tenant, R::TABLE, R::encode(rows)?, now).await
    }

    fn append_batch<'a>(&'a self, tenant: &'a Tenant, table: Table, batch: RecordBatch, now: Micros) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            self.inner.check_open()?;
            let body = ipc::write_rows(table, &batch)?;
            let limit = self.inner.config.body_bytes_max;
            if body.len() > limit {
                return Err(Error::TooLarge { bytes: body.len(), limit });
            }
            let prepared: Prepared = Box::new(move || Ok(vec![(table, batch)]));
            let (visible, seen) = oneshot::channel();
            let record = NewRecord {
                tenant,
                signal: Signal::Rows,
                body,
                received_at: now,
                hash: 0,
                prepared: Some(prepared),
                ticket: None,
                visible: Some(visible),
            };
            let seq = self.inner.write(record).await?;
            seen.await.map_err(|_| Error::Rows { table: table.name(), reason: "they are put aside in _wal/quarantine".to_owned() })?;
            self.inner.promised(seq).await
        })
    }

    /// Commits every row that is held.
    pub fn flush(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            self.inner.check_open()?;
            let seq = self.inner.durable();
            self.inner.progress.reached(seq).await;
            flush_all(&self.inner).await
        })
    }

    /// Waits until everything that was acked before the call is visible to queries.
    pub fn settle(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            self.inner.progress.reached(self.inner.durable()).await;
            Ok(())
        })
    }

    /// Commits every row, stops the background tasks and releases the lock.
    ///
    /// After an error everything is stopped too; what could not be committed is in the log.
    pub fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            if self.inner.closed.swap(true, Ordering::AcqRel) || self.inner.log.get().is_none() {
                return Ok(());
            }
            let inner = Arc::clone(&self.inner);
            let close_log = tokio::task::spawn_blocking(move || inner.log.get().map(Log::close)).await;
            let seq = self.inner.durable();
            self.inner.progress.reached(seq).await;
            let flushed = flush_all(&self.inner).await;
            self.inner.stop.cancel();
            self.inner.tasks.close();
            self.inner.tasks.wait().await;
            let inner = Arc::clone(&self.inner);
            let close_appender = tokio::task::spawn_blocking(move || inner.appender.get().map(Appender::close)).await;
            drop(self.inner.lock.lock().take());
            close_log.and(close_appender).map_err(|error| Error::Task(error.to_string()))?;
            flushed
        })
    }

    /// Tells in a word or two why nothing can be taken in at this moment; nothing where it can.
    pub fn trouble(&self) -> Option<&'static str> {
        let log = match self.inner.check_open() {
            Ok(log) => log,
            Err(Error::ReadOnly) => return None,
            Err(_) => return Some("the store is closed"),
        };
        let memory = &self.inner.memory;
        match () {
            () if log.is_failing() => Some("the log cannot be written; is the disk full?"),
            () if self.inner.stuck_for() >= self.inner.config.stuck_commit() => {
                Some("commits hang or fail; can the disk or the object store be written?")
            }
            // From here on senders of much are turned away, and a large body does not fit.
            () if memory.used() > memory.limit() / 4 * 3 => Some("the memory of ingest is used up"),
            () => None,
        }
    }

    /// Tells whether commits hang or fail for longer than a moment, so that memory which is used up stays so for a while.
    pub fn is_stalled(&self) -> bool {
        self.inner.stuck_for() >= self.inner.config.slow_commit()
    }

    /// Counts a request that its receiver turned away before it came here.
    pub fn refused(&self, signal: Signal, reason: &str) {
        self.inner.flow.refused(signal, reason);
    }

    /// Returns the memory of ingest, of which whoever receives requests takes a permit before it reads them.
    ///
    /// A body that is handed to [`Store::ingest`] is counted there, and the rows that come of it until they are committed.
    pub fn memory(&self) -> &Arc<Budget> {
        &self.inner.memory
    }

    /// Tells whether other nodes may write to the tables, too.
    pub fn has_shared_tables(&self) -> bool {
        self.inner.tables.root().is_shared()
    }

    /// Lists the tenants that have data.
    pub fn tenants(&self) -> Vec<Tenant> {
        self.inner.tables.tenants()
    }

    /// Reports sizes and times, for people and for the dashboard.
    pub fn status(&self) -> Status {
        let inner = &self.inner;
        let (wal_segments, wal_bytes) = inner.log.get().map_or((0, 0), |log| log.segments().size());
        let tables: Vec<TableStatus> = inner.tables.all().iter().filter_map(|state| state.status()).collect();
        Status {
            wal_bytes,
            wal_segments,
            last_seq: inner.durable(),
            visible_seq: inner.progress.watermark(),
            committed_seq: inner.tables.applied(inner.progress.watermark()),
            signals: inner.flow.status(),
            streams: inner.sources.lock().values().filter_map(|source| inner.stream_status(source)).collect(),
            maintenance: inner.work.status(),
            disk_free_bytes: disk::free_bytes(&inner.config.data),
            pending_bytes: inner.memory.used().saturating_sub(inner.tables.held_bytes()),
            quarantined: inner.quarantine.count(),
            cluster_tasks: inner.cluster_tasks.load(Ordering::Relaxed),
            day_bytes: tables.iter().map(|table| table.file_bytes / table.days.max(1) as u64).sum(),
            remote: inner.tables.root().is_shared(),
            tables,
        }
    }
}

impl Inner {
    /// Returns what the table holds now; cheap, and consistent in itself.
    pub(crate) fn snapshot(&self, tenant: &Tenant, table: Table) -> TableSnapshot {
        match self.tables.find(tenant, table) {
            Some(state) => state.snapshot(),
            None => TableSnapshot::empty(table, self.tables.root_of(tenant, table)),
        }
    }

    /// Returns for how long the commit of a table has been tried without success; zero where all is well.
    fn stuck_for(&self) -> Duration {
        self.tables.all().iter().filter_map(|state| state.stuck_since()).map(|since| since.elapsed()).max().unwrap_or_default()
    }

    fn stream_status(&self, source: &Source) -> Option<StreamStatus> {
        let committed = self.complete(source)?;
        Some(StreamStatus { name: source.id.to_string(), taken: source.fed(), visible: source.progress.watermark(), committed })
    }

    /// Returns the directory of the log.
    pub(crate) fn wal_dir(&self) -> PathBuf {
        self.config.data.join("_wal")
    }

    pub(crate) fn check_open(&self) -> Result<&Log, Error> {
        match self.log.get() {
            None => Err(Error::ReadOnly),
            Some(_) if self.closed.load(Ordering::Acquire) => Err(Error::Closed),
            Some(log) => Ok(log),
        }
    }

    /// Waits until a record is as safe as the answer to its sender says.
    async fn promised(&self, seq: u64) -> Result<(), Error> {
        if self.config.durability == Durability::Wal {
            return Ok(());
        }
        let waited = Duration::from_millis(self.config.commit_wait_ms);
        let mut committed = self.committed.subscribe();
        let reached = tokio::time::timeout(waited, committed.wait_for(|committed| *committed >= seq)).await;
        // The sender of the position lives as long as `self`.
        reached.map(drop).map_err(|_| Error::Uncommitted { waited })
    }

    fn durable(&self) -> u64 {
        self.log.get().map_or(0, Log::durable)
    }
}
