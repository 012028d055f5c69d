//! A table's files in a directory.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::LOG;
use crate::disk;
use crate::error::Error;
use crate::fail::{Fail, FailPoint};

/// Lists the names in a directory; none where it is not there.
pub(crate) fn names_in(dir: &Path) -> Result<Vec<String>, Error> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::io("read", dir, source)),
    };
    let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
    names.collect::<Result<_, _>>().map_err(|source| Error::io("read", dir, source))
}

/// Lists the files in the partitions of a table.
pub(super) fn data_files(table: &Path) -> Result<Vec<String>, Error> {
    let mut files = Vec::new();
    for partition in names_in(table)?.iter().filter(|name| name.starts_with("date=")) {
        files.extend(names_in(&table.join(partition))?.iter().map(|name| format!("{partition}/{name}")));
    }
    Ok(files)
}

/// Reads a version of the log; one that is there is durable when this returns.
pub(super) fn read_commit(table: &Path, version: u64) -> Result<Option<String>, Error> {
    let path = path_of(table, version);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::io("read", &path, source)),
    };
    disk::sync_dir(&table.join(LOG))?;
    Ok(Some(text))
}

/// Writes a version unless it exists: its bytes are durable before its name is there, and its name before this returns.
pub(super) fn put_commit(table: &Path, version: u64, text: &str, fail: &Fail) -> Result<bool, Error> {
    let log = table.join(LOG);
    let temporary = log.join(format!("_commit_{version}.json.tmp"));
    let path = path_of(table, version);
    let write = || -> io::Result<bool> {
        let mut file = File::create(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        match std::fs::hard_link(&temporary, &path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    };
    let written = write().map_err(|source| Error::io("write", &path, source));
    let removed = disk::remove(&temporary);
    if written? {
        removed?;
        fail.reach(FailPoint::CommitLinked)?;
        disk::sync_dir(&log)?;
        return Ok(true);
    }
    Ok(false)
}

/// Makes the checkpoints in a log durable.
pub(super) fn sync_checkpoint(log: &Path) -> Result<(), Error> {
    for name in names_in(log)?.iter().filter(|name| name.contains(".checkpoint.") || *name == "_last_checkpoint") {
        let path = log.join(name);
        File::open(&path).and_then(|file| file.sync_all()).map_err(|source| Error::io("sync", &path, source))?;
    }
    disk::sync_dir(log)
}

fn path_of(table: &Path, version: u64) -> PathBuf {
    table.join(LOG).join(format!("{version:020}.json"))
}
