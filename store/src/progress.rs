//! How far the log has become rows: the position up to which every record is in its tables' held rows or files.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::sync::watch;

/// The watermark over records that are done out of order.
pub(crate) struct Progress {
    /// Done records above the watermark, as ranges: first to last.
    ahead: Mutex<BTreeMap<u64, u64>>,
    watermark: watch::Sender<u64>,
}

impl Progress {
    /// Starts where every record up to `done` is done.
    pub(crate) fn new(done: u64) -> Progress {
        Progress { ahead: Mutex::default(), watermark: watch::Sender::new(done) }
    }

    /// Returns the last record up to which all are done.
    pub(crate) fn watermark(&self) -> u64 {
        *self.watermark.borrow()
    }

    /// Notes that the records from `first` to `last` are done.
    pub(crate) fn done(&self, first: u64, last: u64) {
        let mut ahead = self.ahead.lock();
        ahead.insert(first, last);
        let before = self.watermark();
        let mut watermark = before;
        while let Some(entry) = ahead.first_entry()
            && *entry.key() <= watermark + 1
        {
            watermark = watermark.max(entry.remove());
        }
        if watermark > before {
            self.watermark.send_replace(watermark);
        }
    }

    /// Waits until every record up to `seq` is done.
    pub(crate) async fn reached(&self, seq: u64) {
        // The sender lives as long as `self`, so the wait cannot fail.
        let _ = self.watermark.subscribe().wait_for(|watermark| *watermark >= seq).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watermark_waits_for_the_slowest() {
        let progress = Progress::new(4);
        let done = |first, last| {
            progress.done(first, last);
            progress.watermark()
        };
        assert_eq!(done(6, 6), 4);
        assert_eq!(done(8, 10), 4);
        assert_eq!(done(5, 5), 6);
        assert_eq!(done(7, 7), 10);
    }
}
