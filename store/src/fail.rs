//! Where a test makes the store fail, to see what a crash at that moment leaves behind. Does nothing in a build that ships.
//!
//! The store's own tests have an operation fail as if the process had died there. The crash harness kills the real server: built
//! with the feature `failpoints`, it aborts at the moment that `KARAT_FAILPOINT` names, as
//! `<name>:<n>` the nth time; and the disk under the log fails for as long as the file that `KARAT_DISK_FAULT` names is there.

use crate::error::Error;

/// A moment between two steps that a crash can part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailPoint {
    /// Records are written to the log, and not synced.
    LogWritten,
    /// Records are synced, and nobody has been told.
    LogSynced,
    /// Rows are picked for a commit, no file is written.
    RowsSealed,
    /// The Parquet files are durable, the commit is not written.
    FilesWritten,
    /// The commit has its name, which is not synced: whether it counts is in doubt.
    CommitLinked,
    /// The commit is durable, memory does not know of it.
    Committed,
    /// Memory knows of the commit, the log is not shortened.
    Swapped,
    /// A compaction has written its file, and not swapped it in.
    CompactionWritten,
    /// A checkpoint is written, and not synced; what it covers is not deleted.
    CheckpointWritten,
}

/// A switch that every part of a store shares.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fail {
    #[cfg(test)]
    at: std::sync::Arc<parking_lot::Mutex<Option<FailPoint>>>,
    #[cfg(test)]
    stalled: std::sync::Arc<(parking_lot::Mutex<bool>, parking_lot::Condvar)>,
}

impl Fail {
    /// Fails, or dies, where a test asked for it.
    #[cfg_attr(not(test), expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "only a test's switch can fail"))]
    #[cfg_attr(not(any(test, feature = "failpoints")), expect(unused_variables, reason = "a build that ships goes on at every point"))]
    pub(crate) fn reach(&self, point: FailPoint) -> Result<(), Error> {
        #[cfg(test)]
        {
            let (stalled, ended) = &*self.stalled;
            if point == FailPoint::FilesWritten {
                ended.wait_while(&mut stalled.lock(), |stalled| *stalled);
            }
            if *self.at.lock() == Some(point) {
                return Err(Error::Task(format!("a test stopped at {point:?}")));
            }
        }
        #[cfg(feature = "failpoints")]
        death::reach(point);
        Ok(())
    }

    /// Has commits wait between their files and their entry in the table's log, or lets them go on.
    #[cfg(test)]
    pub(crate) fn set_stalled(&self, stalled: bool) {
        *self.stalled.0.lock() = stalled;
        self.stalled.1.notify_all();
    }

    /// Asks to fail at a point from now on, or nowhere.
    #[cfg(test)]
    pub(crate) fn set(&self, at: Option<FailPoint>) {
        *self.at.lock() = at;
    }
}

/// Fails a call of the disk, where a test asked for it: `write` or `sync`.
#[cfg_attr(not(feature = "failpoints"), expect(unused_variables, clippy::unnecessary_wraps, reason = "a build that ships has no such disk"))]
pub(crate) fn strike(call: &str) -> std::io::Result<()> {
    #[cfg(feature = "failpoints")]
    if death::is_struck(call) {
        return Err(rustix::io::Errno::IO.into());
    }
    Ok(())
}

#[cfg(feature = "failpoints")]
mod death {
    use std::path::PathBuf;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::FailPoint;

    /// The file that says which call of the disk fails while it is there.
    #[allow(clippy::disallowed_methods, reason = "only a build for tests holds this, and no setting may")]
    static FAULT: LazyLock<Option<PathBuf>> = LazyLock::new(|| std::env::var_os("KARAT_DISK_FAULT").map(PathBuf::from));

    /// Tells whether the disk fails this call now.
    pub(super) fn is_struck(call: &str) -> bool {
        FAULT.as_ref().is_some_and(|file| std::fs::read_to_string(file).is_ok_and(|struck| struck == call))
    }

    struct Plan {
        point: String,
        times_left: AtomicU64,
    }

    #[allow(clippy::disallowed_methods, reason = "only a build for tests holds this, and no setting may")]
    static PLAN: LazyLock<Option<Plan>> = LazyLock::new(|| {
        let variable = std::env::var("KARAT_FAILPOINT").ok()?;
        let (point, times) = variable.split_once(':')?;
        Some(Plan { point: point.to_owned(), times_left: AtomicU64::new(times.parse().ok()?) })
    });

    /// Ends the process at once: nothing is unwound, nothing is flushed.
    pub(super) fn reach(point: FailPoint) {
        let Some(plan) = PLAN.as_ref() else { return };
        if plan.point == format!("{point:?}") && plan.times_left.fetch_sub(1, Ordering::AcqRel) == 1 {
            std::process::abort();
        }
    }
}
