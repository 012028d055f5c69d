//! Reading a log again: every durable record in order, a torn tail cut, damage named.

use std::path::Path;

use bytes::Bytes;

use crate::disk::Disk;
use crate::error::Error;
use crate::wal::frame::{Frame, Parsed};
use crate::wal::id::LogId;
use crate::wal::segment::{Closed, Found, HEADER, check_header, list};

/// What to do with the end of the last segment, which a crash may have torn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Cut it off.
    Cut,
    /// Leave every file as it is.
    Leave,
}

/// What a scan found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scanned {
    /// The position that the next record gets.
    pub next_seq: u64,
    /// The segments that hold records.
    pub closed: Vec<Closed>,
}

/// Visits every durable record of the log in `dir`, in order.
///
/// Records up to `applied` are in the tables, so damage among them is only told. A segment ends where the next one begins: what
/// lies behind that was refused. It is cut off, or it would count once the next one is gone.
pub(crate) fn scan(
    disk: &dyn Disk,
    dir: &Path,
    id: LogId,
    applied: u64,
    tail: Tail,
    mut visit: impl FnMut(Frame) -> Result<(), Error>,
) -> Result<Scanned, Error> {
    let found = list(disk, dir)?;
    let mut scanned = Scanned { next_seq: found.first().map_or(1, |segment| segment.first_seq), closed: Vec::new() };
    for (index, segment) in found.iter().enumerate() {
        let limit = found.get(index + 1).map(|next| next.first_seq);
        if segment.skipped {
            tracing::warn!(file = %segment.path.display(), "went on without the records of a log file that was renamed to be skipped");
            scanned.next_seq = limit.unwrap_or(segment.first_seq).max(scanned.next_seq);
            continue;
        }
        let end = read_segment(disk, segment, id, limit, &mut visit)?;
        match limit {
            Some(limit) if end.next_seq < limit && limit - 1 > applied => return Err(end.corrupt(segment)),
            Some(limit) if end.next_seq < limit => tracing::warn!(
                file = %segment.path.display(), offset = end.offset, reason = end.reason(),
                "a log file is damaged; its records are in the tables already"
            ),
            None if end.damaged_after_ack => return Err(end.corrupt(segment)),
            _ => {
                if let Some(reason) = end.damage {
                    tracing::warn!(file = %segment.path.display(), offset = end.offset, reason, "the log's tail is torn; what was acked lies before it");
                }
                if tail == Tail::Cut && end.offset < end.bytes && end.next_seq > segment.first_seq {
                    cut(disk, segment, end.offset)?;
                }
            }
        }
        scanned.next_seq = limit.unwrap_or(end.next_seq);
        match (end.next_seq == segment.first_seq, tail) {
            (true, Tail::Cut) => disk.forget(&segment.path)?,
            (true, Tail::Leave) => {}
            (false, _) => scanned.closed.push(end.closed(segment, scanned.next_seq - 1)),
        }
    }
    Ok(scanned)
}

/// Returns how many bytes the records of a log take at most: what is reserved for records to come counts too.
pub(crate) fn bytes_used(disk: &dyn Disk, dir: &Path) -> Result<u64, Error> {
    list(disk, dir)?.iter().map(|segment| disk.len(&segment.path).map_err(|source| Error::io("read", &segment.path, source))).sum()
}

/// Where a segment's good records end.
struct End {
    next_seq: u64,
    offset: u64,
    /// The length of the file.
    bytes: u64,
    damage: Option<&'static str>,
    /// A later record says that the damaged one was durable once.
    damaged_after_ack: bool,
}

impl End {
    fn reason(&self) -> &'static str {
        self.damage.unwrap_or("records are missing before the next file")
    }

    fn corrupt(&self, segment: &Found) -> Error {
        Error::Corrupt { file: segment.path.clone(), offset: self.offset, reason: self.reason() }
    }

    fn closed(&self, segment: &Found, last_seq: u64) -> Closed {
        Closed { path: segment.path.clone(), first_seq: segment.first_seq, last_seq, bytes: self.offset }
    }
}

fn read_segment(
    disk: &dyn Disk,
    segment: &Found,
    id: LogId,
    limit: Option<u64>,
    visit: &mut impl FnMut(Frame) -> Result<(), Error>,
) -> Result<End, Error> {
    let bytes = Bytes::from(disk.read(&segment.path).map_err(|source| Error::io("read", &segment.path, source))?);
    let mut end = End { next_seq: segment.first_seq, offset: 0, bytes: bytes.len() as u64, damage: None, damaged_after_ack: false };
    if let Err(reason) = check_header(&bytes, id, segment.first_seq) {
        // A crash while the file was made leaves a header that is not whole, but no record behind it.
        end.damage = Some(reason);
        end.damaged_after_ack = bytes.iter().skip(HEADER).any(|byte| *byte != 0);
        return Ok(end);
    }
    let mut offset = HEADER;
    while limit.is_none_or(|limit| end.next_seq < limit) {
        match Frame::parse(id, &bytes, offset) {
            Parsed::Frame(frame, next) if frame.seq == end.next_seq => {
                visit(*frame)?;
                end.next_seq += 1;
                offset = next;
            }
            Parsed::Frame(..) => {
                end.damage = Some("a record is out of order");
                break;
            }
            Parsed::Damaged(reason) => {
                end.damage = Some(reason);
                break;
            }
            Parsed::End => break,
        }
    }
    end.offset = offset as u64;
    end.damaged_after_ack = end.damage.is_some() && was_durable(id, &bytes, offset, end.next_seq);
    Ok(end)
}

/// Looks behind a damaged record for one that was written when the damaged one was durable already.
fn was_durable(id: LogId, bytes: &Bytes, from: usize, seq: u64) -> bool {
    const SEQ: usize = 8;
    const SIGNAL: usize = 48;
    (from + 1..bytes.len().saturating_sub(SIGNAL)).any(|at| {
        let seq_there = bytes[at + SEQ..at + SEQ + 8].try_into().map_or(0, u64::from_le_bytes);
        let plausible = (1..=4).contains(&bytes[at + SIGNAL]) && seq_there > seq && seq_there - seq < u64::from(u32::MAX);
        plausible && matches!(Frame::parse(id, bytes, at), Parsed::Frame(frame, _) if frame.durable >= seq)
    })
}

/// Cuts off what lies behind the last record that counts.
fn cut(disk: &dyn Disk, segment: &Found, bytes: u64) -> Result<(), Error> {
    let cut = disk.open(&segment.path).and_then(|file| {
        file.cut(bytes)?;
        file.sync_all()
    });
    cut.map_err(|source| Error::io("truncate", &segment.path, source))
}
