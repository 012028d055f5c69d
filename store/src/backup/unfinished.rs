//! A mark in a data directory that a restore has begun there and not ended.
//!
//! The mark is durable before anything else is there, and goes when everything is. A directory under another name that is renamed at
//! the end would say the same, but a volume that is mounted cannot be renamed.

use std::path::Path;

use crate::disk::{self, Durable};
use crate::error::Error;
use crate::place::names_in;

const NAME: &str = "_restoring";

/// Refuses a directory that holds a part of a backup.
pub(crate) fn refuse(data: &Path) -> Result<(), Error> {
    if is_there(data) { Err(Error::HalfRestored { path: data.to_owned() }) } else { Ok(()) }
}

/// Tells whether a restore was broken off here.
pub(super) fn is_there(data: &Path) -> bool {
    data.join(NAME).exists()
}

/// Marks a directory, and removes what a restore left there that was broken off.
pub(super) fn begin(data: &Path) -> Result<(), Error> {
    disk::create_all(data)?;
    disk::replace(&data.join(NAME), b"", Durable::Yes)?;
    for name in names_in(data)?.iter().filter(|name| *name != NAME) {
        let path = data.join(name);
        let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.map_err(|source| Error::io("remove", &path, source))?;
    }
    Ok(())
}

/// Says that everything is there.
pub(super) fn end(data: &Path) -> Result<(), Error> {
    disk::remove(&data.join(NAME))?;
    disk::sync_dir(data)
}
