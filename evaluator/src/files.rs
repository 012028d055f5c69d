//! Where the files that a suite names are found.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

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

/// Writes a file whole or not at all: on a full disk what stood there before stays as it was. What is no plain file, such as a pipe, is written to.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let before = std::fs::metadata(&place).ok();
    if before.as_ref().is_some_and(|before| !before.is_file()) {
        return std::fs::write(&place, bytes);
    }
    let beside = beside(&place);
    let written = write_synced(&beside, bytes).and_then(|()| match before {
        Some(before) => std::fs::set_permissions(&beside, before.permissions()),
        None => Ok(()),
    });
    written.and_then(|()| std::fs::rename(&beside, &place)).inspect_err(|_| {
        // What is told is why the file could not be written, and not what became of its half.
        let _ = std::fs::remove_file(&beside);
    })
}

/// A name of its own in the same directory: two that write the same file at once write to two.
fn beside(place: &Path) -> PathBuf {
    static N_WRITTEN: AtomicU64 = AtomicU64::new(0);
    place.with_file_name(format!(".karat-{}-{}.new", std::process::id(), N_WRITTEN.fetch_add(1, Ordering::Relaxed)))
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.json");
        write_whole(&path, b"first").unwrap();
        write_whole(&path, b"second").unwrap();
        assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), names(dir.path())), ("second", vec!["report.json".to_owned()]));
        assert!(write_whole(&dir.path().join("no/such/place.json"), b"x").is_err());
    }

    /// A link stays one, and what it leads to is what is written.
    #[cfg(unix)]
    #[test]
    fn a_link_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, link) = (dir.path().join("report.json"), dir.path().join("latest.json"));
        std::fs::write(&path, "first").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write_whole(&link, b"second").unwrap();
        assert!(link.is_symlink() && std::fs::read_to_string(&path).unwrap() == "second");
    }
}
