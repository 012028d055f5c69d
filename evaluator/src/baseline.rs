//! The run that a suite is compared with.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::report::{Report, SCHEMA};

/// A report that serves as the baseline.
#[derive(Debug, Clone)]
pub(crate) struct Baseline {
    pub path: PathBuf,
    pub report: Report,
}

impl Baseline {
    /// Reads a report in JSON.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read(path).map_err(|source| Error::File { action: "read", path: path.to_owned(), source })?;
        let report: Report = serde_json::from_slice(&text).map_err(|error| Error::config(format!("baseline {}: {error}", path.display())))?;
        if report.schema != SCHEMA {
            let message = format!("baseline {} has schema {:?}; this karat reads {SCHEMA:?}", path.display(), report.schema);
            return Err(Error::config(message));
        }
        Ok(Self { path: path.to_owned(), report })
    }
}
