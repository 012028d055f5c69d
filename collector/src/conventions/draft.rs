//! What has been learnt about one span or log record so far.

use serde_json::Value;

use super::messages::Message;
use super::operation::Role;
use super::part::Part;
use super::usage::Usage;

/// Knowledge that grows source by source; the first source that knows a fact wins.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    pub role: Option<Role>,
    /// The operation as sent, where it is no role that is known.
    pub operation: Option<String>,
    pub provider: Option<String>,
    pub provider_raw: Option<String>,
    pub request_model: Option<String>,
    /// A model of which it is not said whether it was asked for or answered.
    pub model: Option<String>,
    pub response_model: Option<String>,
    pub response_id: Option<String>,
    pub streaming: Option<bool>,
    pub ttft_ns: Option<i64>,
    /// Wall clock time of the first token, as sent.
    pub first_token_at: Option<String>,
    pub finish_reason: Option<String>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub max_tokens: Option<i64>,
    pub usage: Usage,
    pub service_tier: Option<String>,
    pub session_id: Option<String>,
    pub user_id: Option<String>,
    pub system: Vec<Part>,
    pub input: Vec<Message>,
    pub output: Vec<Message>,
    /// Messages came from the span's events.
    pub told_by_events: bool,
    pub tools: Option<Value>,
    /// Text out of the input of a step that is no call; the input itself stays an attribute.
    pub step_input: Option<String>,
    /// The same of its output.
    pub step_output: Option<String>,
    /// The output was an answer that only a provider gives: choices, candidates, generations.
    pub answered: bool,
}

impl Draft {
    /// Moves system messages out of the input, keeping their parts.
    pub(super) fn part_system(&mut self) {
        let mut kept = Vec::with_capacity(self.input.len());
        let stated = !self.system.is_empty();
        for message in std::mem::take(&mut self.input) {
            if message.role != "system" {
                kept.push(message);
            } else if !stated {
                self.system.extend(message.parts);
            }
        }
        self.input = kept;
    }

    /// The last message of the user, as plain text.
    pub(super) fn input_text(&self) -> Option<String> {
        self.input.iter().rev().filter(|message| message.role == "user").find_map(Message::plain)
    }

    /// The first answer that has text.
    pub(super) fn output_text(&self) -> Option<String> {
        self.output.iter().find_map(Message::plain)
    }
}

/// Puts a value where there is none.
pub(super) fn put<T>(place: &mut Option<T>, found: Option<T>) {
    if place.is_none() {
        *place = found;
    }
}
