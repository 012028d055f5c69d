//! The lock of a data directory: two writers on one log would lose data silently.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use crate::error::Error;

const NAME: &str = "_lock";
const PAUSE: Duration = Duration::from_millis(5);

/// Holds a data directory until it is dropped, also by a crash.
#[derive(Debug)]
pub(crate) struct DirLock {
    _file: File,
}

impl DirLock {
    /// Takes the directory for a writer; waits up to `wait` for a reader that looks at it for a moment. Blocks.
    pub(crate) fn exclusive(dir: &Path, wait: Duration) -> Result<DirLock, Error> {
        let path = dir.join(NAME);
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(|source| Error::io("open", &path, source))?;
        let mut waited = Duration::ZERO;
        while !try_lock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|source| Error::io("lock", &path, source))? {
            if waited >= wait {
                return Err(Error::Held { path: dir.to_owned(), holder: holder(&mut file) });
            }
            std::thread::sleep(PAUSE);
            waited += PAUSE;
        }
        let name_holder = || -> io::Result<()> {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        // The pid is only for the message of the next one who finds the lock taken; a full disk must not stop a start.
        let _ = { name_holder }();
        Ok(DirLock { _file: file })
    }

    /// Takes the directory for a reader at rest; nothing where a writer holds it. Creates no file.
    pub(crate) fn shared(dir: &Path) -> Result<Shared, Error> {
        let path = dir.join(NAME);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Shared::AtRest { _lock: None }),
            Err(source) => return Err(Error::io("open", &path, source)),
        };
        match try_lock(&file, FlockOperation::NonBlockingLockShared).map_err(|source| Error::io("lock", &path, source))? {
            true => Ok(Shared::AtRest { _lock: Some(DirLock { _file: file }) }),
            false => Ok(Shared::Held),
        }
    }
}

/// Tells whether a running karat holds a data directory.
pub fn is_held(data: &Path) -> Result<bool, Error> {
    Ok(matches!(DirLock::shared(data)?, Shared::Held))
}

/// What a reader found.
#[derive(Debug)]
pub(crate) enum Shared {
    /// No writer is there, and none can come while the lock lives.
    AtRest {
        /// Nothing where no writer ever was.
        _lock: Option<DirLock>,
    },
    /// A writer holds the directory.
    Held,
}

fn try_lock(file: &File, operation: FlockOperation) -> io::Result<bool> {
    match flock(file, operation) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(20).read_to_string(&mut text));
    match (read, text.trim().parse::<u32>()) {
        (Ok(_), Ok(pid)) => format!(" (pid {pid})"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_is_told_who_holds_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let first = DirLock::exclusive(dir.path(), Duration::ZERO).unwrap();
        let error = DirLock::exclusive(dir.path(), Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains(&format!("(pid {})", std::process::id())), "{error}");
        assert!(matches!(DirLock::shared(dir.path()).unwrap(), Shared::Held));
        drop(first);
        assert!(matches!(DirLock::shared(dir.path()).unwrap(), Shared::AtRest { _lock: Some(_) }));
        DirLock::exclusive(dir.path(), Duration::ZERO).unwrap();
    }

    #[test]
    fn a_reader_creates_no_lock_file() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(DirLock::shared(dir.path()).unwrap(), Shared::AtRest { _lock: None }));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
