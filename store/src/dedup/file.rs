//! What a deleted log segment knew about repeated bodies, in a small file beside the log.
//!
//! `<first position>.seen`: one entry a body, `tenant length u8 | tenant | signal u8 | received_at i64 | seq u64 | hash u128`,
//! little endian, and a crc32c of all of it at the end.

use std::path::{Path, PathBuf};

use schema::{Micros, Tenant};

use super::{Key, Stored, Window};
use crate::decode::Signal;
use crate::disk::{Disk, Durable};
use crate::error::Error;

const EXTENSION: &str = "seen";

impl Window {
    /// Keeps what is known of the bodies at positions `first` to `last`, before the segment that told of them is deleted.
    pub(crate) fn save(&self, disk: &dyn Disk, dir: &Path, first: u64, last: u64) -> Result<(), Error> {
        let mut bytes = Vec::new();
        let seen = self.seen.lock();
        let kept = seen.order.iter().map(|(key, kept)| (key, kept.stored));
        for (key, stored) in kept.filter(|(_, stored)| (first..=last).contains(&stored.seq)) {
            let Some(tenant) = seen.tenants.get(key.tenant as usize) else { continue };
            write_entry(&mut bytes, tenant, key, stored);
        }
        drop(seen);
        if bytes.is_empty() {
            return Ok(());
        }
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        disk.replace(&dir.join(format!("{first:020}.{EXTENSION}")), &bytes, Durable::Yes)
    }

    /// Reads what was kept, oldest first. A file that is damaged is left out with a warning: it can only cost a repetition.
    pub(crate) fn load(&self, disk: &dyn Disk, dir: &Path) -> Result<(), Error> {
        for (_, path) in files(disk, dir)? {
            let bytes = disk.read(&path).map_err(|source| Error::io("read", &path, source))?;
            match read_entries(&bytes) {
                Some(entries) => entries.iter().for_each(|(tenant, signal, hash, stored)| self.note(tenant, *signal, *hash, *stored)),
                None => tracing::warn!(file = %path.display(), "left out a damaged file of stored bodies; a request sent again may be stored twice"),
            }
        }
        Ok(())
    }

    /// Deletes the files whose bodies have all left the window.
    pub(crate) fn forget_files(&self, disk: &dyn Disk, dir: &Path) -> Result<(), Error> {
        let oldest = self.oldest();
        let files = files(disk, dir)?;
        for (index, (_, path)) in files.iter().enumerate() {
            // A file ends where the next one begins at the latest; the newest is kept until a newer one is there.
            let Some((next, _)) = files.get(index + 1) else { break };
            if oldest.is_none_or(|oldest| oldest >= *next) {
                disk.forget(path)?;
            }
        }
        Ok(())
    }

    fn oldest(&self) -> Option<u64> {
        let seen = self.seen.lock();
        seen.order.iter().map(|(_, kept)| kept.stored.seq).min()
    }
}

fn files(disk: &dyn Disk, dir: &Path) -> Result<Vec<(u64, PathBuf)>, Error> {
    let mut files = Vec::new();
    for path in disk.names(dir)? {
        let first = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        if let (Some(first), true) = (first, path.extension().is_some_and(|extension| extension == EXTENSION)) {
            files.push((first, path));
        }
    }
    files.sort();
    Ok(files)
}

fn write_entry(out: &mut Vec<u8>, tenant: &Tenant, key: &Key, stored: Stored) {
    let tenant = tenant.as_str().as_bytes();
    out.push(u8::try_from(tenant.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(tenant);
    out.push(key.signal.code());
    out.extend_from_slice(&stored.received_at.0.to_le_bytes());
    out.extend_from_slice(&stored.seq.to_le_bytes());
    out.extend_from_slice(&key.hash.to_le_bytes());
}

fn read_entries(bytes: &[u8]) -> Option<Vec<(Tenant, Signal, u128, Stored)>> {
    let (mut bytes, crc) = bytes.split_last_chunk::<4>()?;
    if crc32c::crc32c(bytes) != u32::from_le_bytes(*crc) {
        return None;
    }
    let mut entries = Vec::new();
    while let Some((length, rest)) = bytes.split_first() {
        let (tenant, rest) = rest.split_at_checked(usize::from(*length))?;
        let (signal, rest) = rest.split_first()?;
        let (received_at, rest) = rest.split_first_chunk()?;
        let (seq, rest) = rest.split_first_chunk()?;
        let (hash, rest) = rest.split_first_chunk()?;
        let tenant = Tenant::new(std::str::from_utf8(tenant).ok()?).ok()?;
        let stored = Stored { seq: u64::from_le_bytes(*seq), received_at: Micros(i64::from_le_bytes(*received_at)) };
        entries.push((tenant, Signal::from_code(*signal)?, u128::from_le_bytes(*hash), stored));
        bytes = rest;
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::Known;
    use super::*;
    use crate::config::StoreConfig;
    use crate::disk::OsDisk;

    fn tenant() -> Tenant {
        Tenant::new("team-7").unwrap()
    }

    fn note(window: &Window, n: u64, micros: i64) {
        window.note(&tenant(), Signal::Metrics, u128::from(n), Stored { seq: n, received_at: Micros(micros) });
    }

    #[test]
    fn bodies_survive_the_deletion_of_their_segment() {
        let dir = tempfile::tempdir().unwrap();
        let window = Window::new(&StoreConfig::default());
        (1..=5).for_each(|n| note(&window, n, 100));
        window.save(&OsDisk, dir.path(), 2, 4).unwrap();

        let again = Arc::new(Window::new(&StoreConfig::default()));
        again.load(&OsDisk, dir.path()).unwrap();
        for n in 1..=5 {
            let known = again.ask(&tenant(), Signal::Metrics, u128::from(n), Micros(200));
            assert_eq!(matches!(known, Known::Stored(seq) if seq == n), (2..=4).contains(&n), "body {n}");
        }
    }

    #[test]
    fn old_files_go_and_damaged_ones_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let window = Window::new(&StoreConfig { dedup_window_s: 1, ..StoreConfig::default() });
        for n in 1..=3 {
            note(&window, n, i64::try_from(n).unwrap() * 10_000_000);
            window.save(&OsDisk, dir.path(), n, n).unwrap();
            window.forget_files(&OsDisk, dir.path()).unwrap();
        }
        let files = files(&OsDisk, dir.path()).unwrap();
        assert_eq!(files.iter().map(|(first, _)| *first).collect::<Vec<_>>(), [3]);

        std::fs::write(&files[0].1, b"no such thing").unwrap();
        let again = Arc::new(Window::new(&StoreConfig::default()));
        again.load(&OsDisk, dir.path()).unwrap();
        assert!(matches!(again.ask(&tenant(), Signal::Metrics, 3, Micros(30_000_000)), Known::New(_)));
    }
}
