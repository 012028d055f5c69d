//! A stream of records that is kept elsewhere, such as a partition of a Kafka topic, while this process reads it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::config::StoreConfig;
use crate::progress::Progress;
use crate::recent::Recent;
use crate::store::Inner;
use crate::table_state::TableState;

/// One reading of a stream, from its opening until it is closed. Positions are one more than offsets, so that 0 is before the first.
pub(crate) struct Source {
    /// What the stream is called; commits bear it as their application id.
    pub id: Arc<str>,
    pub progress: Progress,
    /// Where the reading began: every row of what is before it was in the tables.
    pub start: u64,
    /// The last position that was handed over.
    fed: Mutex<u64>,
    /// What came of late. A body is only told apart from one of the same reading: both are kept, or both are read again.
    pub recent: Mutex<Recent>,
    open: AtomicBool,
}

impl Source {
    /// Begins a reading behind position `start`.
    pub(crate) fn new(id: Arc<str>, start: u64, config: &StoreConfig) -> Source {
        let recent = Mutex::new(Recent::new(config));
        Source { id, progress: Progress::new(start), start, fed: Mutex::new(start), recent, open: AtomicBool::new(true) }
    }

    /// Names the claim that every table has everything of a stream up to a position.
    pub(crate) fn complete_id(id: &str) -> String {
        format!("{id}/complete")
    }

    /// Tells whether a name is such a claim's, and no stream's own.
    pub(crate) fn is_complete_id(name: &str) -> bool {
        name.ends_with("/complete")
    }

    /// Tells whether rows of this reading may still be held.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::SeqCst)
    }

    /// Tells whether every row of what is at a position was in the tables when the reading began.
    pub(crate) fn is_old(&self, position: u64) -> bool {
        position <= self.start
    }

    /// Notes that a record is handed over; returns the first position that it stands for, those included that the stream left out.
    ///
    /// Nothing where it was handed over before.
    pub(crate) fn feed(&self, position: u64) -> Option<u64> {
        let mut fed = self.fed.lock();
        let first = *fed + 1;
        (position >= first).then(|| {
            *fed = position;
            first
        })
    }

    /// Returns the last position that was handed over.
    pub(crate) fn fed(&self) -> u64 {
        *self.fed.lock()
    }
}

impl Inner {
    /// Ends a reading: what is held of it goes, for whoever reads the stream next reads it again.
    pub(crate) fn close_source(&self, source: &Arc<Source>) {
        if source.open.swap(false, Ordering::SeqCst) {
            self.tables.all().iter().for_each(|state| state.drop_feed(source));
        }
    }

    /// Returns the position up to which every row of a stream is committed, whatever its table; nothing once the reading has ended.
    pub(crate) fn complete(&self, source: &Source) -> Option<u64> {
        let watermark = source.progress.watermark();
        let first_held = self.tables.all().iter().filter_map(|state| state.first_held_of(source)).min();
        // Rows of a reading that has ended are neither held nor committed: the look at the tables only counts if it was open until now.
        source.is_open().then(|| first_held.map_or(watermark, |first| watermark.min(first - 1)))
    }

    /// Returns the position up to which every row of a stream is committed once `state` is complete up to `through`.
    pub(crate) fn complete_with(&self, source: &Source, state: &TableState, through: u64) -> Option<u64> {
        let others = self.tables.all().into_iter().filter(|other| !std::ptr::eq(other.as_ref(), state));
        let first_held = others.filter_map(|other| other.first_held_of(source)).min();
        source.is_open().then(|| first_held.map_or(through, |first| through.min(first - 1)))
    }
}
