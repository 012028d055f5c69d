//! What became of the records that were sent: the counters by which "acked" can be held against "committed" and "visible".

use std::collections::BTreeMap;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::decode::Signal;
use crate::error::Error;

/// What became of one signal's records since the start. A record is one request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SignalStatus {
    /// Records that were sent, as far as their signal could be told.
    pub received: u64,
    /// Records that were durable when the sender heard so.
    pub acked: u64,
    /// Records that had been stored before, and were not stored again.
    pub duplicates: u64,
    /// Records that were refused, by reason; nothing of them was kept.
    pub rejected: BTreeMap<String, u64>,
    /// Records whose rows are visible to queries, those found in the log at the start included.
    pub visible: u64,
}

/// The counters behind [`SignalStatus`].
#[derive(Debug, Default)]
pub(crate) struct Flow(Mutex<BTreeMap<Signal, SignalStatus>>);

impl Flow {
    /// Returns the counters, by the signal's name.
    pub(crate) fn status(&self) -> BTreeMap<String, SignalStatus> {
        self.0.lock().iter().map(|(signal, status)| (signal.name().to_owned(), status.clone())).collect()
    }

    /// Counts a record that reached the store, and what the sender heard of it.
    pub(crate) fn answered(&self, signal: Signal, answer: Result<Kept, &Error>) {
        self.with(signal, |status| {
            status.received += 1;
            match answer {
                Ok(Kept::New) => status.acked += 1,
                Ok(Kept::Before) => status.duplicates += 1,
                Err(error) => *status.rejected.entry(error.reason().to_owned()).or_default() += 1,
            }
        });
    }

    /// Counts a record that was turned away before it reached the store.
    pub(crate) fn refused(&self, signal: Signal, reason: &str) {
        self.with(signal, |status| {
            status.received += 1;
            *status.rejected.entry(reason.to_owned()).or_default() += 1;
        });
    }

    /// Counts a record whose rows are visible now.
    pub(crate) fn made(&self, signal: Signal) {
        self.with(signal, |status| status.visible += 1);
    }

    fn with(&self, signal: Signal, change: impl FnOnce(&mut SignalStatus)) {
        change(self.0.lock().entry(signal).or_default());
    }
}

/// Whether a record that was acked was stored for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It was.
    New,
    /// It was stored before.
    Before,
}
