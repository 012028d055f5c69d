//! Why a call gave no answer, and when to ask again.

use std::time::Duration;

use measure::Seed;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// Why a call gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    #[error("no endpoint is configured: set apiBaseUrl, or OPENAI_BASE_URL in the environment")]
    NotConfigured,
    #[error("the endpoint could not be reached: {0}")]
    Unreachable(String),
    #[error("no answer {}", .0.map_or("in time".to_owned(), |limit| format!("within {} ms", limit.as_millis())))]
    TimedOut(Option<Duration>),
    #[error("the answer broke off: {0}")]
    BrokenOff(String),
    #[error("the endpoint answered {status}: {message}")]
    Status { status: u16, message: String },
    #[error("the endpoint's answer cannot be read: {0}")]
    Malformed(String),
    #[error("not called: {endpoint} failed {failed} times in a row")]
    Dead { endpoint: String, failed: usize },
    #[error("no answer within the deadline of {0} s")]
    Late(u64),
    #[error("not asked yet: the question waits in a batch")]
    Batched,
}

impl CallError {
    /// The class of the error, as tables hold it.
    pub(crate) fn class(&self) -> String {
        match self {
            CallError::NotConfigured => "not_configured".to_owned(),
            CallError::Unreachable(_) => "unreachable".to_owned(),
            CallError::TimedOut(_) => "timeout".to_owned(),
            CallError::BrokenOff(_) => "broken_off".to_owned(),
            CallError::Status { status, .. } => status.to_string(),
            CallError::Malformed(_) => "malformed".to_owned(),
            CallError::Dead { .. } => "not_called".to_owned(),
            CallError::Late(_) => "late".to_owned(),
            CallError::Batched => "batched".to_owned(),
        }
    }

    /// Whether the request itself is at fault, which says nothing about the endpoint's health.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, CallError::Status { status: 400..=428, .. })
    }

    /// Whether the endpoint said that it is asked too much.
    pub(crate) fn is_overload(&self) -> bool {
        matches!(self, CallError::Status { status: 429 | 503 | 529, .. })
    }
}

/// One attempt that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub error: CallError,
    pub again: Again,
}

/// Whether another attempt makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    Never,
    /// After a pause of our own choice.
    Later,
    /// After the pause that the endpoint asked for.
    After(Duration),
}

impl Failure {
    pub(crate) fn lasting(error: CallError) -> Self {
        Self { error, again: Again::Never }
    }

    /// An app that did not answer in time may still be at work: it is not asked a second time.
    pub(crate) fn once_if_late(self) -> Self {
        if matches!(self.error, CallError::TimedOut(_)) { Self::lasting(self.error) } else { self }
    }

    pub(crate) fn passing(error: CallError) -> Self {
        Self { error, again: Again::Later }
    }
}

/// The pause before an attempt, the first of which is 1: doubling, and a random half of it, so that callers do not come back together.
pub(crate) fn backoff(first: Duration, longest: Duration, attempt: u32, call: &str) -> Duration {
    let full = first.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(longest);
    full.mul_f64(0.5 + Seed::of([call, &attempt.to_string()]).unit() / 2.0)
}

/// The delay that a `Retry-After` header asks for: seconds, or a date, which is read against the answer's own `Date`.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = |text: &str| chrono::DateTime::parse_from_rfc2822(text).ok();
    let now = date(headers.get(DATE)?.to_str().ok()?)?;
    (date(text)? - now).to_std().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (reqwest::header::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after(&headers(&[("retry-after", "7")])), Some(Duration::from_secs(7)));
        let dated = headers(&[("retry-after", "Fri, 20 Nov 2026 10:00:30 GMT"), ("date", "Fri, 20 Nov 2026 10:00:00 GMT")]);
        assert_eq!(retry_after(&dated), Some(Duration::from_secs(30)));
        assert_eq!(retry_after(&headers(&[("retry-after", "soon")])), None);
    }

    #[test]
    fn pauses_double_and_differ_between_calls() {
        let pause = |attempt, call| backoff(Duration::from_millis(500), Duration::from_secs(60), attempt, call);
        for attempt in 1..12 {
            let full = Duration::from_millis(500).saturating_mul(1 << (attempt - 1)).min(Duration::from_secs(60));
            assert!(pause(attempt, "a") >= full / 2 && pause(attempt, "a") <= full);
        }
        assert_ne!(pause(1, "a"), pause(1, "b"));
        assert_eq!(pause(1, "a"), pause(1, "a"), "the same call waits the same time again");
    }
}
