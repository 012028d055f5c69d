//! The thread that writes the log: it gathers what waits for a few milliseconds, writes it, syncs once, and answers all.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use schema::{Micros, Tenant};
use tokio::sync::oneshot;

use crate::config::StoreConfig;
use crate::decode::Signal;
use crate::disk::Disk;
use crate::error::Error;
use crate::fail::Fail;
use crate::lock::DirLock;
use crate::wal::id::LogId;
use crate::wal::scan::Scanned;
use crate::wal::writer::{Segments, Writer};

/// How often a log that cannot be written is tried again while nothing comes.
const PROBE_PAUSE: Duration = Duration::from_secs(1);

/// Is called once, on the log's thread, with the record's position when it is durable, or with why it is not.
pub(crate) type Done = Box<dyn FnOnce(Result<u64, Error>) + Send>;

/// A record that waits to be written.
pub(crate) struct Entry {
    pub signal: Signal,
    pub tenant: Tenant,
    pub received_at: Micros,
    pub hash: u128,
    pub body: Bytes,
    pub done: Done,
}

/// The log, open for writing.
pub(crate) struct Log {
    shared: Arc<Shared>,
    segments: Arc<Segments>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    queue: Mutex<Queue>,
    ready: Condvar,
    wait: Duration,
    group_bytes: usize,
    durable: AtomicU64,
    /// The last write failed, and no later one has gone well.
    failing: AtomicBool,
}

#[derive(Default)]
struct Queue {
    entries: VecDeque<Entry>,
    bytes: usize,
    closing: bool,
    /// Hears that the segment is ended that was written when it asked.
    rotating: Option<oneshot::Sender<()>>,
}

/// What the thread does next.
enum Next {
    Group(Vec<Entry>),
    /// Nothing waits, and the last write failed: it is time to see whether the disk has recovered.
    Probe,
    Rotate(oneshot::Sender<()>),
}

impl Log {
    /// Starts the thread that appends behind what a scan found.
    ///
    /// The thread holds the directory's lock until it has ended.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        id: LogId,
        scanned: Scanned,
        config: &StoreConfig,
        lock: Option<Arc<DirLock>>,
        fail: Fail,
    ) -> Result<Log, Error> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            ready: Condvar::new(),
            wait: Duration::from_millis(config.wal_group_wait_ms),
            group_bytes: config.wal_group_bytes,
            durable: AtomicU64::new(scanned.next_seq - 1),
            failing: AtomicBool::new(false),
        });
        let segments = Arc::new(Segments::new(scanned.closed));
        let room = config.wal_segment_bytes as u64;
        let writer = Writer { disk, dir, id, room, segments: Arc::clone(&segments), active: None, next_seq: scanned.next_seq, fail };
        let run = {
            let shared = Arc::clone(&shared);
            move || {
                shared.run(writer);
                drop(lock);
            }
        };
        let thread = std::thread::Builder::new().name("karat-wal".to_owned()).spawn(run);
        let thread = thread.map_err(|error| Error::Task(error.to_string()))?;
        Ok(Log { shared, segments, thread: Mutex::new(Some(thread)) })
    }

    /// Hands a record to the thread; `done` hears of it in any case.
    pub(crate) fn enqueue(&self, entry: Entry) {
        let mut queue = self.shared.queue.lock();
        if queue.closing {
            drop(queue);
            return (entry.done)(Err(Error::Closed));
        }
        queue.bytes += entry.body.len();
        queue.entries.push_back(entry);
        if queue.entries.len() == 1 || queue.bytes >= self.shared.group_bytes {
            self.shared.ready.notify_one();
        }
    }

    /// Returns the position of the last durable record.
    pub(crate) fn durable(&self) -> u64 {
        self.shared.durable.load(Ordering::Acquire)
    }

    /// Tells whether the log could not be written when it was last tried. It is tried every second, also when nothing comes.
    pub(crate) fn is_failing(&self) -> bool {
        self.shared.failing.load(Ordering::Acquire)
    }

    /// Tells the thread to end once nothing waits, and does not wait for it.
    pub(crate) fn stop(&self) {
        self.shared.queue.lock().closing = true;
        self.shared.ready.notify_one();
    }

    /// Writes what waits, then ends the thread. Blocks.
    pub(crate) fn close(&self) {
        self.stop();
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the log's thread died; restart karat, the log is read again then");
        }
    }

    /// Ends the segment that is being written, as soon as nothing waits, so that it can go once its rows are committed.
    pub(crate) async fn rotate(&self) {
        let (ended, told) = oneshot::channel();
        self.shared.queue.lock().rotating = Some(ended);
        self.shared.ready.notify_one();
        // A log that closes ends the segment, too.
        drop(told.await);
    }

    /// Returns the segments.
    pub(crate) fn segments(&self) -> &Segments {
        &self.segments
    }
}

impl Shared {
    /// Writes what comes, until the log closes.
    fn run(&self, mut writer: Writer) {
        while let Some(next) = self.next() {
            match next {
                Next::Group(group) => self.write(&mut writer, group),
                Next::Probe => self.failing.store(writer.probe().is_err(), Ordering::Release),
                Next::Rotate(ended) => {
                    writer.retire_active();
                    // Whoever asked may have gone away.
                    let _ = ended.send(());
                }
            }
        }
        writer.retire_active();
    }

    fn write(&self, writer: &mut Writer, group: Vec<Entry>) {
        let appended = writer.append(&group);
        self.failing.store(appended.is_err(), Ordering::Release);
        match appended {
            Ok(first) => self.answer(first, group),
            Err(error) => {
                tracing::warn!(%error, n_records = group.len(), "could not write the log; the senders were told to send again");
                group.into_iter().for_each(|entry| (entry.done)(Err(error.again())));
            }
        }
    }

    fn answer(&self, first: u64, group: Vec<Entry>) {
        self.durable.store(first + group.len() as u64 - 1, Ordering::Release);
        for (seq, entry) in (first..).zip(group) {
            (entry.done)(Ok(seq));
        }
    }

    /// Waits for records; gathers more for a moment, up to a number of bytes. Nothing when the log closes.
    fn next(&self) -> Option<Next> {
        let mut queue = self.queue.lock();
        while queue.entries.is_empty() {
            if let Some(ended) = queue.rotating.take() {
                return Some(Next::Rotate(ended));
            }
            if queue.closing {
                return None;
            }
            if !self.failing.load(Ordering::Acquire) {
                self.ready.wait(&mut queue);
            } else if self.ready.wait_for(&mut queue, PROBE_PAUSE).timed_out() {
                return Some(Next::Probe);
            }
        }
        let deadline = Instant::now() + self.wait;
        while queue.bytes < self.group_bytes && !queue.closing && !self.ready.wait_until(&mut queue, deadline).timed_out() {}
        let mut group = Vec::new();
        let mut bytes = 0;
        while let Some(entry) = queue.entries.pop_front_if(|entry| bytes == 0 || bytes + entry.body.len() <= self.group_bytes) {
            bytes += entry.body.len().max(1);
            queue.bytes -= entry.body.len();
            group.push(entry);
        }
        Some(Next::Group(group))
    }
}
