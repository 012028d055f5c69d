//! The thread that writes the log: it gathers what waits for a few milliseconds, writes it, syncs once, and answers all.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use schema::{Micros, Tenant};
use tokio::sync::oneshot;

use crate::config::StoreConfig;
use crate::decode::Signal;
use crate::error::Error;
use crate::fail::{Fail, FailPoint};
use crate::lock::DirLock;
use crate::wal::frame::{Frame, frame_bytes};
use crate::wal::id::LogId;
use crate::wal::scan::Scanned;
use crate::wal::segment::{Closed, Segment};

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
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    queue: Mutex<Queue>,
    ready: Condvar,
    wait: Duration,
    group_bytes: usize,
    durable: AtomicU64,
    files: Mutex<Files>,
}

#[derive(Default)]
struct Queue {
    entries: VecDeque<Entry>,
    bytes: usize,
    closing: bool,
    /// Hears that the segment is ended that was written when it asked.
    rotating: Option<oneshot::Sender<()>>,
}

#[derive(Default)]
struct Files {
    closed: VecDeque<Closed>,
    active_bytes: Option<u64>,
}

impl Log {
    /// Starts the thread that appends behind what a scan found.
    ///
    /// The thread holds the directory's lock until it has ended.
    pub(crate) fn open(
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
            files: Mutex::new(Files { closed: scanned.closed.into(), active_bytes: None }),
        });
        let room = config.wal_segment_bytes as u64;
        let writer = Writer { dir, id, room, shared: Arc::clone(&shared), active: None, next_seq: scanned.next_seq, fail, _lock: lock };
        let thread = std::thread::Builder::new().name("karat-wal".to_owned()).spawn(move || writer.run());
        let thread = thread.map_err(|error| Error::Task(error.to_string()))?;
        Ok(Log { shared, thread: Mutex::new(Some(thread)) })
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

    /// Returns the oldest segment that is not written any more.
    pub(crate) fn oldest(&self) -> Option<Closed> {
        self.shared.files.lock().closed.front().cloned()
    }

    /// Forgets the oldest segment, whose file is gone.
    pub(crate) fn forget_oldest(&self) {
        self.shared.files.lock().closed.pop_front();
    }

    /// Ends the segment that is being written, as soon as nothing waits, so that it can go once its rows are committed.
    pub(crate) async fn rotate(&self) {
        let (ended, told) = oneshot::channel();
        self.shared.queue.lock().rotating = Some(ended);
        self.shared.ready.notify_one();
        // A log that closes ends the segment, too.
        drop(told.await);
    }

    /// Returns the number of segments and the bytes that they use.
    pub(crate) fn size(&self) -> (usize, u64) {
        let files = self.shared.files.lock();
        let closed: u64 = files.closed.iter().map(|segment| segment.bytes).sum();
        (files.closed.len() + usize::from(files.active_bytes.is_some()), closed + files.active_bytes.unwrap_or_default())
    }
}

impl Shared {
    /// Waits for records; gathers more for a moment, up to a number of bytes. Nothing when the log closes.
    fn next_group(&self) -> Option<Next> {
        let mut queue = self.queue.lock();
        while queue.entries.is_empty() {
            if let Some(ended) = queue.rotating.take() {
                return Some(Next::Rotate(ended));
            }
            if queue.closing {
                return None;
            }
            self.ready.wait(&mut queue);
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

/// What the thread does next.
enum Next {
    Group(Vec<Entry>),
    Rotate(oneshot::Sender<()>),
}

struct Writer {
    dir: PathBuf,
    id: LogId,
    room: u64,
    shared: Arc<Shared>,
    active: Option<Segment>,
    next_seq: u64,
    fail: Fail,
    _lock: Option<Arc<DirLock>>,
}

impl Writer {
    fn run(mut self) {
        while let Some(next) = self.shared.next_group() {
            let group = match next {
                Next::Group(group) => group,
                Next::Rotate(ended) => {
                    self.retire_active();
                    // Whoever asked may have gone away.
                    let _ = ended.send(());
                    continue;
                }
            };
            match self.append(&group) {
                Ok(()) => self.answer(group),
                Err(error) => {
                    tracing::warn!(%error, n_records = group.len(), "could not write the log; the senders were told to send again");
                    group.into_iter().for_each(|entry| (entry.done)(Err(error.again())));
                }
            }
        }
        self.retire_active();
    }

    fn answer(&mut self, group: Vec<Entry>) {
        let first = self.next_seq;
        self.next_seq += group.len() as u64;
        self.shared.durable.store(self.next_seq - 1, Ordering::Release);
        for (seq, entry) in (first..).zip(group) {
            (entry.done)(Ok(seq));
        }
    }

    /// Writes and syncs a group. After a failure the log is as it was before, or goes on in a new segment.
    fn append(&mut self, group: &[Entry]) -> Result<(), Error> {
        let bytes = group.iter().map(|entry| frame_bytes(&entry.tenant, &entry.body)).sum();
        if self.active.as_ref().is_some_and(|segment| !segment.fits(bytes)) {
            self.retire_active();
        }
        let (heads, ends) = self.heads(group);
        let segment = match &mut self.active {
            Some(segment) => segment,
            empty => empty.insert(Segment::create(&self.dir, self.id, self.next_seq, self.room)?),
        };
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let mut slices: Vec<IoSlice<'_>> =
            starts.zip(&ends).zip(group).flat_map(|((start, end), entry)| [IoSlice::new(&heads[start..*end]), IoSlice::new(&entry.body)]).collect();
        if let Err(error) = segment.write(&mut slices) {
            if segment.rewind().is_err() {
                self.retire_active();
            }
            return Err(error);
        }
        if let Err(error) = self.fail.reach(FailPoint::LogWritten).and_then(|()| segment.sync(bytes)) {
            // What the disk holds now is unknown, and a second sync would say nothing about it: go on in a new file. It begins
            // with the same position, so that whatever lies here behind the last acked record does not count.
            self.retire_active();
            return Err(error);
        }
        self.shared.files.lock().active_bytes = Some(segment.bytes());
        Ok(())
    }

    /// Writes the heads of all frames one behind the other, and tells where each ends.
    fn heads(&self, group: &[Entry]) -> (Vec<u8>, Vec<usize>) {
        let mut heads = Vec::with_capacity(group.len() * 64);
        let ends = (self.next_seq..).zip(group).map(|(seq, entry)| {
            let frame = Frame {
                seq,
                durable: self.next_seq - 1,
                signal: entry.signal,
                tenant: entry.tenant.clone(),
                received_at: entry.received_at,
                hash: entry.hash,
                body: entry.body.clone(),
            };
            frame.write_head(self.id, &mut heads);
            heads.len()
        });
        let ends = ends.collect();
        (heads, ends)
    }

    fn retire_active(&mut self) {
        let Some(segment) = self.active.take() else { return };
        let empty = segment.is_empty();
        let closed = segment.close(self.next_seq - 1);
        let mut files = self.shared.files.lock();
        files.active_bytes = None;
        if !empty {
            files.closed.push_back(closed);
        }
    }
}
