//! Waiting for an object store that is away when karat starts: it comes back, and restarting karat would not bring it sooner.

use std::time::Duration;

use object_store::client::{HttpError, HttpErrorKind};
use tokio::time::timeout;

use super::Root;
use crate::error::Error;

/// First and longest pause before the store is asked again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));
/// How long a question goes without an answer before that is told, again and again.
const SILENCE: Duration = Duration::from_secs(5);

impl Root {
    /// Does what needs the object store, again and again for as long as it is away. Whatever waiting would not mend, such as a bucket that there
    /// is not or access that is denied, ends it at once.
    ///
    /// `work` must be such that it can begin anew after it failed half-way.
    pub(crate) async fn patiently<T, F>(&self, work: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut was_asked = false;
        loop {
            let error = match self.until_it_answers(&work).await {
                // What delta-rs says of an outage has lost its kind, so the store itself is asked.
                Err(error @ Error::Table { .. }) if self.is_shared() && !was_asked => error,
                outcome => return outcome,
            };
            was_asked = true;
            tracing::warn!(%error, "a table cannot be read; the object store is asked whether it is there");
            self.until_it_answers(&|| self.tenants()).await?;
        }
    }

    async fn until_it_answers<T, F>(&self, work: &impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let (mut pause, pause_max) = PAUSES;
        loop {
            match told(work()).await {
                Err(error) if error.is_outage() => {
                    tracing::warn!(%error, pause_ms = pause.as_millis(), "the object store cannot be reached; it is tried again");
                }
                outcome => return outcome,
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(pause_max);
        }
    }
}

/// Waits, and says so: the store's client repeats a request by itself for minutes.
async fn told<T>(work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    loop {
        match timeout(SILENCE, &mut work).await {
            Ok(outcome) => return outcome,
            Err(_) => tracing::warn!("waiting for the object store, which does not answer"),
        }
    }
}

/// Tells whether a request failed on its way, or because the store cannot do its work at this moment.
pub(crate) fn is_outage(error: &object_store::Error) -> bool {
    let object_store::Error::Generic { source, .. } = error else { return false };
    let mut sources = std::iter::successors(Some(source.as_ref() as &(dyn std::error::Error + 'static)), |error| error.source());
    let on_its_way = |kind| matches!(kind, HttpErrorKind::Connect | HttpErrorKind::Request | HttpErrorKind::Timeout | HttpErrorKind::Interrupted);
    sources.any(|error| match error.downcast_ref::<HttpError>() {
        Some(error) if on_its_way(error.kind()) => true,
        // The client gives neither the number away, nor a kind to a request whose connection ended before it was on it.
        _ => ["status code: 5", "operation was canceled"].iter().any(|text| error.to_string().contains(text)),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::config::StoreConfig;

    fn refused(source: object_store::Error) -> Error {
        Error::Objects { action: "write", path: "lake/x".to_owned(), source }
    }

    fn generic(source: impl std::error::Error + Send + Sync + 'static) -> Error {
        refused(object_store::Error::Generic { store: "S3", source: Box::new(source) })
    }

    #[test]
    fn an_outage_is_told_from_a_refusal() {
        let refusal = |text: &str| std::io::Error::other(text.to_owned());
        assert!(generic(HttpError::new(HttpErrorKind::Connect, refusal("connection refused"))).is_outage());
        assert!(generic(HttpError::new(HttpErrorKind::Timeout, refusal("no answer"))).is_outage());
        assert!(generic(refusal("Server returned non-2xx status code: 503 Service Unavailable: ")).is_outage());
        assert!(generic(HttpError::new(HttpErrorKind::Unknown, refusal("operation was canceled"))).is_outage());
        assert!(!generic(HttpError::new(HttpErrorKind::Unknown, refusal("builder error"))).is_outage());
        assert!(!generic(refusal("Server returned non-2xx status code: 400 Bad Request: ")).is_outage());
        let denied = object_store::Error::PermissionDenied { path: "lake/x".to_owned(), source: Box::new(refusal("403")) };
        assert!(!refused(denied).is_outage());
        assert!(!Error::Closed.is_outage());
    }

    #[tokio::test]
    async fn an_outage_is_waited_for_and_a_refusal_is_not() {
        let root = Root::of(&StoreConfig::default()).unwrap();
        let asked = AtomicU32::new(0);
        let outcome = root.patiently(|| async {
            match asked.fetch_add(1, Ordering::Relaxed) {
                0..2 => Err(generic(HttpError::new(HttpErrorKind::Connect, std::io::Error::other("refused")))),
                2 => Err(Error::NoBackup { path: "x".into() }),
                _ => Ok(()),
            }
        });
        assert!(matches!(outcome.await, Err(Error::NoBackup { .. })));
        assert_eq!(asked.into_inner(), 3);
    }
}
