//! A consistent copy of a data directory while karat runs, and the way back.
//!
//! A copy holds every row that was acked before it began. First the log's files are pinned by second names, then the tables' files
//! are listed, and only then is anything copied: what left the log before it was pinned is in the tables as they were listed.
//! Tables never change a file, so a list of names is a picture of a moment. `backup.json` is written last, and makes it a backup.
//!
//! Requests to forget somebody that wait are copied before everything else: one that is carried out meanwhile may still find its rows
//! in the tables as they are listed, and without it they would be back for good.

mod capture;
mod manifest;
mod pin;
mod restore;
mod unfinished;

use std::path::{Path, PathBuf};

use capture::{Captured, capture};
use futures::future::BoxFuture;
use manifest::BackedUpFile;
pub use manifest::{BackedUpTable, Manifest};
use pin::Pinned;
pub use restore::restore;
use schema::Micros;
pub(crate) use unfinished::refuse as refuse_half_restored;

use crate::blocking::blocking;
use crate::config::StoreConfig;
use crate::disk::{self, Durable};
use crate::error::Error;
use crate::maintain::REQUESTS;
use crate::place::{Root, names_in};

/// Files beside the log and the tables that belong to the data.
const BESIDE: [&str; 1] = ["_audit.jsonl"];
/// Looks at the tables until none came too late for the pinned log.
const TRIES: usize = 10;

/// Copies the data directory of the settings into `to`, which must be empty or not there; a karat that runs on it is not disturbed.
///
/// Tables in an object store are copied, too. What other nodes hold of them and have not committed is in those nodes' own backups.
pub fn backup<'a>(config: &'a StoreConfig, to: &'a Path, now: Micros) -> BoxFuture<'a, Result<Manifest, Error>> {
    Box::pin(async move {
        let data = config.data.canonicalize().map_err(|_| Error::NoData { path: config.data.clone() })?;
        let to = absolute(to)?;
        let config = StoreConfig { data: data.clone(), ..config.clone() };
        refuse_half_restored(&data)?;
        must_be_empty(&to)?;
        disk::create_all(&to)?;
        let requests = copy_requests(&data, &to)?;
        let root = Root::of(&config)?;
        for _ in 0..TRIES {
            let mut pinned = Pinned::new(&data)?;
            let captured = capture(&root).await?;
            if pinned.pin_newer()? {
                return blocking(move || copy_all(&data, &to, requests, &pinned, captured, now)).await;
            }
        }
        Err(Error::Task("the log moved on too fast to be copied; try again when less comes in".to_owned()))
    })
}

/// Makes a path whole: the directory above a bare name is the one we are in, and has no name in it.
fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|source| Error::io("find", path, source))
}

fn must_be_empty(dir: &Path) -> Result<(), Error> {
    match names_in(dir)?.is_empty() {
        true => Ok(()),
        false => Err(Error::Taken { path: dir.to_owned() }),
    }
}

/// Copies the requests to forget somebody that wait.
fn copy_requests(data: &Path, to: &Path) -> Result<Vec<BackedUpFile>, Error> {
    let mut copied_requests = Vec::new();
    for name in names_in(&data.join(REQUESTS))?.iter().filter(|name| name.ends_with(".json")) {
        let from = data.join(REQUESTS).join(name);
        match std::fs::read(&from) {
            Ok(text) => {
                let write = |target: &Path| disk::replace(target, &text, Durable::Yes);
                copied_requests.push(copied(to, &format!("{REQUESTS}/{name}"), write)?);
            }
            // It was carried out before the tables are listed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(Error::io("read", &from, source)),
        }
    }
    Ok(copied_requests)
}

fn copy_all(data: &Path, to: &Path, requests: Vec<BackedUpFile>, pinned: &Pinned, captured: Vec<Captured>, now: Micros) -> Result<Manifest, Error> {
    let mut manifest = Manifest { files: requests, ..Manifest::new(now) };
    let log = pinned.files()?.into_iter().map(|(name, from)| (format!("_wal/{name}"), from));
    let beside = BESIDE.iter().map(|name| ((*name).to_owned(), data.join(name))).filter(|(_, from)| from.exists());
    for (path, from) in log.chain(beside) {
        let copy = |target: &Path| std::fs::copy(&from, target).map(drop).map_err(|source| Error::io("copy", &from, source));
        manifest.files.push(copied(to, &path, copy)?);
    }
    for Captured { table, place, files } in captured {
        let prefix = format!("{}/{}", table.tenant, table.table);
        for file in &files {
            manifest.files.push(copied(to, &format!("{prefix}/{file}"), |target| place.copy_out(file, target))?);
        }
        manifest.tables.push(table);
    }
    let text = manifest.to_json()?;
    disk::replace(&to.join(manifest::NAME), &text, Durable::Yes)?;
    Ok(manifest)
}

/// Has a file written to `path` under `to`, and makes it durable.
fn copied(to: &Path, path: &str, write: impl FnOnce(&Path) -> Result<(), Error>) -> Result<BackedUpFile, Error> {
    let target = to.join(path);
    let dir = target.parent().unwrap_or(to);
    disk::create_dirs(to, dir)?;
    write(&target)?;
    let synced = std::fs::File::open(&target).and_then(|file| file.sync_all().and_then(|()| file.metadata()));
    let bytes = synced.map_err(|source| Error::io("sync", &target, source))?.len();
    disk::sync_dir(dir)?;
    Ok(BackedUpFile { path: path.to_owned(), bytes })
}
