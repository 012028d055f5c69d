//! What a run has done so far, on disk: a run that was stopped goes on from there.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::dataset::hex;
use crate::error::Error;
use crate::judge::{Call, Note};
use crate::report::CaseReport;
use crate::suite::Suite;

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
    /// Hash of everything that decides which jobs there are.
    fingerprint: String,
}

/// A file that a run writes as it goes; one line a job, so that a kill loses the last line at most.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: Mutex<Option<File>>,
}

impl Journal {
    /// Begins the journal of a run, and returns what is taken over from the one before.
    pub(crate) fn begin(dir: &Path, suite: &Suite, resume: Resume) -> Result<(Self, BTreeMap<usize, Line>), Error> {
        // The same suite by another spelling of its path is the same; a part of it is another.
        let full = suite.path.canonicalize().unwrap_or_else(|_| suite.path.clone());
        let named = format!("{}{}", full.to_string_lossy(), suite.part.as_deref().map_or(String::new(), |part| format!("\u{0}{part}")));
        let name = hex(&Sha256::digest(named.as_bytes()))[..16].to_owned();
        let path = dir.join("runs").join(format!("{name}.jsonl"));
        let head = Head { suite: suite.path.display().to_string(), fingerprint: fingerprint(suite) };
        let kept = match resume {
            Resume::Nothing => BTreeMap::new(),
            Resume::Scored | Resume::WithoutErrors => read(&path, &head, resume)?,
        };
        let journal = Self { file: Mutex::new(create(&path, &head, kept.values())), path };
        Ok((journal, kept))
    }

    /// Writes down a job that is done; a disk that takes no more costs `--resume`, not the run.
    pub(crate) fn add(&self, line: &Line) {
        let mut file = self.file.lock();
        let Some(open) = file.as_mut() else { return };
        let written = serde_json::to_string(line).map_err(std::io::Error::from).and_then(|line| writeln!(open, "{line}"));
        if let Err(error) = written {
            tracing::warn!(path = %self.path.display(), %error, "could not write the journal any further: this run cannot be resumed");
            *file = None;
        }
    }
}

fn create<'a>(path: &Path, head: &Head, kept: impl Iterator<Item = &'a Line>) -> Option<File> {
    let created = || -> std::io::Result<File> {
        std::fs::create_dir_all(path.parent().unwrap_or(path))?;
        // What is taken over is written beside its place first: a kill in between loses nothing.
        let beside = path.with_extension("new");
        let mut file = File::create(&beside)?;
        writeln!(file, "{}", serde_json::to_string(head)?)?;
        for line in kept {
            writeln!(file, "{}", serde_json::to_string(line)?)?;
        }
        std::fs::rename(&beside, path)?;
        Ok(file)
    };
    created().inspect_err(|error| tracing::warn!(path = %path.display(), %error, "could not begin a journal: this run cannot be resumed")).ok()
}

fn read(path: &Path, head: &Head, resume: Resume) -> Result<BTreeMap<usize, Line>, Error> {
    let nothing = || Error::config(format!("{}: no earlier run of this suite is known here; run without --resume and --retry-errors", head.suite));
    let text = std::fs::read_to_string(path).map_err(|_| nothing())?;
    let mut lines = text.split('\n');
    let before: Head = lines.next().and_then(|line| serde_json::from_str(line).ok()).ok_or_else(nothing)?;
    if before.fingerprint != head.fingerprint {
        let what = "the suite, its data or its judges changed since the earlier run; run without --resume and --retry-errors";
        return Err(Error::config(format!("{}: {what}", head.suite)));
    }
    // The last line may be half a line.
    let known = lines.filter_map(|line| serde_json::from_str::<Line>(line).ok());
    Ok(known.filter(|line| is_taken_over(&line.report, resume)).map(|line| (line.job, line)).collect())
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
    for part in [suite.hash.clone(), suite.dataset.hash.clone()].into_iter().chain(jobs).chain(prompts).chain(judges) {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}
