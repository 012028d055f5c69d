//! What a commit changes in a table: files that come, files that go, and which took the place of which.

use std::sync::Arc;

use crate::datafile::Written;
use crate::delta::Reached;
use crate::snapshot::DataFile;

/// Files that come and files that go, in one step.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub added: Vec<Arc<DataFile>>,
    pub removed: Vec<String>,
    /// The positions that the table has reached with this change.
    pub reached: Reached,
    /// What became of the rows of the files that go, commit by commit.
    pub swaps: Vec<Swap>,
    /// Files that came and went within this change.
    pub passed: Vec<Arc<DataFile>>,
}

/// One commit that took files away, and maybe put others in their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Swap {
    pub removed: Vec<String>,
    pub added: Vec<String>,
    pub rows: Kept,
}

/// How the rows of files that come are related to those of the files that go in the same commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// They are the same rows.
    All,
    /// They are some of them.
    Some,
    /// Another program knows.
    Unknown,
}

impl Change {
    /// Tells whether nothing changes.
    pub(crate) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.reached.is_empty()
    }

    /// Takes in what came later.
    pub(crate) fn then(&mut self, later: Change) {
        let (passed, stay) = std::mem::take(&mut self.added).into_iter().partition(|file| later.removed.contains(&file.path));
        self.added = stay;
        self.passed.extend::<Vec<_>>(passed);
        self.passed.extend(later.passed);
        self.swaps.extend(later.swaps);
        self.added.extend(later.added);
        self.removed.extend(later.removed);
        self.reached.then(later.reached);
    }

    /// Tells whether these files are among those that come: then the change is the very commit that they were written for.
    pub(crate) fn holds_all(&self, files: &[Written]) -> bool {
        !files.is_empty() && files.iter().all(|written| self.added.iter().any(|file| file.path == written.file.path))
    }
}
