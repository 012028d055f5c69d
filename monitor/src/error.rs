//! What can go wrong with monitors, and what the caller should do about it.

use std::io;
use std::path::PathBuf;

use crate::rule::RuleError;

/// What the caller of a failed operation should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The same call may succeed later.
    Retry,
    /// A file or a setting is wrong; somebody must change it.
    Input,
    /// A state that should never be.
    Bug,
}

/// A failure of the monitors as a whole; a single monitor that cannot look is a row in state ERROR instead.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A directory or a file cannot be read.
    #[error("cannot read monitors from {}: {source}", path.display())]
    Read {
        /// The directory or the file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A monitor's file is wrong.
    #[error("monitor {file}: {problem}")]
    Rule {
        /// The file.
        file: String,
        /// What is wrong.
        problem: RuleError,
    },
    /// Two files bear one name.
    #[error("monitors {first} and {second} are both named {name:?}; give one of them another name")]
    Twice {
        /// The name.
        name: String,
        /// One file.
        first: String,
        /// The other.
        second: String,
    },
    /// Two notifiers bear one name.
    #[error("two notifiers are named {name:?}; give one of them another name (\"log\" is taken)")]
    NotifierTwice {
        /// The name.
        name: String,
    },
    /// A monitor names a notifier that is not there.
    #[error("monitor {monitor} notifies {name:?}, which is none of {known}; add it under [monitor.notify]")]
    NoNotifier {
        /// The monitor.
        monitor: String,
        /// The missing notifier.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// The secret of a notifier is not set.
    #[error("notifier {notifier} wants its secret in the environment variable {variable}, which is not set")]
    NoSecret {
        /// The notifier.
        notifier: String,
        /// The variable.
        variable: String,
    },
    /// A notifier's settings cannot be used.
    #[error("notifier {name}: {problem}")]
    Notifier {
        /// The notifier.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// The store failed where no single monitor is to blame.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Rows of karat's own tables could not be read.
    #[error(transparent)]
    Rows(#[from] schema::RowsError),
    /// A look ended early.
    #[error("a look of a monitor ended early: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl Error {
    /// Returns what the caller should do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Store(error) => match error.kind() {
                store::ErrorKind::Retry | store::ErrorKind::Busy => ErrorKind::Retry,
                store::ErrorKind::Input => ErrorKind::Input,
                store::ErrorKind::Bug => ErrorKind::Bug,
            },
            Error::Rows(_) | Error::Task(_) => ErrorKind::Bug,
            Error::Read { .. }
            | Error::Rule { .. }
            | Error::Twice { .. }
            | Error::NotifierTwice { .. }
            | Error::NoNotifier { .. }
            | Error::NoSecret { .. }
            | Error::Notifier { .. } => ErrorKind::Input,
        }
    }
}
