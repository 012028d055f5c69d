//! The log's name: a random id, made with the log. Table commits bear it, so that a log that is made anew starts anew.

use std::io;
use std::path::Path;

use crate::disk::{Disk, Durable};
use crate::error::Error;

/// A random id of one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogId(pub [u8; 16]);

impl LogId {
    /// Returns the name under which table commits say how far they have come.
    pub(crate) fn app_id(self) -> String {
        format!("wal:{}", self.hex())
    }

    /// Returns the first eight digits, which file names bear.
    pub(crate) fn short(self) -> String {
        self.hex()[..8].to_owned()
    }

    fn hex(self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.0))
    }
}

/// Reads the id of the log in `dir`, or makes one.
pub(crate) fn open_id(disk: &dyn Disk, dir: &Path) -> Result<LogId, Error> {
    if let Some(id) = read_id(disk, dir)? {
        return Ok(id);
    }
    let id = LogId(*uuid::Uuid::new_v4().as_bytes());
    disk.replace(&dir.join("id"), format!("{}\n", id.hex()).as_bytes(), Durable::Yes)?;
    Ok(id)
}

/// Reads the id of the log in `dir`; nothing where there is no log.
pub(crate) fn read_id(disk: &dyn Disk, dir: &Path) -> Result<Option<LogId>, Error> {
    let path = dir.join("id");
    let bytes = match disk.read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::io("read", &path, source)),
    };
    let text = String::from_utf8_lossy(&bytes);
    match u128::from_str_radix(text.trim(), 16) {
        Ok(id) if text.trim().len() == 32 => Ok(Some(LogId(id.to_be_bytes()))),
        _ => Err(Error::Corrupt { file: path, offset: 0, reason: "it does not hold the 32 hex digits of the log's id" }),
    }
}
