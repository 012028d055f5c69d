//! Records that were acked and cannot be turned into rows: kept as they came, for a person to look at.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use schema::Tenant;
use serde::Deserialize;

use crate::appender::Job;
use crate::budget::Permit;
use crate::disk::{self, Durable};
use crate::error::Error;
use crate::place::names_in;

/// The directory `_wal/quarantine`.
pub(crate) struct Quarantine {
    dir: PathBuf,
    bytes_max: u64,
    bytes: AtomicU64,
    count: AtomicU64,
    writes: Writes,
    /// Records that the disk did not take; the log keeps them until it does.
    unkept: Mutex<Vec<Unkept>>,
}

struct Unkept {
    /// Its position in the log; nothing where it came by a stream, which has it still.
    seq: Option<u64>,
    name: String,
    bytes: Vec<u8>,
    _memory: Permit,
}

/// Whether records that cannot be decoded are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writes {
    /// By a writer.
    Allowed,
    /// A reader changes nothing on disk.
    Forbidden,
}

impl Quarantine {
    /// Looks at what is there.
    pub(crate) fn open(wal: &Path, bytes_max: u64, writes: Writes) -> Quarantine {
        let dir = wal.join("quarantine");
        let entries = std::fs::read_dir(&dir).into_iter().flatten().filter_map(Result::ok);
        let bytes = entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum();
        Quarantine { dir, bytes_max, bytes: AtomicU64::new(bytes), count: AtomicU64::new(0), writes, unkept: Mutex::default() }
    }

    /// Tells whether the record was put aside before, so that a replay need not try it again.
    pub(crate) fn holds(&self, seq: u64) -> bool {
        self.dir.join(in_log(seq)).exists()
    }

    /// Returns the last record that was put aside, now or before.
    pub(crate) fn last(&self) -> u64 {
        let entries = std::fs::read_dir(&self.dir).into_iter().flatten().filter_map(Result::ok);
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).max().unwrap_or(0)
    }

    /// Keeps a record: a line of JSON that says what it is, then its bytes. The log line bears no content of it.
    pub(crate) fn put(&self, job: Job, error: &(dyn std::error::Error + Send + Sync)) {
        self.count.fetch_add(1, Ordering::AcqRel);
        if self.writes == Writes::Forbidden {
            return;
        }
        let stream = job.origin.as_ref().map(|origin| origin.source.id.as_ref());
        let name = stream.map_or_else(|| in_log(job.seq), |stream| in_stream(stream, job.seq - 1));
        let head = serde_json::json!({
            "seq": stream.is_none().then_some(job.seq),
            "stream": stream,
            "offset": stream.map(|_| job.seq - 1),
            "signal": format!("{:?}", job.signal).to_lowercase(),
            "tenant": job.tenant.as_str(),
            "received_at_us": job.received_at.0,
            "error": error.to_string(),
        });
        let bytes = [head.to_string().as_bytes(), b"\n", &job.body].concat();
        let (tenant, signal, n_bytes) = (job.tenant.as_str(), job.signal, job.body.len());
        match self.keep(&name, &bytes) {
            Ok(true) => tracing::error!(name, tenant, ?signal, n_bytes, "could not decode a record; it is kept in _wal/quarantine, please report it"),
            Ok(false) => tracing::error!(name, tenant, ?signal, n_bytes, "could not decode a record, and _wal/quarantine is full; it is dropped"),
            Err(error) => {
                tracing::error!(name, tenant, ?signal, n_bytes, %error, "could not decode a record, nor put it into _wal/quarantine yet");
                let seq = stream.is_none().then_some(job.seq);
                self.unkept.lock().push(Unkept { seq, name, bytes, _memory: job.permit });
            }
        }
    }

    /// Tries again what the disk did not take. Returns the first record that is still only in the log.
    pub(crate) fn retry(&self) -> Option<u64> {
        let mut unkept = self.unkept.lock();
        unkept.retain(|record| self.keep(&record.name, &record.bytes).is_err());
        unkept.iter().filter_map(|record| record.seq).min()
    }

    fn keep(&self, name: &str, bytes: &[u8]) -> Result<bool, Error> {
        let size = bytes.len() as u64;
        if self.bytes.load(Ordering::Acquire) + size > self.bytes_max {
            return Ok(false);
        }
        if let Some(wal) = self.dir.parent() {
            disk::create_dirs(wal, &self.dir)?;
        }
        disk::replace(&self.dir.join(name), bytes, Durable::Yes)?;
        self.bytes.fetch_add(size, Ordering::AcqRel);
        Ok(true)
    }

    /// Deletes the tenant's records that hold an id: they may be what a person wants forgotten, and nobody can tell what they are.
    pub(crate) fn forget(&self, tenant: &Tenant, id: &str) -> Result<(), Error> {
        for name in names_in(&self.dir)? {
            let path = self.dir.join(name);
            let bytes = std::fs::read(&path).map_err(|source| Error::io("read", &path, source))?;
            if Kept::read(&bytes).is_some_and(|kept| kept.head.tenant == tenant.as_str() && kept.names(id)) {
                disk::remove(&path)?;
                self.bytes.fetch_sub(bytes.len() as u64, Ordering::AcqRel);
            }
        }
        Ok(())
    }

    /// Returns how many records could not be decoded since the start.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }
}

/// A record as its file holds it.
struct Kept<'a> {
    head: Head,
    body: &'a [u8],
}

/// The part of a record's first line that says whose it is.
#[derive(Deserialize)]
struct Head {
    tenant: String,
    signal: String,
}

impl<'a> Kept<'a> {
    fn read(bytes: &'a [u8]) -> Option<Kept<'a>> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        Some(Kept { head: serde_json::from_slice(&bytes[..end]).ok()?, body: &bytes[end + 1..] })
    }

    /// Tells whether the body names an id: as a text of its own, or as a word within one; an id that begins with it is another one.
    fn names(&self, id: &str) -> bool {
        let found = |at: usize| {
            let (before, after) = (&self.body[..at], &self.body[at + id.len()..]);
            let goes_on = match after {
                // The end of a sentence, unless a letter follows.
                [b'.', next, ..] => is_of_a_word(next),
                [b'.'] => false,
                _ => after.first().is_some_and(is_of_a_word),
            };
            let alone = !goes_on && !before.last().is_some_and(is_of_a_word);
            // Columns lie one text behind the other, without anything between them.
            self.head.signal == "rows" || alone || before.ends_with(&value_head(id.len()))
        };
        !id.is_empty() && (0..=self.body.len().saturating_sub(id.len())).any(|at| self.body[at..].starts_with(id.as_bytes()) && found(at))
    }
}

fn is_of_a_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-@.".contains(byte) || !byte.is_ascii()
}

/// Returns the bytes before a text of this length in protobuf, where it is the value of an attribute: the number of the field and the
/// length, which may look like a letter, as may what follows.
fn value_head(length: usize) -> Vec<u8> {
    let mut head = vec![0x0a];
    let mut rest = length;
    while rest >= 0x80 {
        head.push(u8::try_from(rest & 0x7f).unwrap_or_default() | 0x80);
        rest >>= 7;
    }
    head.push(u8::try_from(rest).unwrap_or_default());
    head
}

/// Names a record of the log.
fn in_log(seq: u64) -> String {
    format!("{seq:020}")
}

/// Names a record of a stream, the same however often it is read.
fn in_stream(stream: &str, offset: u64) -> String {
    let plain: String = stream.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    format!("{plain}-{offset:020}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put_aside(dir: &std::path::Path, name: &str, tenant: &str, body: &[u8]) {
        let head = serde_json::json!({"tenant": tenant, "signal": "traces"}).to_string();
        std::fs::write(dir.join(name), [head.as_bytes(), b"\n", body].concat()).unwrap();
    }

    /// The value of an attribute as protobuf has it, with the next attribute of a span behind it.
    fn attribute(id: &str) -> Vec<u8> {
        [value_head(id.len()), id.as_bytes().to_vec(), vec![0x4a, 3]].concat()
    }

    #[test]
    fn only_the_records_of_the_tenant_that_name_the_id_go() {
        let dir = tempfile::tempdir().unwrap();
        let kept = dir.path().join("quarantine");
        std::fs::create_dir(&kept).unwrap();
        let long = "a".repeat(200);
        put_aside(&kept, "1", "default", &attribute("ann"));
        put_aside(&kept, "2", "other", &attribute("ann"));
        put_aside(&kept, "3", "default", &attribute("annabel"));
        put_aside(&kept, "4", "default", b"this is of ann.");
        put_aside(&kept, "5", "default", b"joann@example.com and ann@example.com and ann-2");
        put_aside(&kept, "6", "default", &attribute(&long));
        let quarantine = Quarantine::open(dir.path(), 1_000_000, Writes::Allowed);
        let before = quarantine.bytes.load(Ordering::Acquire);
        quarantine.forget(&Tenant::default(), "ann").unwrap();
        quarantine.forget(&Tenant::default(), &long).unwrap();
        let mut left = names_in(&kept).unwrap();
        left.sort();
        assert_eq!(left, ["2", "3", "5"]);
        assert!(quarantine.bytes.load(Ordering::Acquire) < before);
    }
}
