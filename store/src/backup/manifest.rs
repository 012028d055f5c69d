//! `backup.json`: what a backup holds, so that a half one is no backup.

use std::path::Path;

use schema::Micros;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The file's name.
pub(super) const NAME: &str = "backup.json";

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of karat that made it.
    pub karat: String,
    /// When it was made; what was acked before is in it.
    pub taken_at_us: i64,
    /// The tables.
    pub tables: Vec<BackedUpTable>,
    /// Every file with its size.
    pub files: Vec<BackedUpFile>,
}

/// One table in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackedUpTable {
    /// The tenant's name.
    pub tenant: String,
    /// The table's name.
    pub table: String,
    /// The version that was copied.
    pub version: u64,
    /// Its data files.
    pub files: usize,
}

/// One file in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackedUpFile {
    /// Path in the data directory.
    pub path: String,
    /// Size.
    pub bytes: u64,
}

impl Manifest {
    pub(super) fn new(now: Micros) -> Manifest {
        Manifest { karat: env!("CARGO_PKG_VERSION").to_owned(), taken_at_us: now.0, tables: Vec::new(), files: Vec::new() }
    }

    /// Returns the size of everything.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec_pretty(self).map_err(|error| Error::Task(error.to_string()))
    }

    pub(super) fn read(dir: &Path) -> Result<Manifest, Error> {
        let path = dir.join(NAME);
        let Ok(text) = std::fs::read(&path) else { return Err(Error::NoBackup { path: dir.to_owned() }) };
        serde_json::from_slice(&text).map_err(|error| Error::Table { path, reason: format!("it cannot be read: {error}") })
    }
}
