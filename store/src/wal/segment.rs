//! One file of the log. Its name is the position of its first record, so that a file tells what it must hold.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};

use crate::disk::{Disk, DiskFile};
use crate::error::Error;
use crate::wal::id::LogId;

const EXTENSION: &str = "wal";
const SKIPPED: &str = "skip";
const MAGIC: &[u8; 8] = b"karatwal";
const VERSION: u32 = 1;

/// Bytes before the first frame.
pub(crate) const HEADER: usize = 40;

/// The segment that is being written.
#[derive(Debug)]
pub(crate) struct Segment {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    first_seq: u64,
    /// End of the last durable frame.
    end: u64,
    room: u64,
}

impl Segment {
    /// Creates the file, reserves its room on disk and makes its name durable.
    ///
    /// A file of this name that exists holds no record that counts: its first one would have had this position.
    pub(crate) fn create(disk: &dyn Disk, dir: &Path, id: LogId, first_seq: u64, room: u64) -> Result<Segment, Error> {
        let path = dir.join(format!("{first_seq:020}.{EXTENSION}"));
        let made = Self::prepare(disk, &path, id, first_seq, room).map_err(|source| Error::io("create", &path, source));
        let file = made.inspect_err(|_| drop(disk.forget(&path)))?;
        disk.sync_names(dir)?;
        Ok(Segment { file, path, first_seq, end: HEADER as u64, room })
    }

    fn prepare(disk: &dyn Disk, path: &Path, id: LogId, first_seq: u64, room: u64) -> io::Result<Box<dyn DiskFile>> {
        let file = disk.create(path)?;
        // So that later syncs write no file size, and a full disk is met early.
        file.reserve(room)?;
        file.write_at(&mut [IoSlice::new(&header(id, first_seq))], 0)?;
        file.sync_all()?;
        Ok(file)
    }

    /// Reserves the room again, which a full disk may have refused.
    pub(crate) fn reserve(&self) -> Result<(), Error> {
        self.file.reserve(self.room).map_err(|source| Error::io("reserve room in", &self.path, source))
    }

    /// Tells whether `bytes` more fit; an empty segment takes a record of any size.
    pub(crate) fn fits(&self, bytes: usize) -> bool {
        self.is_empty() || self.end + bytes as u64 <= self.room
    }

    /// Tells whether the segment holds no frame.
    pub(crate) fn is_empty(&self) -> bool {
        self.end == HEADER as u64
    }

    /// Writes frames after the last durable one; they count once [`Segment::sync`] returns.
    pub(crate) fn write(&self, frames: &mut [IoSlice<'_>]) -> Result<(), Error> {
        self.file.write_at(frames, self.end).map_err(|source| Error::io("write", &self.path, source))
    }

    /// Makes `bytes` that were written durable.
    pub(crate) fn sync(&mut self, bytes: usize) -> Result<(), Error> {
        self.file.sync_data().map_err(|source| Error::io("sync", &self.path, source))?;
        self.end += bytes as u64;
        Ok(())
    }

    /// Forgets what a failed write left behind the last durable frame, for good.
    pub(crate) fn rewind(&self) -> Result<(), Error> {
        let rewind = || -> io::Result<()> {
            self.file.cut(self.end)?;
            self.file.sync_all()?;
            // On a full disk there is no room to reserve; the next write says so if that is still true.
            let _ = self.file.reserve(self.room);
            Ok(())
        };
        rewind().map_err(|source| Error::io("truncate", &self.path, source))
    }

    /// Gives back the room that was not used. The frames are durable already, so a failure loses nothing.
    pub(crate) fn close(self, last_seq: u64) -> Closed {
        if let Err(error) = self.file.cut(self.end) {
            tracing::warn!(%error, file = %self.path.display(), "could not cut a closed log segment to its length");
        }
        Closed { path: self.path, first_seq: self.first_seq, last_seq, bytes: self.end }
    }

    /// Returns the bytes that are in use.
    pub(crate) fn bytes(&self) -> u64 {
        self.end
    }
}

/// A segment that is not written any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Closed {
    pub path: PathBuf,
    pub first_seq: u64,
    pub last_seq: u64,
    pub bytes: u64,
}

/// A file of the log as it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub path: PathBuf,
    pub first_seq: u64,
    /// A person renamed the file, to go on without its records.
    pub skipped: bool,
}

/// Lists the segments of a log in order.
pub(crate) fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<Found>, Error> {
    let mut segments = Vec::new();
    for path in disk.names(dir)? {
        let skipped = match path.extension().and_then(|extension| extension.to_str()) {
            Some(EXTENSION) => false,
            Some(SKIPPED) => true,
            _ => continue,
        };
        let Some(first_seq) = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok()) else { continue };
        segments.push(Found { path, first_seq, skipped });
    }
    // A skipped file stands before the one that took its place, because a file ends where the next one begins.
    segments.sort_by_key(|segment| (segment.first_seq, !segment.skipped));
    Ok(segments)
}

/// Checks the first bytes of a segment against what its name and the log say.
pub(crate) fn check_header(bytes: &[u8], id: LogId, first_seq: u64) -> Result<(), &'static str> {
    match bytes.get(..HEADER) {
        Some(found) if found == header(id, first_seq) => Ok(()),
        Some(found) if found.starts_with(MAGIC) && found[12..28] != id.0 => Err("it belongs to another log"),
        _ => Err("it does not begin as a log segment"),
    }
}

fn header(id: LogId, first_seq: u64) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..28].copy_from_slice(&id.0);
    header[28..36].copy_from_slice(&first_seq.to_le_bytes());
    let crc = crc32c::crc32c(&header[..36]);
    header[36..].copy_from_slice(&crc.to_le_bytes());
    header
}
