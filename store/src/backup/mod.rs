//! A consistent copy of a data directory while karat runs, and the way back.
//!
//! A copy holds every row that was acked before it began. First the log's files are pinned by second names, then the tables' files
//! are listed, and only then is anything copied: what left the log before it was pinned is in the tables as they were listed.
//! Tables never change a file, so a list of names is a picture of a moment. `backup.json` is written last, and makes it a backup.

mod capture;
mod manifest;
mod pin;

use std::path::{Path, PathBuf};

use capture::{Captured, capture};
use futures::future::BoxFuture;
pub use manifest::{BackedUpTable, Manifest};
use pin::Pinned;
use schema::Micros;

use crate::blocking::blocking;
use crate::config::StoreConfig;
use crate::disk::{self, Durable};
use crate::error::Error;
use crate::place::{Root, names_in};

/// Files beside the log and the tables that belong to the data.
const BESIDE: [&str; 1] = ["_audit.jsonl"];
/// Looks at the tables until none came too late for the pinned log.
const TRIES: usize = 10;

/// Copies the data directory of the settings into `to`, which must be empty or not there; a karat that runs on it is not disturbed.
pub fn backup<'a>(config: &'a StoreConfig, to: &'a Path, now: Micros) -> BoxFuture<'a, Result<Manifest, Error>> {
    Box::pin(async move {
        if !config.root.is_empty() {
            let reason = "the tables are in an object store, which keeps copies by itself; switch on its versioning or replication".to_owned();
            return Err(Error::Root { root: config.root.clone(), reason });
        }
        let data = config.data.canonicalize().map_err(|_| Error::NoData { path: config.data.clone() })?;
        let config = StoreConfig { data: data.clone(), ..config.clone() };
        must_be_empty(to)?;
        disk::create_all(to)?;
        let root = Root::of(&config)?;
        for _ in 0..TRIES {
            let mut pinned = Pinned::new(&data)?;
            let captured = capture(&root).await?;
            if pinned.pin_newer()? {
                let to = to.to_owned();
                return blocking(move || copy_all(&data, &to, &pinned, captured, now)).await;
            }
        }
        Err(Error::Task("the log moved on too fast to be copied; try again when less comes in".to_owned()))
    })
}

/// Puts a backup in the place of a data directory, which must be empty or not there. Blocks.
pub fn restore(from: &Path, data: &Path) -> Result<Manifest, Error> {
    let manifest = Manifest::read(from)?;
    must_be_empty(data)?;
    disk::create_all(data)?;
    for file in &manifest.files {
        copy(&from.join(&file.path), data, &file.path, Some(file.bytes))?;
    }
    Ok(manifest)
}

fn must_be_empty(dir: &Path) -> Result<(), Error> {
    match names_in(dir)?.is_empty() {
        true => Ok(()),
        false => Err(Error::Taken { path: dir.to_owned() }),
    }
}

fn copy_all(data: &Path, to: &Path, pinned: &Pinned, captured: Vec<Captured>, now: Micros) -> Result<Manifest, Error> {
    let mut manifest = Manifest::new(now);
    let mut keep = |from: PathBuf, path: String| -> Result<(), Error> {
        let bytes = copy(&from, to, &path, None)?;
        manifest.files.push(manifest::BackedUpFile { path, bytes });
        Ok(())
    };
    for (name, from) in pinned.files()? {
        keep(from, format!("_wal/{name}"))?;
    }
    for name in BESIDE.iter().filter(|name| data.join(name).exists()) {
        keep(data.join(name), (*name).to_owned())?;
    }
    for table in &captured {
        for file in &table.files {
            keep(data.join(file), file.clone())?;
        }
    }
    manifest.tables = captured.into_iter().map(|captured| captured.table).collect();
    let text = manifest.to_json()?;
    disk::replace(&to.join(manifest::NAME), &text, Durable::Yes)?;
    Ok(manifest)
}

/// Copies a file to `path` under `to`, durably; returns its size.
fn copy(from: &Path, to: &Path, path: &str, expected: Option<u64>) -> Result<u64, Error> {
    let target = to.join(path);
    let dir = target.parent().unwrap_or(to);
    disk::create_dirs(to, dir)?;
    let bytes = std::fs::copy(from, &target).map_err(|source| Error::io("copy", from, source))?;
    if let Some(expected) = expected.filter(|expected| *expected != bytes) {
        let reason = format!("it has {bytes} bytes and should have {expected}; the backup is damaged");
        return Err(Error::Table { path: from.to_owned(), reason });
    }
    let synced = std::fs::File::open(&target).and_then(|file| file.sync_all());
    synced.map_err(|source| Error::io("sync", &target, source))?;
    disk::sync_dir(dir)?;
    Ok(bytes)
}
