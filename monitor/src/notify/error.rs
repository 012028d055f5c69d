//! Why a notice did not arrive, and whether trying again may help.

/// Why a notice did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The receiver could not be reached, or did not answer in time.
    #[error("{notifier} cannot be reached: {problem}")]
    Unreachable {
        /// Name of the notifier.
        notifier: String,
        /// What happened.
        problem: String,
    },
    /// The receiver answered that it did not take the notice.
    #[error("{notifier} answered {status}{}", if answer.is_empty() { String::new() } else { format!(": {answer}") })]
    Refused {
        /// Name of the notifier.
        notifier: String,
        /// HTTP status, or SMTP's reply code.
        status: u16,
        /// The beginning of what it said.
        answer: String,
    },
    /// The receiver said yes in a way in which it never does.
    #[error("{notifier} did not take the notice though it said so: {problem}")]
    Unbelievable {
        /// Name of the notifier.
        notifier: String,
        /// What it said.
        problem: String,
    },
    /// The notice could not be written in the receiver's form.
    #[error("{notifier} cannot be told: {problem}")]
    Unusable {
        /// Name of the notifier.
        notifier: String,
        /// What is wrong.
        problem: String,
    },
}

impl NotifyError {
    /// Whether the same attempt may succeed a moment later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            NotifyError::Unreachable { .. } => true,
            // SMTP's 4xx are "later"; they share numbers with HTTP's, of which only these two are.
            NotifyError::Refused { status, .. } => matches!(status, 408 | 421 | 429 | 450..=452) || (*status >= 500 && *status < 550),
            NotifyError::Unbelievable { .. } | NotifyError::Unusable { .. } => false,
        }
    }

    /// Whether it is the notice, not the receiver: no later attempt can succeed, and others must not wait for it.
    pub(super) fn is_final(&self) -> bool {
        match self {
            NotifyError::Refused { status, .. } => matches!(status, 400 | 413 | 422),
            NotifyError::Unusable { .. } => true,
            NotifyError::Unreachable { .. } | NotifyError::Unbelievable { .. } => false,
        }
    }
}
