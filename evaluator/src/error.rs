//! What can stop the evaluator.

use std::path::PathBuf;

/// A reason why a suite could not be run, or scores could not be given.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A suite, a dataset, a rubric or a baseline is not as it should be; the message says where and what to do.
    #[error("{message}")]
    Config {
        /// Where it is, what is wrong, and what to do.
        message: String,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The HTTP client could not be made.
    #[error("cannot make an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// A running karat did not answer.
    #[error("cannot reach {url}; is karat serving there?")]
    Unreachable {
        /// Its address.
        url: String,
        /// What happened.
        source: reqwest::Error,
    },
    /// A running karat refused.
    #[error("{message}")]
    Server {
        /// The status of its answer.
        status: u16,
        /// What it said.
        message: String,
    },
    /// A report could not be written as JSON.
    #[error("cannot write the report as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A measure refused its input; what is given to it is checked before, so this is a fault of karat.
    #[error("a measure refused its input: {0}")]
    Measure(#[from] measure::Error),
    /// The store refused rows or a query.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A task of the evaluator died.
    #[error("a task of the evaluator ended early: {0}")]
    Task(String),
}

/// What the caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Trying again later may help.
    Retry,
    /// The input has to change.
    Input,
    /// A fault of karat.
    Bug,
}

impl Error {
    /// Returns what the caller can do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Config { .. } => ErrorKind::Input,
            Error::File { .. } => ErrorKind::Input,
            Error::Store(error) => match error.kind() {
                store::ErrorKind::Retry | store::ErrorKind::Busy => ErrorKind::Retry,
                store::ErrorKind::Input => ErrorKind::Input,
                store::ErrorKind::Bug => ErrorKind::Bug,
            },
            Error::Unreachable { .. } => ErrorKind::Retry,
            Error::Server { status: 408 | 429 | 502..=504, .. } => ErrorKind::Retry,
            Error::Server { status: 400..=499, .. } => ErrorKind::Input,
            Error::Server { .. } | Error::Client(_) | Error::Json(_) | Error::Measure(_) | Error::Task(_) => ErrorKind::Bug,
        }
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::Config { message: message.into() }
    }

    /// Says where a mistake stands that was made by who wrote the suite.
    pub(crate) fn within(self, place: &str) -> Self {
        if self.kind() == ErrorKind::Input { Self::config(format!("{place}: {self}")) } else { self }
    }
}
