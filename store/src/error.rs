//! What can go wrong in the store, and what the caller should do about it.

use std::io;
use std::path::{Path, PathBuf};

use datafusion::error::DataFusionError;
use schema::RowsError;

use crate::place;

/// What the caller of a failed operation should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Nothing was kept; the same call may succeed later.
    Retry,
    /// The call itself is wrong; repeating it changes nothing.
    Input,
    /// Too much is waiting already; come back in a moment.
    Busy,
    /// The store met a state that it should never be in.
    Bug,
}

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process holds the data directory.
    #[error("the data directory {} is held by another karat{holder}; stop that one, or give this one a --data of its own", path.display())]
    Held {
        /// The data directory.
        path: PathBuf,
        /// What the lock file says of its holder, such as ` (pid 4711)`, or nothing.
        holder: String,
    },
    /// There is nothing to read.
    #[error("{} holds no karat data; name the directory that `karat serve --data` writes to", path.display())]
    NoData {
        /// The directory that was asked for.
        path: PathBuf,
    },
    /// Bytes of the log that were durable once are damaged.
    #[error(
        "the log file {} is damaged at byte {offset}: {reason}; put back a good copy, or rename the file to end in .skip to go on without its records",
        file.display()
    )]
    Corrupt {
        /// The damaged file.
        file: PathBuf,
        /// Where the first damaged frame begins.
        offset: u64,
        /// What is wrong there.
        reason: &'static str,
    },
    /// The disk has no room; nothing of the call was kept.
    #[error("the disk under {} is full; free some space, what was sent is taken again later", path.display())]
    Full {
        /// The file that could not grow.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The verb: `read`, `write`, `sync`, ...
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A bound on what may wait in memory is reached.
    #[error("{bytes} bytes {what}, the limit is {limit}; send again in a moment")]
    Busy {
        /// What waits: `wait for the log`, `wait for a commit`.
        what: &'static str,
        /// How many bytes wait.
        bytes: usize,
        /// How many may.
        limit: usize,
    },
    /// A single body is larger than the log takes.
    #[error("the body has {bytes} bytes, the limit is {limit}; send smaller batches")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The store was closed, or is closing.
    #[error("the store is closed; send again when karat is back")]
    Closed,
    /// The store was opened to read.
    #[error("the store was opened to read only; write through a running karat")]
    ReadOnly,
    /// The nodes of a cluster cannot be told from the settings.
    #[error("cluster: {reason}")]
    Cluster {
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A setting cannot be.
    #[error("the setting {setting} cannot be {value}: {reason}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// What it was set to.
        value: u64,
        /// Why not.
        reason: &'static str,
    },
    /// Rows do not fit their table.
    #[error("rows do not fit the table {table}: {reason}")]
    Rows {
        /// The table's name.
        table: &'static str,
        /// What does not fit.
        reason: String,
    },
    /// A Delta table on disk cannot be read or written.
    #[error("the table at {}: {reason}", path.display())]
    Table {
        /// The table's directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Reading or writing rows as bytes failed.
    #[error(transparent)]
    Encode(#[from] RowsError),
    /// Arrow failed.
    #[error(transparent)]
    Arrow(#[from] arrow::error::ArrowError),
    /// Parquet failed.
    #[error(transparent)]
    Parquet(#[from] parquet::errors::ParquetError),
    /// A query is wrong; the message says where.
    #[error("{message}")]
    Query {
        /// What is wrong, where, and what was probably meant.
        message: String,
    },
    /// A query took too long.
    #[error(
        "the query took longer than its deadline of {} s; ask for a shorter time range or fewer columns, or raise the deadline",
        limit.as_secs_f64()
    )]
    Deadline {
        /// The deadline.
        limit: std::time::Duration,
    },
    /// A query wants more memory than all queries may take.
    #[error("the query needs more memory than the {} MB that queries may take; group by fewer values, or sort fewer rows", limit / 1_000_000)]
    QueryMemory {
        /// The limit, in bytes.
        limit: usize,
    },
    /// Too many queries wait for a place.
    #[error("{waiting} queries wait already; ask again in a moment")]
    Queries {
        /// How many wait.
        waiting: usize,
    },
    /// The answer does not hold what it was read as.
    #[error("the answer cannot be read: {message}")]
    Answer {
        /// Which column, and why.
        message: String,
    },
    /// One of karat's views does not fit its tables.
    #[error("a view cannot be planned: {message}")]
    View {
        /// Which one, and why.
        message: String,
    },
    /// The query engine failed.
    #[error("the query engine failed: {0}")]
    Engine(#[source] Box<DataFusionError>),
    /// A directory that should be empty is not.
    #[error("{} is not empty; name a directory that is empty or not there yet", path.display())]
    Taken {
        /// The directory.
        path: PathBuf,
    },
    /// A restore did not come to its end.
    #[error("{} holds a part of a backup: `karat restore` was broken off there; run it again", path.display())]
    HalfRestored {
        /// The data directory.
        path: PathBuf,
    },
    /// There is no backup to put back.
    #[error("{} holds no whole backup (`backup.json` is not there); name a directory that `karat backup` has written", path.display())]
    NoBackup {
        /// The directory.
        path: PathBuf,
    },
    /// Where the tables should be cannot be used.
    #[error("the tables cannot be kept at {root}: {reason}")]
    Root {
        /// The URL of the settings.
        root: String,
        /// Why not, and what would do.
        reason: String,
    },
    /// The object store refused, or could not be reached.
    #[error("cannot {action} the object {path}: {source}")]
    Objects {
        /// The verb: `read`, `write`, `list`, ...
        action: &'static str,
        /// The object's name in its bucket.
        path: String,
        /// What the store said.
        source: object_store::Error,
    },
    /// What was sent is safe on this node, and not yet in the tables that it should be in before the answer.
    #[error("the commit takes longer than {} s; send again in a moment, what was sent is not stored twice", waited.as_secs())]
    Uncommitted {
        /// How long the sender waited.
        waited: std::time::Duration,
    },
    /// A task of the store died.
    #[error("a task of the store ended early: {0}")]
    Task(String),
}

/// Tells whether the engine failed to read a file, which may go better next time.
fn is_reading(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) | DataFusionError::ParquetError(_))
}

impl Error {
    /// Returns what the caller should do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Full { .. } | Error::Io { .. } | Error::Closed | Error::Objects { .. } | Error::Uncommitted { .. } => ErrorKind::Retry,
            Error::Taken { .. } | Error::HalfRestored { .. } | Error::NoBackup { .. } | Error::Cluster { .. } => ErrorKind::Input,
            Error::Root { .. } | Error::Held { .. } | Error::NoData { .. } | Error::TooLarge { .. } | Error::ReadOnly | Error::Setting { .. } => {
                ErrorKind::Input
            }
            Error::Rows { .. } | Error::Corrupt { .. } => ErrorKind::Input,
            Error::Busy { .. } | Error::Queries { .. } => ErrorKind::Busy,
            Error::Query { .. } | Error::Deadline { .. } | Error::QueryMemory { .. } => ErrorKind::Input,
            Error::Engine(error) if is_reading(error) => ErrorKind::Retry,
            Error::Answer { .. } | Error::View { .. } | Error::Engine(_) => ErrorKind::Bug,
            Error::Table { .. } | Error::Encode(_) | Error::Arrow(_) | Error::Parquet(_) | Error::Task(_) => ErrorKind::Bug,
        }
    }

    /// Tells whether the object store did not answer, or says that it cannot at this moment.
    pub(crate) fn is_outage(&self) -> bool {
        matches!(self, Error::Objects { source, .. } if place::is_outage(source))
    }

    /// Returns the reason why a record was refused, in a word that counters bear.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Error::Busy { .. } => "busy",
            Error::TooLarge { .. } => "too_large",
            Error::Full { .. } => "disk_full",
            Error::Io { .. } | Error::Objects { .. } => "storage",
            Error::Uncommitted { .. } => "not_committed",
            Error::Closed => "closed",
            _ => "other",
        }
    }

    /// Wraps what the query engine said.
    pub(crate) fn engine(error: DataFusionError) -> Self {
        Error::Engine(Box::new(error))
    }

    /// Returns the same failure for another one who waits on the same write.
    pub(crate) fn again(&self) -> Error {
        let copy = |source: &io::Error| match source.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::from(source.kind()),
        };
        match self {
            Error::Full { path, source } => Error::Full { path: path.clone(), source: copy(source) },
            Error::Io { action, path, source } => Error::Io { action, path: path.clone(), source: copy(source) },
            other => Error::Task(other.to_string()),
        }
    }

    /// Wraps what the system said about `path`, and tells a full disk from any other refusal.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Error::Full { path, source },
            _ => Error::Io { action, path, source },
        }
    }
}
