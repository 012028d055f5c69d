//! From durable bytes to visible rows, off the path of the answer: a few threads that decode what the log has taken.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use arrow::array::RecordBatch;
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use schema::{Micros, Table, Tenant};
use tokio::sync::{Notify, oneshot};

use crate::budget::Permit;
use crate::config::StoreConfig;
use crate::conform::{compact, conform};
use crate::decode::{Decode, DecodeError, Prepared, Record, Rows, Signal};
use crate::error::Error;
use crate::flow::Flow;
use crate::ipc;
use crate::progress::Progress;
use crate::quarantine::Quarantine;
use crate::source::Source;
use crate::tables::Tables;

/// A durable record whose rows are still to be made.
pub(crate) struct Job {
    pub seq: u64,
    /// Where it came from, if not by the log.
    pub origin: Option<Origin>,
    pub signal: Signal,
    pub tenant: Tenant,
    pub received_at: Micros,
    pub body: Bytes,
    pub prepared: Option<Prepared>,
    /// Hears that the rows are visible; is dropped where they cannot be.
    pub visible: Option<oneshot::Sender<()>>,
    /// The memory that the body takes.
    pub permit: Permit,
}

/// The stream that a record came by.
pub(crate) struct Origin {
    pub source: Arc<Source>,
    /// The first position that the record stands for; the stream left those out that are before its own.
    pub first: u64,
}

/// The threads that decode, and what waits for them; what waits is bounded by its permits.
pub(crate) struct Appender {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    jobs: Mutex<Jobs>,
    ready: Condvar,
    decode: Arc<dyn Decode>,
    tables: Arc<Tables>,
    progress: Arc<Progress>,
    quarantine: Arc<Quarantine>,
    flow: Arc<Flow>,
    flush_bytes: usize,
    /// Hears that a table holds enough for a commit.
    full: Arc<Notify>,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    closing: bool,
}

impl Appender {
    /// Starts the threads.
    pub(crate) fn start(
        decode: Arc<dyn Decode>,
        tables: Arc<Tables>,
        progress: Arc<Progress>,
        quarantine: Arc<Quarantine>,
        full: Arc<Notify>,
        flow: Arc<Flow>,
        config: &StoreConfig,
    ) -> Result<Appender, Error> {
        let n_threads = match config.decode_threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        };
        let flush_bytes = config.flush_bytes;
        let shared =
            Arc::new(Shared { jobs: Mutex::default(), ready: Condvar::new(), decode, tables, progress, quarantine, flow, flush_bytes, full });
        let threads = (0..n_threads).map(|n| {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new().name(format!("karat-decode-{n}")).spawn(move || shared.run())
        });
        let threads = threads.collect::<Result<Vec<_>, _>>().map_err(|error| Error::Task(error.to_string()))?;
        Ok(Appender { shared, threads: Mutex::new(threads) })
    }

    /// Takes a durable record.
    pub(crate) fn push(&self, job: Job) {
        self.shared.jobs.lock().waiting.push_back(job);
        self.shared.ready.notify_one();
    }

    /// Ends the threads once nothing waits. Blocks.
    pub(crate) fn close(&self) {
        self.stop();
        for thread in std::mem::take(&mut *self.threads.lock()) {
            if thread.join().is_err() {
                tracing::error!("a thread that makes rows died; restart karat, the log is read again then");
            }
        }
    }

    /// Tells the threads to end once nothing waits, and does not wait for it.
    pub(crate) fn stop(&self) {
        self.shared.jobs.lock().closing = true;
        self.shared.ready.notify_all();
    }
}

impl Shared {
    fn run(&self) {
        while let Some(job) = self.next() {
            let seq = job.seq;
            if catch_unwind(AssertUnwindSafe(|| self.make(job))).is_err() {
                tracing::error!(seq, "the making of rows panicked; restart karat, the log is read again then");
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut jobs = self.jobs.lock();
        loop {
            match jobs.waiting.pop_front() {
                Some(job) => return Some(job),
                None if jobs.closing => return None,
                None => self.ready.wait(&mut jobs),
            }
        }
    }

    /// Makes the rows of one record visible. One that cannot be decoded is put aside and holds up nothing.
    fn make(&self, mut job: Job) {
        let (seq, tenant) = (job.seq, job.tenant.clone());
        let (prepared, visible) = (job.prepared.take(), job.visible.take());
        let (source, first) = job.origin.as_ref().map_or((None, seq), |origin| (Some(Arc::clone(&origin.source)), origin.first));
        let rows = catch_unwind(AssertUnwindSafe(|| self.rows_of(&job, prepared).and_then(|rows| Ok(by_table(rows)?))));
        match rows.unwrap_or_else(|panic| Err(panicked(panic.as_ref()))) {
            Ok(batches) => {
                self.hold(seq, source.as_ref(), &tenant, batches);
                self.flow.made(job.signal);
                drop(job);
                // A receiver that is gone does not wait.
                let _ = visible.map(|visible| visible.send(()));
            }
            Err(error) => self.quarantine.put(job, error.as_ref()),
        }
        let progress = source.as_ref().map_or(self.progress.as_ref(), |source| &source.progress);
        progress.done(first, seq);
        self.join(&tenant, source.as_ref(), progress.watermark());
    }

    fn rows_of(&self, job: &Job, prepared: Option<Prepared>) -> Result<Rows, DecodeError> {
        match (prepared, job.signal) {
            (Some(prepared), _) => prepared(),
            (None, Signal::Rows) => Ok(ipc::read_rows(&job.body)?),
            (None, signal) => {
                let Job { seq, tenant, received_at, body, .. } = job;
                self.decode.decode(&Record { seq: *seq, signal, tenant, received_at: *received_at, body })
            }
        }
    }

    fn hold(&self, seq: u64, source: Option<&Arc<Source>>, tenant: &Tenant, batches: Vec<(Table, Vec<RecordBatch>)>) {
        let tables = self.tables.of(tenant);
        for (table, batches) in batches {
            let Some(state) = tables.iter().find(|state| state.table == table) else { continue };
            if state.hold(seq, source, batches) >= self.flush_bytes {
                self.full.notify_one();
            }
        }
    }

    fn join(&self, tenant: &Tenant, source: Option<&Arc<Source>>, watermark: u64) {
        for state in self.tables.of(tenant).iter() {
            if let Err(error) = state.join(watermark, source) {
                tracing::error!(%error, table = state.table.name(), "could not join held batches; queries go over many small ones");
            }
        }
    }
}

/// Gathers rows by table, checks them against its columns, and lets go of memory that they do not need.
fn by_table(rows: Rows) -> Result<Vec<(Table, Vec<RecordBatch>)>, Error> {
    let mut tables: Vec<(Table, Vec<RecordBatch>)> = Vec::new();
    for (table, batch) in rows.into_iter().filter(|(_, batch)| batch.num_rows() > 0) {
        let batch = compact(conform(batch, table, &table.arrow_schema())?)?;
        match tables.iter_mut().find(|(known, _)| *known == table) {
            Some((_, batches)) => batches.push(batch),
            None => tables.push((table, vec![batch])),
        }
    }
    Ok(tables)
}

fn panicked(panic: &(dyn Any + Send)) -> DecodeError {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string).or_else(|| panic.downcast_ref::<String>().cloned());
    format!("the decoder panicked: {}", text.unwrap_or_default()).into()
}
