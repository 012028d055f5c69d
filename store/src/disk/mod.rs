//! Files and directories that survive a power cut.
//!
//! The log reaches its files through [`Disk`], so that a test can put a disk in its place that forgets what was not synced
//! (`volatile`). Everything else uses the functions below on the disk of the system.

mod os;
#[cfg(test)]
pub(crate) mod volatile;

use std::fmt::Debug;
use std::fs;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};

pub(crate) use os::OsDisk;

use crate::error::Error;

/// Files in directories, where nothing is durable before it is synced.
pub(crate) trait Disk: Send + Sync {
    /// Creates a file, or empties the one of that name.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file that exists, to write.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Reads a whole file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Returns how long a file is.
    fn len(&self, path: &Path) -> io::Result<u64>;
    /// Lists the files of a directory.
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;
    /// Gives a file another name; whatever had that name is gone.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable: files that came, went, or were renamed.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// A file that is being written.
pub(crate) trait DiskFile: Debug + Send {
    /// Reserves room up to `bytes` and makes the file so long, where the file system can.
    fn reserve(&self, bytes: u64) -> io::Result<()>;
    /// Writes all slices one behind the other.
    fn write_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> io::Result<()>;
    /// Makes the file `bytes` long.
    fn cut(&self, bytes: u64) -> io::Result<()>;
    /// Makes durable what was written.
    fn sync_data(&self) -> io::Result<()>;
    /// Makes durable what was written, and everything else about the file: its length above all.
    fn sync_all(&self) -> io::Result<()>;
}

/// Whether a file that is written whole must be durable before the call returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durable {
    /// Synced, with its name.
    Yes,
    /// Left to the system: the file is a hint, and a missing one costs only time.
    Hint,
}

impl dyn Disk + '_ {
    /// Syncs a directory, so that the names in it are durable.
    pub(crate) fn sync_names(&self, dir: &Path) -> Result<(), Error> {
        self.sync_dir(dir).map_err(|source| Error::io("sync", dir, source))
    }

    /// Writes a whole file so that a reader sees the old one or the new one, never a part.
    pub(crate) fn replace(&self, path: &Path, bytes: &[u8], durable: Durable) -> Result<(), Error> {
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Error::io("write", path, io::ErrorKind::InvalidFilename.into()));
        };
        let mut temporary = name.to_owned();
        temporary.push(".tmp");
        let temporary = dir.join(temporary);
        let write = || -> io::Result<()> {
            let file = self.create(&temporary)?;
            file.write_at(&mut [IoSlice::new(bytes)], 0)?;
            if durable == Durable::Yes {
                file.sync_all()?;
            }
            self.rename(&temporary, path)
        };
        write().map_err(|source| Error::io("write", path, source))?;
        if durable == Durable::Yes {
            self.sync_names(dir)?;
        }
        Ok(())
    }

    /// Removes a file; one that is gone already is no error.
    pub(crate) fn forget(&self, path: &Path) -> Result<(), Error> {
        match self.remove(path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path, source)),
            _ => Ok(()),
        }
    }

    /// Lists the files of a directory.
    pub(crate) fn names(&self, dir: &Path) -> Result<Vec<PathBuf>, Error> {
        self.list(dir).map_err(|source| Error::io("read", dir, source))
    }
}

/// Syncs a directory, so that the names in it are durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), Error> {
    <dyn Disk>::sync_names(&OsDisk, dir)
}

/// Creates a directory and its parents down from `base`, which exists; every new name is durable.
pub(crate) fn create_dirs(base: &Path, dir: &Path) -> Result<(), Error> {
    if dir == base || dir.is_dir() {
        return Ok(());
    }
    let Some(parent) = dir.parent() else { return Ok(()) };
    create_dirs(base, parent)?;
    match fs::create_dir(dir) {
        Ok(()) => sync_dir(parent),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(Error::io("create", dir, source)),
    }
}

/// Creates a directory and whatever is missing above it, durably.
pub(crate) fn create_all(dir: &Path) -> Result<(), Error> {
    let missing = |dir: &&Path| !dir.as_os_str().is_empty() && !dir.is_dir();
    match dir.ancestors().take_while(missing).last() {
        Some(top) => create_dirs(top.parent().filter(|base| !base.as_os_str().is_empty()).unwrap_or(Path::new(".")), dir),
        None => Ok(()),
    }
}

/// Returns the bytes that are free on the disk under a directory, if the system says.
pub(crate) fn free_bytes(dir: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(dir).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Writes a whole file so that a reader sees the old one or the new one, never a part.
pub(crate) fn replace(path: &Path, bytes: &[u8], durable: Durable) -> Result<(), Error> {
    <dyn Disk>::replace(&OsDisk, path, bytes, durable)
}

/// Removes a file; one that is gone already is no error.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    <dyn Disk>::forget(&OsDisk, path)
}
