//! Standard output: one JSON object a notice, for whatever reads karat's output.

use std::io::Write as _;

use async_trait::async_trait;

use super::{Notice, Notifier, NotifyError};

/// Writes each notice as a line of JSON, under the name `stdout`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stdout;

#[async_trait]
impl Notifier for Stdout {
    fn name(&self) -> &str {
        "stdout"
    }

    async fn notify(&self, notices: &[Notice]) -> Result<(), NotifyError> {
        let broken = |problem: std::io::Error| NotifyError::Unreachable { notifier: "stdout".to_owned(), problem: problem.to_string() };
        let mut out = std::io::stdout().lock();
        for notice in notices {
            let line = serde_json::to_string(notice).map_err(|error| broken(error.into()))?;
            writeln!(out, "{line}").map_err(broken)?;
        }
        out.flush().map_err(broken)
    }
}
