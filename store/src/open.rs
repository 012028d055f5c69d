//! Opening a data directory, to write or to read.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use schema::Clock;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::appender::Appender;
use crate::backup::refuse_half_restored;
use crate::blocking::blocking;
use crate::budget::Budget;
use crate::config::StoreConfig;
use crate::decode::Decode;
use crate::dedup::Window;
use crate::disk::{self, OsDisk};
use crate::error::Error;
use crate::fail::Fail;
use crate::lock::{DirLock, Shared};
use crate::place::Root;
use crate::progress::Progress;
use crate::quarantine::{Quarantine, Writes};
use crate::replay::{ReplayProgress, load_tables, replay};
use crate::store::{Inner, Store};
use crate::tables::Tables;
use crate::wal::{self, Log, LogId, Tail};
use crate::{follow, maintain, writer};

const COMMITTED_ALONE: &str = "this node only reads: it shows what the writing nodes have committed, which is a few seconds behind";
const BESIDE_A_WRITER: &str = "another karat writes to this directory: this is what it has committed, without the rows of its last seconds";

impl Store {
    /// Opens the data directory to write: takes its lock, replays the log and starts the background tasks.
    pub fn open(config: StoreConfig, decode: Arc<dyn Decode>, clock: Clock) -> BoxFuture<'static, Result<Store, Error>> {
        Self::open_reporting(config, decode, clock, ReplayProgress::default())
    }

    /// Opens the data directory to write, and tells meanwhile how far the replay of the log is.
    pub fn open_reporting(
        config: StoreConfig,
        decode: Arc<dyn Decode>,
        clock: Clock,
        report: ReplayProgress,
    ) -> BoxFuture<'static, Result<Store, Error>> {
        Box::pin(async move {
            config.check()?;
            let (config, lock, id) = blocking(move || prepare(config)).await?;
            let applied = wal::read_applied(&OsDisk, &config.data.join("_wal"));
            let root = Root::of(&config)?;
            report.asks_for_tables(root.is_shared());
            root.patiently(|| root.check(&config)).await?;
            let store = Store::of(Arc::new(inner(config, root, clock, Some(id), applied, Some(lock), None)));
            let inner = Arc::clone(&store.inner);
            inner.tables.root().patiently(|| load_tables(&inner, Tail::Cut)).await?;
            report.asks_for_tables(false);
            start_appender(&inner, decode)?;
            inner.tasks.spawn(writer::run(Arc::clone(&inner)));
            let replaying = Arc::clone(&inner);
            let scanned = blocking(move || match replaying.appender.get() {
                Some(appender) => replay(&replaying, id, appender, Tail::Cut, &report),
                None => Err(Error::Closed),
            });
            let scanned = scanned.await?;
            inner.progress.reached(scanned.next_seq - 1).await;
            let lock = inner.lock.lock().clone();
            let log = Log::open(Arc::clone(&inner.disk), inner.wal_dir(), id, scanned, &inner.config, lock, inner.fail.clone())?;
            inner.log.set(log).map_err(|_| Error::Closed)?;
            inner.tasks.spawn(maintain::run(Arc::clone(&inner)));
            if inner.tables.root().is_shared() {
                inner.tasks.spawn(follow::run(Arc::clone(&inner)));
            }
            Ok(store)
        })
    }

    /// Opens tables that other nodes write, to read them and nothing else, and follows what is committed to them.
    ///
    /// Needs no lock and no log; `config.data` is made where it is missing. What another node holds and has not committed is not seen.
    pub fn open_follower(config: StoreConfig, clock: Clock) -> BoxFuture<'static, Result<Store, Error>> {
        Box::pin(async move {
            config.check()?;
            std::fs::create_dir_all(&config.data).map_err(|source| Error::io("create", &config.data, source))?;
            let config = absolute(config)?;
            let root = Root::of(&config)?;
            let store = Store::of(Arc::new(inner(config, root, clock, None, 0, None, Some(COMMITTED_ALONE.to_owned()))));
            store.inner.tables.root().patiently(|| follow::once(&store.inner)).await?;
            store.inner.tasks.spawn(follow::run(Arc::clone(&store.inner)));
            Ok(store)
        })
    }

    /// Opens the data directory to read: at rest with the log's tail, beside a running karat with what is committed.
    ///
    /// Nothing is written. The view is of the moment of opening.
    pub fn open_read_only(config: StoreConfig, decode: Arc<dyn Decode>, clock: Clock) -> BoxFuture<'static, Result<Store, Error>> {
        Box::pin(async move {
            config.check()?;
            let (config, shared) = blocking(move || look(config)).await?;
            let wal_dir = config.data.join("_wal");
            let id = wal::read_id(&OsDisk, &wal_dir)?;
            let notice = matches!(shared, Shared::Held).then(|| BESIDE_A_WRITER.to_owned());
            let root = Root::of(&config)?;
            let store = Store::of(Arc::new(inner(config, root, clock, id, wal::read_applied(&OsDisk, &wal_dir), None, notice)));
            let inner = Arc::clone(&store.inner);
            load_tables(&inner, Tail::Leave).await?;
            if let (Shared::AtRest { .. }, Some(id)) = (&shared, id) {
                start_appender(&inner, decode)?;
                let replaying = Arc::clone(&inner);
                let replayed = blocking(move || {
                    let Some(appender) = replaying.appender.get() else { return Ok(()) };
                    let replayed = replay(&replaying, id, appender, Tail::Leave, &ReplayProgress::default());
                    appender.close();
                    replayed.map(drop)
                });
                replayed.await?;
            }
            // The lock has kept a writer out until here; what was read does not change any more.
            drop(shared);
            Ok(store)
        })
    }
}

/// Takes the directory and finds or makes its log.
fn prepare(config: StoreConfig) -> Result<(StoreConfig, DirLock, LogId), Error> {
    std::fs::create_dir_all(&config.data).map_err(|source| Error::io("create", &config.data, source))?;
    let config = absolute(config)?;
    refuse_half_restored(&config.data)?;
    let lock = DirLock::exclusive(&config.data, Duration::from_millis(config.lock_wait_ms))?;
    let wal_dir = config.data.join("_wal");
    disk::create_dirs(&config.data, &wal_dir)?;
    let id = wal::open_id(&OsDisk, &wal_dir)?;
    Ok((config, lock, id))
}

fn look(config: StoreConfig) -> Result<(StoreConfig, Shared), Error> {
    if !config.data.is_dir() {
        return Err(Error::NoData { path: config.data });
    }
    let config = absolute(config)?;
    refuse_half_restored(&config.data)?;
    let shared = DirLock::shared(&config.data)?;
    Ok((config, shared))
}

fn absolute(mut config: StoreConfig) -> Result<StoreConfig, Error> {
    config.data = config.data.canonicalize().map_err(|source| Error::io("find", &config.data, source))?;
    Ok(config)
}

fn inner(config: StoreConfig, root: Root, clock: Clock, id: Option<LogId>, applied: u64, lock: Option<DirLock>, notice: Option<String>) -> Inner {
    let writes = if lock.is_some() { Writes::Allowed } else { Writes::Forbidden };
    let (app_id, prefix) = id.map(|id| (id.app_id(), id.short())).unwrap_or_default();
    let fail = Fail::default();
    let memory = Budget::new(config.admitted_bytes());
    // A reader commits nothing: it holds whatever the log has, however much that is.
    let held_in = if writes == Writes::Allowed { Arc::clone(&memory) } else { Budget::new(usize::MAX) };
    Inner {
        tables: Arc::new(Tables::new(root, app_id, prefix, fail.clone(), held_in, Budget::new(config.query.repeats_bytes))),
        progress: Arc::new(Progress::new(applied)),
        quarantine: Arc::new(Quarantine::open(&config.data.join("_wal"), config.quarantine_bytes_max, writes)),
        sources: Mutex::default(),
        claims: Mutex::default(),
        window: Arc::new(Window::new(&config)),
        flow: Arc::default(),
        work: Arc::default(),
        committed: watch::Sender::new(applied),
        memory,
        blooms: Budget::new(config.bloom_bytes_max),
        full: Arc::new(Notify::new()),
        log: OnceLock::new(),
        appender: OnceLock::new(),
        notice,
        disk: Arc::new(OsDisk),
        stop: CancellationToken::new(),
        tasks: TaskTracker::new(),
        lock: Mutex::new(lock.map(Arc::new)),
        closed: false.into(),
        engine: OnceLock::new(),
        share: OnceLock::new(),
        cluster_tasks: Arc::default(),
        retired: Mutex::default(),
        fail,
        config,
        clock,
    }
}

fn start_appender(inner: &Inner, decode: Arc<dyn Decode>) -> Result<(), Error> {
    let (tables, progress) = (Arc::clone(&inner.tables), Arc::clone(&inner.progress));
    let (quarantine, full, flow) = (Arc::clone(&inner.quarantine), Arc::clone(&inner.full), Arc::clone(&inner.flow));
    let appender = Appender::start(decode, tables, progress, quarantine, full, flow, &inner.config)?;
    inner.appender.set(appender).map_err(|_| Error::Closed)
}
