//! Writes groups of records, one after the other: a group is durable as a whole, or was refused and never counts.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::disk::Disk;
use crate::error::Error;
use crate::fail::{Fail, FailPoint};
use crate::wal::frame::{Frame, frame_bytes};
use crate::wal::group::Entry;
use crate::wal::id::LogId;
use crate::wal::segment::{Closed, Segment};

/// The segments of a log: those that are full, and how much of the one that is being written is used.
#[derive(Debug, Default)]
pub(crate) struct Segments(Mutex<Files>);

#[derive(Debug, Default)]
struct Files {
    closed: VecDeque<Closed>,
    active_bytes: Option<u64>,
}

impl Segments {
    /// Starts with what a scan found.
    pub(crate) fn new(closed: Vec<Closed>) -> Segments {
        Segments(Mutex::new(Files { closed: closed.into(), active_bytes: None }))
    }

    /// Returns the oldest segment that is not written any more.
    pub(crate) fn oldest(&self) -> Option<Closed> {
        self.0.lock().closed.front().cloned()
    }

    /// Forgets the oldest segment, whose file is gone.
    pub(crate) fn forget_oldest(&self) {
        self.0.lock().closed.pop_front();
    }

    /// Returns the number of segments and the bytes that they use.
    pub(crate) fn size(&self) -> (usize, u64) {
        let files = self.0.lock();
        let closed: u64 = files.closed.iter().map(|segment| segment.bytes).sum();
        (files.closed.len() + usize::from(files.active_bytes.is_some()), closed + files.active_bytes.unwrap_or_default())
    }
}

/// Where the next records go.
pub(super) struct Writer {
    pub disk: Arc<dyn Disk>,
    pub dir: PathBuf,
    pub id: LogId,
    pub room: u64,
    pub segments: Arc<Segments>,
    pub active: Option<Segment>,
    pub next_seq: u64,
    pub fail: Fail,
}

impl Writer {
    /// Writes and syncs a group; returns the position of its first record.
    ///
    /// After a failure no record of the group counts, neither now nor when the log is read again, as far as the disk lets us
    /// see to that.
    pub(super) fn append(&mut self, group: &[Entry]) -> Result<u64, Error> {
        let bytes = group.iter().map(|entry| frame_bytes(&entry.tenant, &entry.body)).sum();
        if self.active.as_ref().is_some_and(|segment| !segment.fits(bytes)) {
            self.retire_active();
        }
        let (heads, ends) = self.heads(group);
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let mut slices: Vec<IoSlice<'_>> =
            starts.zip(&ends).zip(group).flat_map(|((start, end), entry)| [IoSlice::new(&heads[start..*end]), IoSlice::new(&entry.body)]).collect();
        let segment = self.segment()?;
        if let Err(error) = segment.write(&mut slices) {
            if segment.rewind().is_err() {
                self.begin_anew();
            }
            return Err(error);
        }
        let used = match self.sync(bytes) {
            Ok(used) => used,
            Err(error) => {
                self.begin_anew();
                return Err(error);
            }
        };
        self.segments.0.lock().active_bytes = Some(used);
        let first = self.next_seq;
        self.next_seq += group.len() as u64;
        Ok(first)
    }

    /// Tries whether the next group could be written: there is a file with room in it, and it can be synced. Returns the position of the next
    /// record.
    pub(super) fn probe(&mut self) -> Result<u64, Error> {
        let segment = self.segment()?;
        segment.reserve()?;
        segment.sync(0)?;
        Ok(self.next_seq)
    }

    fn segment(&mut self) -> Result<&mut Segment, Error> {
        match &mut self.active {
            Some(segment) => Ok(segment),
            empty => Ok(empty.insert(Segment::create(self.disk.as_ref(), &self.dir, self.id, self.next_seq, self.room)?)),
        }
    }

    fn sync(&mut self, bytes: usize) -> Result<u64, Error> {
        self.fail.reach(FailPoint::LogWritten)?;
        let segment = self.segment()?;
        segment.sync(bytes)?;
        let used = segment.bytes();
        self.fail.reach(FailPoint::LogSynced)?;
        Ok(used)
    }

    /// Goes on in a new file. What the disk holds of the old one is unknown, and a second sync would say nothing about it; but the
    /// new file begins with the position of the first refused record, so that whatever lies in the old one from there does not count.
    fn begin_anew(&mut self) {
        self.retire_active();
        if let Err(error) = self.segment() {
            tracing::warn!(%error, "could not begin a new log file after a failed write; the next record tries again");
        }
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

    /// Closes the file that is being written.
    pub(super) fn retire_active(&mut self) {
        let Some(segment) = self.active.take() else { return };
        let empty = segment.is_empty();
        let closed = segment.close(self.next_seq - 1);
        let mut files = self.segments.0.lock();
        files.active_bytes = None;
        if !empty {
            files.closed.push_back(closed);
        }
    }
}
