//! What the runs of a day spent, in a file that they share.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use schema::{Day, NanoUsd};

/// A file with what was spent on one day, in nano-dollars, a line a case; several runs may append to it at once.
pub(super) struct Ledger {
    path: PathBuf,
    state: Mutex<State>,
}

/// What is known of the file.
#[derive(Default)]
struct State {
    file: Option<File>,
    /// How far the file was read, in whole lines, and what stood there.
    n_bytes: u64,
    noted: i64,
    /// What this run spent that could not be noted.
    unnoted: i64,
}

impl Ledger {
    pub(super) fn open(dir: &Path, today: Day) -> Self {
        Self { path: dir.join("spend").join(format!("{today}.txt")), state: Mutex::default() }
    }

    /// What all runs of the day spent until now.
    pub(super) fn total(&self) -> i64 {
        let mut state = self.state.lock();
        if let Err(error) = state.read_on(&self.path).or_else(absent) {
            tracing::debug!(path = %self.path.display(), %error, "could not read what was spent");
        }
        state.noted.saturating_add(state.unnoted)
    }

    pub(super) fn add(&self, cost: NanoUsd) {
        let mut state = self.state.lock();
        if let Err(error) = state.append(&self.path, cost) {
            state.unnoted = state.unnoted.saturating_add(cost.0);
            tracing::warn!(path = %self.path.display(), %error, "could not note what was spent: other runs of the day will not know of it");
        }
    }
}

impl State {
    /// Reads the lines that were added since; the last one may still be half a line.
    fn read_on(&mut self, path: &Path) -> io::Result<()> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(self.n_bytes))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
        self.noted = whole.lines().filter_map(|line| line.parse::<i64>().ok()).fold(self.noted, i64::saturating_add);
        self.n_bytes += whole.len() as u64;
        Ok(())
    }

    fn append(&mut self, path: &Path, cost: NanoUsd) -> io::Result<()> {
        if self.file.is_none() {
            std::fs::create_dir_all(path.parent().unwrap_or(path))?;
            self.file = Some(File::options().create(true).append(true).open(path)?);
        }
        // One write: lines of runs that go on at once do not mix.
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(format!("{}\n", cost.0).as_bytes()))
    }
}

/// Before the first run of a day there is no file.
fn absent(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_is_shared_by_the_runs_of_a_day() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (Ledger::open(dir.path(), Day(20_000)), Ledger::open(dir.path(), Day(20_000)));
        assert_eq!(first.total(), 0);
        first.add(NanoUsd(5));
        second.add(NanoUsd(7));
        assert_eq!((first.total(), second.total()), (12, 12), "each sees what the other spent since");
        first.add(NanoUsd(1));
        assert_eq!((first.total(), second.total(), Ledger::open(dir.path(), Day(20_001)).total()), (13, 13, 0));
    }

    /// What cannot be noted counts in this run all the same.
    #[test]
    fn a_ledger_that_cannot_be_written_still_counts() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("spend"), "no directory").unwrap();
        let ledger = Ledger::open(dir.path(), Day(20_000));
        ledger.add(NanoUsd(5));
        assert_eq!(ledger.total(), 5);
    }
}
