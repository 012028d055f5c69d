//! Where the files that a suite names are found.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// Finds files beside a suite, or in the directories above it.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    bases: Vec<PathBuf>,
    /// Bytes of a file that are read.
    bytes_max: u64,
}

/// Bytes of a file where nobody says how many: prompts and rubrics are smaller.
const BYTES_MAX: u64 = 64 << 20;

impl Files {
    /// Looks from the suite's directory upwards, so that `datasets/x.jsonl` is found from `suites/x.yaml` wherever karat is started.
    pub(crate) fn beside(suite: &Path) -> Self {
        let absolute = std::path::absolute(suite).unwrap_or_else(|_| suite.to_owned());
        Self { bases: absolute.ancestors().skip(1).take(8).map(Path::to_owned).collect(), bytes_max: BYTES_MAX }
    }

    /// Reads files of at most this many bytes.
    pub(crate) fn up_to(self, bytes_max: u64) -> Self {
        Self { bytes_max, ..self }
    }

    /// The directories that are looked into, the suite's first.
    pub(crate) fn bases(&self) -> &[PathBuf] {
        &self.bases
    }

    /// Returns the path of a named file, `file://` or not, or says where it was looked for.
    pub(crate) fn find(&self, used_by: &str, name: &str) -> Result<PathBuf, Error> {
        let name = name.strip_prefix("file://").unwrap_or(name);
        let found = self.bases.iter().map(|base| base.join(name)).find(|path| path.is_file());
        found.ok_or_else(|| Error::config(format!("{used_by}: there is no file {name:?} beside the suite or in a directory above it")))
    }

    /// Returns where a file would be written that may not exist yet: beside a directory of that name, else beside the suite.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        let holds = |base: &&PathBuf| base.join(name).parent().is_some_and(Path::is_dir);
        let base = self.bases.iter().find(holds).or(self.bases.first());
        base.map_or_else(|| PathBuf::from(name), |base| base.join(name))
    }

    /// Reads a named file as text.
    pub(crate) fn read(&self, used_by: &str, name: &str) -> Result<String, Error> {
        self.text(&self.find(used_by, name)?)
    }

    /// Reads a file as text, unless it has more bytes than it may.
    pub(crate) fn text(&self, path: &Path) -> Result<String, Error> {
        let file = |source| Error::File { action: "read", path: path.to_owned(), source };
        let size = std::fs::metadata(path).map_err(file)?.len();
        if size > self.bytes_max {
            let what = format!("{} has {size} bytes, more than dataset_bytes_max = {}; split it", path.display(), self.bytes_max);
            return Err(Error::config(what));
        }
        std::fs::read_to_string(path).map_err(file)
    }
}
