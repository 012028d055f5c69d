//! The log's files under second names, so that none goes while the tables are copied.

use std::path::{Path, PathBuf};

use crate::disk;
use crate::error::Error;
use crate::place::names_in;

const PREFIX: &str = "_backup-";
const SEGMENT: &str = ".wal";

/// The log's files, pinned until this is dropped.
pub(super) struct Pinned {
    wal: PathBuf,
    dir: PathBuf,
}

impl Pinned {
    /// Pins every file of the log that is there, and lets go of what a backup left that was killed.
    pub(super) fn new(data: &Path) -> Result<Pinned, Error> {
        for name in names_in(data)?.iter().filter(|name| name.starts_with(PREFIX)) {
            remove_dir(&data.join(name))?;
        }
        let dir = data.join(format!("{PREFIX}{}", uuid::Uuid::new_v4().simple()));
        disk::create_dirs(data, &dir)?;
        let pinned = Pinned { wal: data.join("_wal"), dir };
        // An older mark only means that more is read again.
        pinned.copy_small()?;
        pinned.link_segments()?;
        Ok(pinned)
    }

    /// Pins the files that came since; `false` where one may have come and gone meanwhile.
    ///
    /// Files go oldest first: while the newest of the first look is there, none that came after it has gone.
    pub(super) fn pin_newer(&mut self) -> Result<bool, Error> {
        let newest = segments(&self.dir)?.into_iter().max();
        self.link_segments()?;
        let there = segments(&self.wal)?;
        Ok(match newest {
            Some(newest) => there.contains(&newest),
            None => there.is_empty(),
        })
    }

    /// Lists everything that was pinned, by name.
    pub(super) fn files(&self) -> Result<Vec<(String, PathBuf)>, Error> {
        let mut files = Vec::new();
        for name in names_in(&self.dir)? {
            let path = self.dir.join(&name);
            match path.is_dir() {
                true => files.extend(names_in(&path)?.into_iter().map(|inner| (format!("{name}/{inner}"), path.join(inner)))),
                false => files.push((name, path)),
            }
        }
        Ok(files)
    }

    fn link_segments(&self) -> Result<(), Error> {
        for name in segments(&self.wal)? {
            let (from, to) = (self.wal.join(&name), self.dir.join(&name));
            match std::fs::hard_link(&from, &to) {
                Ok(()) => {}
                Err(error) if matches!(error.kind(), std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotFound) => {}
                Err(source) => return Err(Error::io("link", &from, source)),
            }
        }
        Ok(())
    }

    /// Copies what is small and replaced in place: the log's id, its mark, known bodies, records put aside.
    fn copy_small(&self) -> Result<(), Error> {
        for name in names_in(&self.wal)?.iter().filter(|name| !name.ends_with(SEGMENT) && !name.ends_with(".tmp")) {
            let from = self.wal.join(name);
            if !from.is_dir() {
                copy_if_there(&from, &self.dir.join(name))?;
                continue;
            }
            disk::create_dirs(&self.dir, &self.dir.join(name))?;
            for inner in names_in(&from)? {
                copy_if_there(&from.join(&inner), &self.dir.join(name).join(&inner))?;
            }
        }
        Ok(())
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // What stays is removed by the next backup.
        drop(remove_dir(&self.dir));
    }
}

fn segments(dir: &Path) -> Result<Vec<String>, Error> {
    Ok(names_in(dir)?.into_iter().filter(|name| name.ends_with(SEGMENT)).collect())
}

fn copy_if_there(from: &Path, to: &Path) -> Result<(), Error> {
    match std::fs::copy(from, to) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::io("copy", from, source)),
        _ => Ok(()),
    }
}

fn remove_dir(dir: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(dir) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", dir, source)),
        _ => Ok(()),
    }
}
