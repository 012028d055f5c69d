//! What a run has done so far, on disk: a run that was stopped goes on from there.

mod shelf;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::dataset::hex;
use crate::error::Error;
use crate::judge::{Call, Note};
use crate::report::CaseReport;
use crate::suite::Suite;

use shelf::{Kept, Shelf};

/// What of an earlier run a new one takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Resume {
    /// Nothing: everything is asked again.
    #[default]
    Nothing,
    /// Everything that was scored.
    Scored,
    /// What was scored without an error; what errored, or could not be judged, is asked again.
    WithoutErrors,
}

/// One line: a job that is done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Place of the job in the run.
    pub job: usize,
    pub report: CaseReport,
    pub calls: Vec<Call>,
    pub notes: Vec<(String, Note)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    suite: String,
    /// Hash of everything that decides which jobs there are, and what answers and judges them.
    fingerprint: String,
    /// Jobs that were taken over from an earlier run: with fewer lines, the journal was not yet that far.
    n_kept: usize,
}

/// A file that a run writes as it goes; one line a job, so that a kill loses the last line at most. It is locked as long as the run goes on.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    shelf: Shelf,
    file: Mutex<Option<Open>>,
}

/// A journal that is being written.
#[derive(Debug)]
struct Open {
    file: File,
    /// Lines that could not be written yet.
    pending: String,
    warned: bool,
}

impl Journal {
    /// Begins the journal of a run, and returns what is taken over from the one before.
    pub(crate) fn begin(dir: &Path, suite: &Suite, resume: Resume) -> Result<(Self, BTreeMap<usize, Line>), Error> {
        let shelf = Shelf::of(dir, suite);
        let shown = suite.path.display().to_string();
        let fingerprint = fingerprint(suite);
        let taken = match resume {
            Resume::Nothing => None,
            Resume::Scored | Resume::WithoutErrors => Some(find(&shelf, &shown, &fingerprint, resume)?),
        };
        if taken.is_none() {
            tell_of_interrupted(&shelf, &fingerprint);
        }
        let (before, kept) = taken.map_or((None, BTreeMap::new()), |kept| (Some(kept.path), kept.lines));
        let head = Head { suite: shown, fingerprint, n_kept: kept.len() };
        let (path, file) = match create(&shelf, &head, kept.values()) {
            Ok((path, file)) => {
                shelf.replace(before.as_deref());
                (path, Some(Open { file, pending: String::new(), warned: false }))
            }
            Err(error) => {
                tracing::warn!(dir = %shelf.dir().display(), %error, "could not begin a journal: what this run does cannot be resumed");
                (shelf.dir().to_owned(), None)
            }
        };
        Ok((Self { path, shelf, file: Mutex::new(file) }, kept))
    }

    /// Writes down a job that is done; a disk that takes no more costs `--resume`, not the run.
    pub(crate) fn add(&self, line: &Line) {
        let mut file = self.file.lock();
        let Some(open) = file.as_mut() else { return };
        if let Err(error) = open.add(line)
            && !std::mem::replace(&mut open.warned, true)
        {
            let what =
                "could not write a result into the journal, and tries again with the next: a run that is resumed asks again for what is missing";
            tracing::warn!(path = %self.path.display(), %error, "{what}");
        }
    }

    /// Ends the journal of a run that did everything: nothing of it is left to resume, but its errors.
    pub(crate) fn end(self) {
        if let Some(mut open) = self.file.into_inner()
            && open.write().is_ok()
        {
            self.shelf.end(&self.path);
        }
    }
}

impl Open {
    fn add(&mut self, line: &Line) -> io::Result<()> {
        self.pending.push_str(&serde_json::to_string(line)?);
        self.pending.push('\n');
        self.write()
    }

    /// Writes what is pending; a part of it that was written before is a line of its own, and is not read.
    fn write(&mut self) -> io::Result<()> {
        if let Err(error) = self.file.write_all(self.pending.as_bytes()) {
            if !self.pending.starts_with('\n') {
                self.pending.insert(0, '\n');
            }
            return Err(error);
        }
        self.pending.clear();
        Ok(())
    }
}

/// Begins a file with what is taken over; it is on the disk before the journal that it comes from goes.
fn create<'a>(shelf: &Shelf, head: &Head, kept: impl Iterator<Item = &'a Line>) -> io::Result<(PathBuf, File)> {
    let (path, mut file) = shelf.create()?;
    let write = || -> io::Result<()> {
        // Where files cannot be locked, runs of one suite at once cannot tell each other from what was interrupted.
        let _ = file.lock();
        let mut text = serde_json::to_string(head)? + "\n";
        for line in kept {
            text.push_str(&serde_json::to_string(line)?);
            text.push('\n');
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    if let Err(error) = write() {
        // Half a journal is no journal.
        let _ = std::fs::remove_file(&path);
        return Err(error);
    }
    Ok((path, file))
}

/// An earlier run to go on with.
struct Taken {
    path: PathBuf,
    lines: BTreeMap<usize, Line>,
}

/// The newest run that fits. A run that was interrupted goes before one that ended, unless errors are to be asked again.
fn find(shelf: &Shelf, suite: &str, fingerprint: &str, resume: Resume) -> Result<Taken, Error> {
    let known: Vec<(Kept, Head, Vec<Line>)> = shelf.kept().into_iter().filter_map(read).collect();
    if known.is_empty() {
        return Err(Error::config(format!("{suite}: no earlier run of this suite is known here; run without --resume and --retry-errors")));
    }
    let fitting = known.into_iter().filter(|(_, head, _)| head.fingerprint == fingerprint);
    let rank = |kept: &Kept, lines: &[Line]| (!lines.is_empty(), resume == Resume::Scored && !kept.has_ended, kept.number);
    match fitting.max_by_key(|(kept, _, lines)| rank(kept, lines)) {
        Some((kept, _, lines)) => {
            let lines = lines.into_iter().filter(|line| is_taken_over(&line.report, resume)).map(|line| (line.job, line)).collect();
            Ok(Taken { path: kept.path, lines })
        }
        None => {
            let what = "the suite, its data or its judges changed since the earlier run; run without --resume and --retry-errors";
            Err(Error::config(format!("{suite}: {what}")))
        }
    }
}

/// A run that begins anew says that an earlier one could go on: what that one paid for is not lost.
fn tell_of_interrupted(shelf: &Shelf, fingerprint: &str) {
    let interrupted = shelf.kept().into_iter().filter(|kept| !kept.has_ended).filter_map(read);
    for (kept, head, lines) in interrupted.filter(|(_, head, lines)| head.fingerprint == fingerprint && !lines.is_empty()) {
        let (path, n_done) = (kept.path.display(), lines.len());
        tracing::warn!(%path, n_done, suite = %head.suite, "an earlier run was interrupted and is kept: --resume goes on with the newest of them");
    }
}

/// Reads a journal as far as it goes; nothing where it is none, or was not yet begun to its end.
fn read(kept: Kept) -> Option<(Kept, Head, Vec<Line>)> {
    let text = std::fs::read_to_string(&kept.path).ok()?;
    let mut lines = text.split('\n');
    let head: Head = serde_json::from_str(lines.next()?).ok()?;
    // The last line may be half a line.
    let known: Vec<Line> = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
    (known.len() >= head.n_kept).then_some((kept, head, known))
}

fn is_taken_over(report: &CaseReport, resume: Resume) -> bool {
    resume == Resume::Scored || report.error.is_none() && report.scores.iter().all(|score| score.outcome != crate::checks::Outcome::Failed)
}

fn fingerprint(suite: &Suite) -> String {
    let mut hash = Sha256::new();
    let prompts = suite.prompts.iter().map(|prompt| prompt.hash.clone());
    let judges = suite.judge_hashes().into_values();
    let part = suite.part.iter().flat_map(|part| std::iter::once(part).chain(suite.dataset.cases.iter().map(|case| &case.id))).cloned();
    let jobs = std::iter::once(suite.repeat.to_string()).chain(part);
    for part in [suite.asking_hash.clone(), suite.dataset.hash.clone()].into_iter().chain(jobs).chain(prompts).chain(judges) {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(job: usize) -> Line {
        let report = serde_json::json!({"id": "c", "repeat": 0, "provider": "p", "outcome": "pass", "scores": []});
        Line { job, report: serde_json::from_value(report).unwrap(), calls: Vec::new(), notes: Vec::new() }
    }

    fn head(n_kept: usize) -> Head {
        Head { suite: "s.yaml".to_owned(), fingerprint: "f".to_owned(), n_kept }
    }

    /// Begins a run that does these jobs, and returns it while it goes on.
    fn begin(shelf: &Shelf, jobs: &[usize]) -> (PathBuf, File) {
        let (path, mut file) = create(shelf, &head(0), std::iter::empty()).unwrap();
        for job in jobs {
            writeln!(file, "{}", serde_json::to_string(&line(*job)).unwrap()).unwrap();
        }
        (path, file)
    }

    fn jobs(shelf: &Shelf, resume: Resume) -> Option<Vec<usize>> {
        find(shelf, "s.yaml", "f", resume).ok().map(|taken| taken.lines.into_keys().collect())
    }

    /// What was interrupted goes on, the newest first; neither a run that still goes on nor one that did nothing yet is in its way.
    #[test]
    fn the_newest_that_was_interrupted_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::named(dir.path(), "suite");
        assert_eq!(jobs(&shelf, Resume::Scored), None);
        let (whole, file) = begin(&shelf, &[0, 1, 2]);
        drop(file);
        shelf.end(&whole);
        assert_eq!(jobs(&shelf, Resume::Scored), Some(vec![0, 1, 2]));
        drop(begin(&shelf, &[0]));
        drop(begin(&shelf, &[0, 1]));
        drop(begin(&shelf, &[]));
        let under_way = begin(&shelf, &[0, 1, 2, 3]);
        assert_eq!((jobs(&shelf, Resume::Scored), jobs(&shelf, Resume::WithoutErrors)), (Some(vec![0, 1]), Some(vec![0, 1])));
        drop(under_way);
        assert_eq!(jobs(&shelf, Resume::Scored), Some(vec![0, 1, 2, 3]));
    }

    /// A kill while a run takes over what an earlier one did leaves the earlier one to be resumed.
    #[test]
    fn what_was_not_yet_taken_over_is_not_resumed() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::named(dir.path(), "suite");
        drop(begin(&shelf, &[0, 1, 2]));
        let (_, mut half) = create(&shelf, &head(3), std::iter::empty()).unwrap();
        writeln!(half, "{}", serde_json::to_string(&line(0)).unwrap()).unwrap();
        drop(half);
        assert_eq!(jobs(&shelf, Resume::Scored), Some(vec![0, 1, 2]));
    }

    /// A disk that was full for a while costs nothing.
    #[test]
    fn what_could_not_be_written_is_written_later() {
        let full = Path::new("/dev/full");
        if !full.exists() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::named(dir.path(), "suite");
        let (_, good) = create(&shelf, &head(0), std::iter::empty()).unwrap();
        let file = File::options().write(true).open(full).unwrap();
        let mut open = Open { file, pending: String::new(), warned: false };
        assert!(open.add(&line(0)).is_err() && open.add(&line(1)).is_err());
        open.file = good;
        open.add(&line(2)).unwrap();
        drop(open);
        assert_eq!(jobs(&shelf, Resume::Scored), Some(vec![0, 1, 2]));
    }
}
