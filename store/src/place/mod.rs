//! Where the files of one table are: in a directory, or in an object store with that directory as a workshop.
//!
//! Everything that reads or writes a table's files by itself goes through here; only queries and delta-rs read on their own. The
//! calls block, so they belong on threads that may.

mod directory;
mod local;
mod objects;
mod remote;
mod root;
mod waiting;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use deltalake_core::{DeltaTable, DeltaTableBuilder};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use url::Url;

pub(crate) use directory::names_in;
pub(crate) use objects::Objects;
pub(crate) use root::Root;
pub(crate) use waiting::is_outage;

use crate::budget::Budget;
use crate::disk;
use crate::error::Error;
use crate::fail::Fail;
use crate::snapshot::Bloom;

/// The directory of a table's log.
pub(crate) const LOG: &str = "_delta_log";

/// The files of one table.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The table's directory; new files are made here in any case.
    dir: PathBuf,
    /// Where the files are kept, if not in the directory.
    objects: Option<Objects>,
}

/// A data file that can be read; a copy of one that is elsewhere goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Fetched {
    path: PathBuf,
    is_copy: bool,
}

impl Fetched {
    /// Returns where the file can be read.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Fetched {
    fn drop(&mut self) {
        if self.is_copy {
            // A copy that stays is swept away at the next start.
            drop(disk::remove(&self.path));
        }
    }
}

impl Place {
    /// Names the files of a table; nothing is looked at yet.
    pub(crate) fn new(dir: PathBuf, objects: Option<Objects>) -> Place {
        Place { dir, objects }
    }

    /// Returns the table's directory, which names it in messages and is where new files are made.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Tells whether other nodes may write to the table, too.
    pub(crate) fn is_shared(&self) -> bool {
        self.objects.is_some()
    }

    /// Makes room for a table's log.
    pub(crate) fn prepare(&self, data: &Path) -> Result<(), Error> {
        match &self.objects {
            Some(_) => disk::create_dirs(data, &self.dir),
            None => disk::create_dirs(data, &self.dir.join(LOG)),
        }
    }

    /// Makes a file that was written into the directory durable for other readers.
    pub(crate) fn publish(&self, path: &str) -> Result<(), Error> {
        let Some(objects) = &self.objects else { return Ok(()) };
        objects.upload(path, &self.dir.join(path))?;
        disk::remove(&self.dir.join(path))
    }

    /// Deletes a file that was written into the directory and never published.
    pub(crate) fn discard(&self, path: &str) -> Result<(), Error> {
        disk::remove(&self.dir.join(path))
    }

    /// Makes a data file readable.
    pub(crate) fn fetch(&self, path: &str) -> Result<Fetched, Error> {
        let Some(objects) = &self.objects else { return Ok(Fetched { path: self.dir.join(path), is_copy: false }) };
        let copy = self.dir.join(format!("_fetched-{}.parquet", uuid::Uuid::new_v4().simple()));
        let fetched = Fetched { path: copy, is_copy: true };
        objects.download(path, &fetched.path)?;
        Ok(fetched)
    }

    /// Copies a file of the table, be it of its data or of its log, to somewhere else.
    pub(crate) fn copy_out(&self, path: &str, to: &Path) -> Result<(), Error> {
        match &self.objects {
            Some(objects) => objects.download(path, to),
            None => {
                let from = self.dir.join(path);
                std::fs::copy(&from, to).map(drop).map_err(|source| Error::io("copy", &from, source))
            }
        }
    }

    /// Copies a file that is the table's, be it of its data or of its log, into its object store.
    pub(crate) fn put(&self, path: &str, from: &Path) -> Result<(), Error> {
        self.objects.as_ref().map_or(Ok(()), |objects| objects.upload(path, from))
    }

    /// Deletes a data file; one that is gone already is no error.
    pub(crate) fn delete(&self, path: &str) -> Result<(), Error> {
        match &self.objects {
            Some(objects) => objects.delete(path),
            None => disk::remove(&self.dir.join(path)),
        }
    }

    /// Reads the filters over trace ids of a data file; nothing where it has none, or where memory for them is used up.
    pub(crate) fn bloom(&self, path: &str, memory: &Arc<Budget>) -> Result<Option<Bloom>, Error> {
        match &self.objects {
            Some(objects) => objects.bloom(path, memory),
            None => Bloom::read(&self.dir.join(path), memory),
        }
    }

    /// Reads what stands at the end of a data file.
    pub(crate) fn footer(&self, path: &str) -> Result<ParquetMetaData, Error> {
        if self.objects.is_some() {
            let reason = format!("another program added the file {path} without the number of its rows, which karat needs there");
            return Err(Error::Table { path: self.dir.clone(), reason });
        }
        let path = self.dir.join(path);
        let file = std::fs::File::open(&path).map_err(|source| Error::io("open", &path, source))?;
        Ok(SerializedFileReader::new(file)?.metadata().clone())
    }

    /// Lists the table's data files, those that no commit names included.
    pub(crate) fn data_files(&self) -> Result<Vec<String>, Error> {
        match &self.objects {
            Some(objects) => objects.data_files(),
            None => directory::data_files(&self.dir),
        }
    }

    /// Reads a version of the table's log; nothing where it is not there.
    pub(crate) fn read_commit(&self, version: u64) -> Result<Option<String>, Error> {
        match &self.objects {
            Some(objects) => objects.read_commit(version),
            None => directory::read_commit(&self.dir, version),
        }
    }

    /// Writes a version of the table's log unless it exists; durable when this returns `true`.
    pub(crate) fn put_commit(&self, version: u64, text: &str, fail: &Fail) -> Result<bool, Error> {
        match &self.objects {
            Some(objects) => objects.put_commit(version, text, fail),
            None => directory::put_commit(&self.dir, version, text, fail),
        }
    }

    /// Returns the version of the newest checkpoint, 0 where there is none; nothing where there is no table.
    pub(crate) async fn last_checkpoint(&self) -> Result<Option<u64>, Error> {
        let names = self.log_names().await?;
        let versions = names.iter().filter_map(|name| {
            let (version, kind) = name.split_once('.')?;
            let version: u64 = version.parse().ok()?;
            Some(if kind.starts_with("checkpoint") { version } else { 0 })
        });
        Ok(versions.max())
    }

    /// Lists the entries of the table's log up to a version in their order, checkpoints included.
    pub(crate) async fn log_up_to(&self, version: u64) -> Result<Vec<String>, Error> {
        let mut names = self.log_names().await?;
        names.retain(|name| name.split_once('.').and_then(|(of, _)| of.parse::<u64>().ok()).is_some_and(|of| of <= version));
        names.sort();
        Ok(names)
    }

    async fn log_names(&self) -> Result<Vec<String>, Error> {
        match &self.objects {
            Some(objects) => objects.log_names().await,
            None => directory::names_in(&self.dir.join(LOG)),
        }
    }

    /// Makes what is in the table's log durable: it may have been written by someone who was killed before he did.
    pub(crate) fn sync_log(&self) -> Result<(), Error> {
        if self.objects.is_some() { Ok(()) } else { disk::sync_dir(&self.dir.join(LOG)) }
    }

    /// Makes checkpoints durable before what they cover is deleted: delta-rs syncs nothing.
    pub(crate) fn sync_checkpoint(&self) -> Result<(), Error> {
        if self.objects.is_some() { Ok(()) } else { directory::sync_checkpoint(&self.dir.join(LOG)) }
    }

    /// Opens the table through delta-rs.
    pub(crate) async fn delta_table(&self) -> Result<DeltaTable, Error> {
        let failed = |reason: String| Error::Table { path: self.dir.clone(), reason };
        let builder = match &self.objects {
            Some(objects) => objects.delta_table()?,
            None => {
                let url = Url::from_directory_path(&self.dir).map_err(|()| failed("its path cannot be written as a URL".to_owned()))?;
                DeltaTableBuilder::from_url(url).map_err(|error| failed(error.to_string()))?
            }
        };
        builder.load().await.map_err(|error| failed(error.to_string()))
    }
}
