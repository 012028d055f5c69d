//! What a file and a directory hold for sure, and what has come since their last sync.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// The bytes of a file: as a program sees them, and as they are for sure on the disk.
#[derive(Debug, Default)]
pub(super) struct File {
    pub seen: Vec<u8>,
    pub durable: Vec<u8>,
    /// What came since the last sync, oldest first.
    pub pending: Vec<Change>,
}

/// A change of a file that is not synced.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Sector { at: usize, bytes: Vec<u8> },
    Length(usize),
}

/// A change of a directory that is not synced.
#[derive(Debug)]
pub(super) enum Name {
    Given(PathBuf, usize),
    Taken(PathBuf),
    Moved { from: PathBuf, to: PathBuf, file: usize },
}

impl File {
    /// Makes a change that can be read at once, and is durable after a sync.
    pub(super) fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.pending.push(change);
    }

    /// Makes every change durable.
    pub(super) fn sync(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            change.apply(&mut self.durable);
        }
    }

    /// Makes some of the changes durable, and forgets the others.
    pub(super) fn lose(&mut self, random: &mut ChaCha8Rng) {
        // Between nothing and everything, as a disk that was early or late with all of it.
        let share = [0.0, 0.1, 0.5, 0.9, 1.0][random.random_range(0..5)];
        for change in std::mem::take(&mut self.pending) {
            if random.random_bool(share) {
                change.apply(&mut self.durable);
            }
        }
    }
}

impl Change {
    /// Makes the change.
    pub(super) fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Change::Length(len) => file.resize(*len, 0),
            Change::Sector { at, bytes } => {
                let end = at + bytes.len();
                file.resize(file.len().max(end), 0);
                file[*at..end].copy_from_slice(bytes);
            }
        }
    }
}

impl Name {
    /// Makes the change.
    pub(super) fn apply(self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Name::Given(path, file) => drop(names.insert(path, file)),
            Name::Taken(path) => drop(names.remove(&path)),
            Name::Moved { from, to, file } => {
                names.remove(&from);
                names.insert(to, file);
            }
        }
    }
}
