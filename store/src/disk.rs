//! Files and directories that survive a power cut.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::error::Error;

/// Syncs a directory, so that the names in it are durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), Error> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|source| Error::io("sync", dir, source))
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

/// Whether a file that is written whole must be durable before the call returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durable {
    /// Synced, with its name.
    Yes,
    /// Left to the system: the file is a hint, and a missing one costs only time.
    Hint,
}

/// Writes a whole file so that a reader sees the old one or the new one, never a part.
pub(crate) fn replace(path: &Path, bytes: &[u8], durable: Durable) -> Result<(), Error> {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Error::io("write", path, io::ErrorKind::InvalidFilename.into()));
    };
    let mut temporary = name.to_owned();
    temporary.push(".tmp");
    let temporary = dir.join(temporary);
    let write = || -> io::Result<()> {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        if durable == Durable::Yes {
            file.sync_all()?;
        }
        fs::rename(&temporary, path)
    };
    write().map_err(|source| Error::io("write", path, source))?;
    if durable == Durable::Yes {
        sync_dir(dir)?;
    }
    Ok(())
}

/// Returns the bytes that are free on the disk under a directory, if the system says.
pub(crate) fn free_bytes(dir: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(dir).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Removes a file; one that is gone already is no error.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path, source)),
        _ => Ok(()),
    }
}
