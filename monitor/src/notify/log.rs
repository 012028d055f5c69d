//! The notifier that is always there: karat's own log.

use async_trait::async_trait;

use super::{Notice, Notifier, NotifyError};

/// Writes each alert as one line of the log, under the name `log`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Log;

#[async_trait]
impl Notifier for Log {
    fn name(&self) -> &str {
        "log"
    }

    async fn notify(&self, notices: &[Notice]) -> Result<(), NotifyError> {
        for Notice { tenant, id, state, severity, monitor, slice, summary, time, .. } in notices {
            tracing::warn!(%tenant, %id, %state, %severity, %monitor, %slice, %time, "alert {state}: {summary}");
        }
        Ok(())
    }
}
