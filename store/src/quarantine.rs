//! Records that were acked and cannot be turned into rows: kept as they came, for a person to look at.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

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

    /// Deletes the records that hold a text: they may be what a person wants forgotten, and nobody can tell what they are.
    pub(crate) fn forget(&self, text: &str) -> Result<(), Error> {
        for name in names_in(&self.dir)? {
            let path = self.dir.join(name);
            let bytes = std::fs::read(&path).map_err(|source| Error::io("read", &path, source))?;
            if bytes.windows(text.len().max(1)).any(|window| window == text.as_bytes()) {
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

/// Names a record of the log.
fn in_log(seq: u64) -> String {
    format!("{seq:020}")
}

/// Names a record of a stream, the same however often it is read.
fn in_stream(stream: &str, offset: u64) -> String {
    let plain: String = stream.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    format!("{plain}-{offset:020}")
}
