//! Where a test makes the store fail, to see what a crash at that moment leaves behind. Does nothing outside of tests.

use crate::error::Error;

/// A moment between two steps that a crash can part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailPoint {
    /// Records are written to the log, and the sync fails.
    LogWritten,
    /// The Parquet files are durable, the commit is not written.
    FilesWritten,
    /// The commit has its name, which is not synced: whether it counts is in doubt.
    CommitLinked,
    /// The commit is durable, memory does not know of it.
    Committed,
    /// Memory knows of the commit, the log is not shortened.
    Swapped,
}

/// A switch that every part of a store shares.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fail {
    #[cfg(test)]
    at: std::sync::Arc<parking_lot::Mutex<Option<FailPoint>>>,
}

impl Fail {
    /// Fails where a test asked for it.
    #[cfg(test)]
    pub(crate) fn reach(&self, point: FailPoint) -> Result<(), Error> {
        match *self.at.lock() == Some(point) {
            true => Err(Error::Task(format!("a test stopped at {point:?}"))),
            false => Ok(()),
        }
    }

    /// Goes on.
    #[cfg(not(test))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the twin of the function that tests use")]
    pub(crate) fn reach(&self, _point: FailPoint) -> Result<(), Error> {
        Ok(())
    }

    /// Asks to fail at a point from now on, or nowhere.
    #[cfg(test)]
    pub(crate) fn set(&self, at: Option<FailPoint>) {
        *self.at.lock() = at;
    }
}
