//! One schema out of many dialects: reads GenAI spans and log records of any instrumentation into the same columns.
//!
//! Keys are told apart by their words ([`keys`]), messages by their shape ([`messages`], [`parts`]), a provider's own requests and
//! responses by their fields ([`payload`]). What that cannot know stands in one file a dialect.

mod dialect;
mod dialects;
mod documents;
mod draft;
mod events;
mod flat;
mod gather;
mod keys;
mod leftover;
mod log;
mod messages;
mod operation;
mod parts;
mod payload;
mod provider;
mod python;
mod score;
mod settle;
mod span;
mod tools;
mod usage;
mod value;

pub use log::{LogInput, interpret_log};
pub use score::{scores_of_log, scores_of_span};
pub use settle::settle;
pub use span::{SpanInput, interpret_span};

/// The conventions, with what is switched off; the default switches nothing off.
#[derive(Debug, Clone, Copy, Default)]
pub struct Conventions<'a> {
    /// Dialect whose own file is not used, for measuring what the general families know alone.
    pub disabled: Option<&'a str>,
}

impl Conventions<'_> {
    /// Fills every GenAI column of `row`.
    pub fn interpret_span(&self, input: &SpanInput<'_>, row: &mut schema::Span) {
        span::interpret(input, self.disabled, row);
    }
}
