//! How an evaluation of a monitor can end.

/// The end of an evaluation, for the whole or for one slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nothing worth a word.
    Ok,
    /// A change that is real but small: shown, not sent.
    Warn,
    /// A change that is real and large.
    Alert,
    /// Too little to see anything.
    NoData,
    /// The monitor could not be evaluated.
    Error,
}

impl State {
    /// Returns the word that `monitor_states` uses.
    pub fn name(self) -> &'static str {
        match self {
            State::Ok => "OK",
            State::Warn => "WARN",
            State::Alert => "ALERT",
            State::NoData => "NO_DATA",
            State::Error => "ERROR",
        }
    }

    /// Reads the word that `monitor_states` uses.
    pub fn parse(name: &str) -> Option<Self> {
        [State::Ok, State::Warn, State::Alert, State::NoData, State::Error].into_iter().find(|state| state.name() == name)
    }
}
