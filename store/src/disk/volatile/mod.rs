//! A disk as a power cut leaves it: of what was not synced any part may be missing, in any order.
//!
//! Bytes go in sectors, each of which is there or not. So are lengths, and the names in a directory, until its own sync. A failed
//! sync loses what it was to write for good, though it can still be read: this is what Linux does, and the next sync says nothing
//! about it. Whatever happens follows from a seed.

mod contents;

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use self::contents::{Change, File, Name};
use super::{Disk, DiskFile};

/// What a disk writes as a whole or not at all.
const SECTOR: usize = 512;

/// The disk; its clones are the same one.
#[derive(Debug, Clone)]
pub(crate) struct VolatileDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    random: ChaCha8Rng,
    /// Operations until the power is cut.
    steps_left: u64,
    /// The share of writes and syncs that fail with the power on.
    faults: f64,
    files: Vec<File>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    renamed: Vec<Name>,
}

#[derive(Debug)]
struct Handle {
    disk: VolatileDisk,
    file: usize,
}

impl VolatileDisk {
    /// Makes an empty disk whose faults follow from `seed`.
    pub(crate) fn new(seed: u64) -> VolatileDisk {
        VolatileDisk(Arc::new(Mutex::new(State {
            random: ChaCha8Rng::seed_from_u64(seed),
            steps_left: u64::MAX,
            faults: 0.0,
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            renamed: Vec::new(),
        })))
    }

    /// Cuts the power after so many operations.
    pub(crate) fn cut_after(&self, steps: u64) {
        self.0.lock().steps_left = steps;
    }

    /// Has a share of the writes and syncs fail while the power is on.
    pub(crate) fn set_faults(&self, share: f64) {
        self.0.lock().faults = share;
    }

    /// Tells whether there is power.
    pub(crate) fn is_on(&self) -> bool {
        self.0.lock().steps_left > 0
    }

    /// Brings the power back, after a cut: what was not synced is there or not.
    pub(crate) fn restore(&self) {
        let state = &mut *self.0.lock();
        for file in &mut state.files {
            file.lose(&mut state.random);
            file.seen.clone_from(&file.durable);
        }
        let renamed: Vec<_> = std::mem::take(&mut state.renamed).into_iter().filter(|_| state.random.random()).collect();
        renamed.into_iter().for_each(|change| change.apply(&mut state.durable_names));
        state.names.clone_from(&state.durable_names);
        state.steps_left = u64::MAX;
    }
}

impl State {
    /// Takes a step, unless the power is off.
    fn step(&mut self) -> io::Result<()> {
        if self.steps_left == 0 {
            return Err(io::Error::other("the power is off"));
        }
        self.steps_left -= 1;
        Ok(())
    }

    fn is_faulty(&mut self) -> bool {
        self.faults > 0.0 && self.random.random_bool(self.faults)
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync(&mut self, file: usize) -> io::Result<()> {
        self.step()?;
        let fails = self.is_faulty();
        if fails {
            self.files[file].lose(&mut self.random);
            return Err(io::Error::other("the disk failed"));
        }
        self.files[file].sync();
        Ok(())
    }
}

impl Disk for VolatileDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.0.lock();
        state.step()?;
        let file = match state.names.get(path).copied() {
            Some(file) => {
                state.files[file].change(Change::Length(0));
                file
            }
            None => {
                state.files.push(File::default());
                let file = state.files.len() - 1;
                state.names.insert(path.to_owned(), file);
                state.renamed.push(Name::Given(path.to_owned(), file));
                file
            }
        };
        Ok(Box::new(Handle { disk: self.clone(), file }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.0.lock().find(path)?;
        Ok(Box::new(Handle { disk: self.clone(), file }))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.0.lock();
        Ok(state.files[state.find(path)?].seen.clone())
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        Ok(self.read(path)?.len() as u64)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(self.0.lock().names.keys().filter(|path| path.parent() == Some(dir)).cloned().collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.step()?;
        let file = state.find(from)?;
        state.names.remove(from);
        state.names.insert(to.to_owned(), file);
        state.renamed.push(Name::Moved { from: from.to_owned(), to: to.to_owned(), file });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.step()?;
        state.find(path)?;
        state.names.remove(path);
        state.renamed.push(Name::Taken(path.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.step()?;
        if state.is_faulty() {
            return Err(io::Error::other("the disk failed"));
        }
        state.renamed.clear();
        state.durable_names = state.names.clone();
        Ok(())
    }
}

impl DiskFile for Handle {
    fn reserve(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        state.step()?;
        let bytes = usize::try_from(bytes).unwrap();
        if state.files[self.file].seen.len() < bytes {
            state.files[self.file].change(Change::Length(bytes));
        }
        Ok(())
    }

    fn write_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        state.step()?;
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let mut at = usize::try_from(offset).unwrap();
        let fails = state.is_faulty();
        // A write that fails has written a part.
        let end = if fails { state.random.random_range(0..=bytes.len()) } else { bytes.len() };
        let mut rest = &bytes[..end];
        while !rest.is_empty() {
            let (sector, next) = rest.split_at(rest.len().min(SECTOR - at % SECTOR));
            state.files[self.file].change(Change::Sector { at, bytes: sector.to_vec() });
            (rest, at) = (next, at + sector.len());
        }
        if fails { Err(io::Error::other("the disk failed")) } else { Ok(()) }
    }

    fn cut(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        state.step()?;
        state.files[self.file].change(Change::Length(usize::try_from(bytes).unwrap()));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.0.lock().sync(self.file)
    }

    fn sync_all(&self) -> io::Result<()> {
        self.disk.0.lock().sync(self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(file: &dyn DiskFile, text: &str, at: u64) {
        file.write_at(&mut [IoSlice::new(text.as_bytes())], at).unwrap();
    }

    /// What a test of the log could not see if the disk were kinder than it says: names and bytes do go missing.
    #[test]
    fn what_was_not_synced_may_be_gone_and_what_was_is_not() {
        let (mut n_named, mut n_written, mut n_neither) = (0, 0, 0);
        for seed in 0..200 {
            let disk = VolatileDisk::new(seed);
            let (kept, loose) = (Path::new("/kept"), Path::new("/loose"));
            let file = disk.create(kept).unwrap();
            write(&*file, "one", 0);
            file.sync_all().unwrap();
            disk.sync_dir(Path::new("/")).unwrap();
            write(&*file, "two", 3);
            let other = disk.create(loose).unwrap();
            write(&*other, "three", 0);
            other.sync_all().unwrap();
            disk.cut_after(0);
            assert!(write_fails(&*file));
            disk.restore();
            let bytes = disk.read(kept).unwrap();
            assert!(bytes == b"one" || bytes == b"onetwo", "{bytes:?}");
            n_written += u32::from(bytes == b"onetwo");
            n_named += u32::from(disk.read(loose).is_ok_and(|bytes| bytes == b"three"));
            n_neither += u32::from(bytes == b"one" && disk.read(loose).is_err());
        }
        assert!([n_written, n_named, n_neither].iter().all(|n| *n > 20), "{n_written} {n_named} {n_neither}");
    }

    fn write_fails(file: &dyn DiskFile) -> bool {
        file.write_at(&mut [IoSlice::new(b"x")], 0).is_err()
    }

    /// A log that syncs a second time after a failure would believe in bytes that are nowhere.
    #[test]
    fn a_second_sync_does_not_bring_back_what_the_first_one_lost() {
        let lost = (0..50).filter(|seed| {
            let disk = VolatileDisk::new(*seed);
            let path = Path::new("/file");
            let file = disk.create(path).unwrap();
            disk.sync_dir(Path::new("/")).unwrap();
            write(&*file, "bytes", 0);
            disk.set_faults(1.0);
            file.sync_data().unwrap_err();
            disk.set_faults(0.0);
            file.sync_data().unwrap();
            assert_eq!(disk.read(path).unwrap(), b"bytes", "it can still be read");
            disk.cut_after(0);
            disk.restore();
            disk.read(path).unwrap().is_empty()
        });
        assert!(lost.count() > 5);
    }
}
