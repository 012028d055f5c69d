//! One record of the log as bytes.
//!
//! `len u32 | crc32c u32 | seq u64 | durable u64 | received_at i64 | hash u128 | signal u8 | tenant length u8 | tenant | body`,
//! little endian. `len` counts what follows the checksum, and the checksum covers the log's id, `len` and what follows, so that
//! no body can pass for a frame. `durable` is the last record that was known to be on disk when this one was written: it tells a
//! torn tail from a damaged record.

use bytes::Bytes;
use schema::{Micros, Tenant};

use crate::decode::Signal;
use crate::wal::id::LogId;

/// Bytes before the tenant's name.
const FIXED: usize = 50;
/// Bytes before what `len` counts.
const PREFIX: usize = 8;

/// One record of the log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    pub seq: u64,
    pub durable: u64,
    pub signal: Signal,
    pub tenant: Tenant,
    pub received_at: Micros,
    pub hash: u128,
    pub body: Bytes,
}

/// What stands at an offset of a segment.
#[derive(Debug, PartialEq)]
pub(crate) enum Parsed {
    /// A whole frame, and where the next one begins.
    Frame(Box<Frame>, usize),
    /// Zeros or the end of the file: nothing was written here.
    End,
    /// Something else.
    Damaged(&'static str),
}

/// Returns how many bytes a record takes in the log.
pub(crate) fn frame_bytes(tenant: &Tenant, body: &[u8]) -> usize {
    FIXED + tenant.as_str().len() + body.len()
}

impl Frame {
    /// Writes everything before the body to `out`; the body follows it in the file. Bodies of 4 GiB are refused at the door.
    pub(crate) fn write_head(&self, id: LogId, out: &mut Vec<u8>) {
        let tenant = self.tenant.as_str().as_bytes();
        let start = out.len();
        let len = u32::try_from(FIXED - PREFIX + tenant.len() + self.body.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.seq.to_le_bytes());
        out.extend_from_slice(&self.durable.to_le_bytes());
        out.extend_from_slice(&self.received_at.0.to_le_bytes());
        out.extend_from_slice(&self.hash.to_le_bytes());
        out.push(self.signal.code());
        out.push(u8::try_from(tenant.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(tenant);
        let crc = checksum(id, &out[start..start + 4], &[&out[start + PREFIX..], &self.body]);
        out[start + 4..start + PREFIX].copy_from_slice(&crc.to_le_bytes());
    }

    /// Reads what stands at `offset` of a segment.
    pub(crate) fn parse(id: LogId, segment: &Bytes, offset: usize) -> Parsed {
        let bytes = &segment[offset.min(segment.len())..];
        let Some(len) = u32_at(bytes, 0) else {
            return if bytes.iter().all(|byte| *byte == 0) { Parsed::End } else { Parsed::Damaged("the file ends inside a record") };
        };
        if len == 0 {
            return if bytes.iter().take(FIXED).all(|byte| *byte == 0) { Parsed::End } else { Parsed::Damaged("a record has no length") };
        }
        let end = PREFIX + len as usize;
        if end < FIXED || end > bytes.len() {
            return Parsed::Damaged("a record is longer than its file");
        }
        let rest = &bytes[PREFIX..end];
        if u32_at(bytes, 4) != Some(checksum(id, &bytes[..4], &[rest])) {
            return Parsed::Damaged("a record's checksum does not match");
        }
        match Self::fields(segment, offset, end) {
            Some(frame) => Parsed::Frame(Box::new(frame), offset + end),
            None => Parsed::Damaged("a record's fields cannot be read"),
        }
    }

    fn fields(segment: &Bytes, offset: usize, end: usize) -> Option<Frame> {
        let bytes = segment.get(offset..offset + end)?;
        let tenant_end = FIXED + usize::from(*bytes.get(49)?);
        let tenant = std::str::from_utf8(bytes.get(FIXED..tenant_end)?).ok()?;
        Some(Frame {
            seq: u64::from_le_bytes(bytes.get(8..16)?.try_into().ok()?),
            durable: u64::from_le_bytes(bytes.get(16..24)?.try_into().ok()?),
            received_at: Micros(i64::from_le_bytes(bytes.get(24..32)?.try_into().ok()?)),
            hash: u128::from_le_bytes(bytes.get(32..48)?.try_into().ok()?),
            signal: Signal::from_code(*bytes.get(48)?)?,
            tenant: Tenant::new(tenant).ok()?,
            body: segment.slice(offset + tenant_end..offset + end),
        })
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn checksum(id: LogId, len: &[u8], rest: &[&[u8]]) -> u32 {
    let head = crc32c::crc32c_append(crc32c::crc32c(&id.0), len);
    rest.iter().fold(head, |crc, part| crc32c::crc32c_append(crc, part))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) const ID: LogId = LogId([3; 16]);

    pub(crate) fn frame(seq: u64, body: &[u8]) -> Frame {
        let body = Bytes::copy_from_slice(body);
        Frame { seq, durable: seq - 1, signal: Signal::Logs, tenant: Tenant::default(), received_at: Micros(77), hash: 1 << 100, body }
    }

    pub(crate) fn bytes_of(frame: &Frame) -> Vec<u8> {
        let mut out = Vec::new();
        frame.write_head(ID, &mut out);
        out.extend_from_slice(&frame.body);
        assert_eq!(out.len(), frame_bytes(&frame.tenant, &frame.body));
        out
    }

    #[test]
    fn frames_round_trip() {
        let frame = frame(7, b"hello");
        let bytes = Bytes::from(bytes_of(&frame));
        assert_eq!(Frame::parse(ID, &bytes, 0), Parsed::Frame(Box::new(frame), bytes.len()));
        assert_eq!(Frame::parse(ID, &bytes, bytes.len()), Parsed::End);
    }

    /// A bit that flips anywhere must be seen, wherever it is.
    #[test]
    fn every_flipped_byte_is_seen() {
        let bytes = bytes_of(&frame(7, b"hello"));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x40;
            assert!(matches!(Frame::parse(ID, &Bytes::from(damaged), 0), Parsed::Damaged(_)), "byte {at}");
        }
    }
}
