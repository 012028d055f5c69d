//! What maintenance has done and is doing, for people and for metrics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use schema::Micros;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::table_state::TableState;

/// What maintenance has done since the start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MaintenanceStatus {
    /// What it does now, such as `compaction of default/spans`.
    pub at_work: Option<String>,
    /// Times that several files became one.
    pub compactions: u64,
    /// Files that became part of another one.
    pub compacted_files: u64,
    /// Their size.
    pub compacted_bytes: u64,
    /// Checkpoints of tables' logs.
    pub checkpoints: u64,
    /// Files that were deleted, because others had taken their place for long enough.
    pub vacuumed_files: u64,
    /// Rows that were older than the retention allows.
    pub expired_rows: u64,
    /// Rows that were removed because a person asked for it.
    pub forgotten_rows: u64,
    /// Steps that failed; each is tried again.
    pub failures: u64,
    /// Why the last one failed.
    pub last_failure: Option<String>,
    /// When it failed.
    pub last_failure_at: Option<Micros>,
}

/// The counters behind [`MaintenanceStatus`].
#[derive(Debug, Default)]
pub(crate) struct Work {
    status: Mutex<MaintenanceStatus>,
    busy_at: Mutex<Option<Instant>>,
    /// Held from the look at a request to forget until it is done: who asked waits for it and tells the count, maintenance takes up what is left.
    pub(super) forgetting: tokio::sync::Mutex<()>,
}

impl Work {
    /// Returns the counters.
    pub(crate) fn status(&self) -> MaintenanceStatus {
        self.status.lock().clone()
    }

    /// Tells of a step until the returned value is dropped.
    pub(super) fn begin(self: &Arc<Self>, step: &str, state: &TableState) -> AtWork {
        self.status.lock().at_work = Some(format!("{step} of {}/{}", state.tenant, state.table.name()));
        AtWork(Arc::clone(self))
    }

    /// Takes in whether much is coming in now, and tells whether it does or did within the time `calm`: between two commits little is held.
    pub(super) fn is_busy(&self, now: bool, calm: Duration) -> bool {
        let mut busy_at = self.busy_at.lock();
        if now {
            *busy_at = Some(Instant::now());
        }
        busy_at.is_some_and(|busy_at| busy_at.elapsed() < calm)
    }

    pub(super) fn compacted(&self, files: usize, bytes: u64) {
        let mut status = self.status.lock();
        status.compactions += 1;
        status.compacted_files += files as u64;
        status.compacted_bytes += bytes;
    }

    pub(super) fn checkpointed(&self) {
        self.status.lock().checkpoints += 1;
    }

    pub(super) fn vacuumed(&self, files: usize) {
        self.status.lock().vacuumed_files += files as u64;
    }

    pub(super) fn expired(&self, rows: u64) {
        self.status.lock().expired_rows += rows;
    }

    pub(super) fn forgot(&self, rows: u64) {
        self.status.lock().forgotten_rows += rows;
    }

    pub(super) fn failed(&self, error: &Error, now: Micros) {
        let mut status = self.status.lock();
        status.failures += 1;
        status.last_failure = Some(error.to_string());
        status.last_failure_at = Some(now);
    }
}

/// A step that is going on.
pub(super) struct AtWork(Arc<Work>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.status.lock().at_work = None;
    }
}
