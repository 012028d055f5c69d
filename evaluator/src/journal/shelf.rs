//! Where the journals of a suite lie: a file a run, numbered, and named otherwise once the run has ended.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::dataset::hex;
use crate::suite::Suite;

/// Endings of the journals of runs that go on or were interrupted, and of those that ended.
const OPEN: &str = "jsonl";
const ENDED: &str = "ended.jsonl";

/// The journals of one suite.
#[derive(Debug)]
pub(super) struct Shelf {
    dir: PathBuf,
    name: String,
}

/// A journal that nobody writes any more.
#[derive(Debug)]
pub(super) struct Kept {
    pub path: PathBuf,
    /// Later runs have higher numbers.
    pub number: u64,
    pub has_ended: bool,
}

impl Shelf {
    /// The same suite by another spelling of its path is the same; a part of it is another.
    pub(super) fn of(work_dir: &Path, suite: &Suite) -> Self {
        let full = suite.path.canonicalize().unwrap_or_else(|_| suite.path.clone());
        let named = format!("{}{}", full.to_string_lossy(), suite.part.as_deref().map_or(String::new(), |part| format!("\u{0}{part}")));
        Self::named(&work_dir.join("runs"), &hex(&Sha256::digest(named.as_bytes()))[..16])
    }

    pub(super) fn named(dir: &Path, name: &str) -> Self {
        Self { dir: dir.to_owned(), name: name.to_owned() }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes a file with a number that no other run has.
    pub(super) fn create(&self) -> io::Result<(PathBuf, File)> {
        std::fs::create_dir_all(&self.dir)?;
        let mut number = self.all().map(|kept| kept.number).max().unwrap_or(0);
        loop {
            number += 1;
            let path = self.dir.join(format!("{}-{number}.{OPEN}", self.name));
            match File::create_new(&path) {
                // Another run was faster.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                created => return created.map(|file| (path, file)),
            }
        }
    }

    /// The journals that no run is writing.
    pub(super) fn kept(&self) -> Vec<Kept> {
        self.all().filter(|kept| kept.has_ended || !is_being_written(&kept.path)).collect()
    }

    /// Drops the journal that another one has taken over, and those of runs that ended before.
    pub(super) fn replace(&self, taken_over: Option<&Path>) {
        for kept in self.all().filter(|kept| kept.has_ended || Some(kept.path.as_path()) == taken_over) {
            // One that stays is in nobody's way.
            let _ = std::fs::remove_file(&kept.path);
        }
    }

    /// Names a journal as that of a run that ended.
    pub(super) fn end(&self, path: &Path) {
        if let Err(error) = std::fs::rename(path, path.with_extension(ENDED)) {
            tracing::debug!(path = %path.display(), %error, "could not name the journal of a run that ended");
        }
    }

    fn all(&self) -> impl Iterator<Item = Kept> {
        let entries = std::fs::read_dir(&self.dir).into_iter().flatten().flatten();
        entries.filter_map(|entry| {
            let file = entry.file_name();
            let (number, ending) = file.to_str()?.strip_prefix(&self.name)?.strip_prefix('-')?.split_once('.')?;
            let has_ended = match ending {
                OPEN => false,
                ENDED => true,
                _ => return None,
            };
            Some(Kept { path: entry.path(), number: number.parse().ok()?, has_ended })
        })
    }
}

/// A run holds the lock of its journal as long as it lives.
fn is_being_written(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}
