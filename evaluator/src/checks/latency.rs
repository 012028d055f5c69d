//! The answer came in time.

use crate::checks::{Subject, Verdict};

/// `latency`: milliseconds that the answer took; passes at or below the threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Latency;

impl Latency {
    #[expect(clippy::unused_self, reason = "every check has the same shape")]
    pub(crate) fn verdict(&self, subject: &Subject<'_>) -> Verdict {
        match subject.latency_ms {
            Some(ms) => Verdict::value(ms, String::new()),
            None => Verdict::not_applicable("the answer was recorded before"),
        }
    }
}
