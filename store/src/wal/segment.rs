//! One file of the log. Its name is the position of its first record, so that a file tells what it must hold.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};

use crate::disk;
use crate::error::Error;
use crate::wal::id::LogId;

const EXTENSION: &str = "wal";
const SKIPPED: &str = "skip";
const MAGIC: &[u8; 8] = b"karatwal";
const VERSION: u32 = 1;
/// Slices that one system call takes on Linux.
const SLICES_MAX: usize = 1024;

/// Bytes before the first frame.
pub(crate) const HEADER: usize = 40;

/// The segment that is being written.
#[derive(Debug)]
pub(crate) struct Segment {
    file: File,
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
    pub(crate) fn create(dir: &Path, id: LogId, first_seq: u64, room: u64) -> Result<Segment, Error> {
        let path = dir.join(format!("{first_seq:020}.{EXTENSION}"));
        let made = Self::prepare(&path, id, first_seq, room).map_err(|source| Error::io("create", &path, source));
        let file = made.inspect_err(|_| drop(disk::remove(&path)))?;
        disk::sync_dir(dir)?;
        Ok(Segment { file, path, first_seq, end: HEADER as u64, room })
    }

    fn prepare(path: &Path, id: LogId, first_seq: u64, room: u64) -> io::Result<File> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        reserve(&file, room)?;
        let header = header(id, first_seq);
        write_all_at(&file, &mut [IoSlice::new(&header)], 0)?;
        file.sync_all()?;
        Ok(file)
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
        write_all_at(&self.file, frames, self.end).map_err(|source| Error::io("write", &self.path, source))
    }

    /// Makes `bytes` that were written durable.
    pub(crate) fn sync(&mut self, bytes: usize) -> Result<(), Error> {
        self.file.sync_data().map_err(|source| Error::io("sync", &self.path, source))?;
        self.end += bytes as u64;
        Ok(())
    }

    /// Forgets what a failed write left behind the last durable frame.
    pub(crate) fn rewind(&self) -> Result<(), Error> {
        let rewind = || -> io::Result<()> {
            self.file.set_len(self.end)?;
            // On a full disk there is no room to reserve; the next write says so if that is still true.
            let _ = reserve(&self.file, self.room);
            Ok(())
        };
        rewind().map_err(|source| Error::io("truncate", &self.path, source))
    }

    /// Gives back the room that was not used. The frames are durable already, so a failure loses nothing.
    pub(crate) fn close(self, last_seq: u64) -> Closed {
        if let Err(error) = self.file.set_len(self.end) {
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
pub(crate) fn list(dir: &Path) -> Result<Vec<Found>, Error> {
    let mut segments = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|source| Error::io("read", dir, source))? {
        let path = entry.map_err(|source| Error::io("read", dir, source))?.path();
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

/// Reserves room on disk, so that later syncs write no file size and a full disk is met early; not every file system can.
fn reserve(file: &File, room: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, room) {
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS | rustix::io::Errno::INVAL) | Ok(()) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

fn write_all_at(file: &File, mut slices: &mut [IoSlice<'_>], mut offset: u64) -> io::Result<()> {
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        let count = slices.len().min(SLICES_MAX);
        match rustix::io::pwritev(file, &slices[..count], offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                offset += written as u64;
                IoSlice::advance_slices(&mut slices, written);
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}
