//! How an endpoint is made to answer in JSON: the best way that it offers, found out by asking.

use std::sync::atomic::{AtomicU8, Ordering};

/// Words of an error that speak of the form of the answer, not of what was asked.
const OF_THE_FORM: [&str; 9] =
    ["response_format", "json_schema", "json_object", "schema", "grammar", "guided", "structured output", "tool", "function call"];
const OF_LOG_PROBS: [&str; 2] = ["logprobs", "log_probs"];

/// A way to ask for JSON, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `response_format` with a schema: decoding is guided.
    Schema,
    /// A tool whose parameters are the schema.
    Tool,
    /// `response_format` of any JSON; the prompt says which.
    Object,
    /// The prompt alone.
    Plain,
}

const FORMS: [Form; 4] = [Form::Schema, Form::Tool, Form::Object, Form::Plain];

/// What an endpoint has been found to offer.
#[derive(Debug, Default)]
pub(super) struct Offer {
    /// Ways that it refused.
    n_refused: AtomicU8,
    /// 1 where it refused log-probabilities.
    no_log_probs: AtomicU8,
}

impl Offer {
    pub(super) fn form(&self) -> Form {
        FORMS[usize::from(self.n_refused.load(Ordering::Relaxed)).min(FORMS.len() - 1)]
    }

    pub(super) fn has_log_probs(&self) -> bool {
        self.no_log_probs.load(Ordering::Relaxed) == 0
    }

    /// Learns from a refusal of a request that was sent in this form; whether there is another way to ask.
    pub(super) fn refused(&self, form: Form, logprobs: bool, message: &str) -> bool {
        if logprobs && self.refused_log_probs(message) {
            return true;
        }
        let Some(next) = FORMS.iter().position(|known| *known == form).map(|place| place + 1).filter(|next| *next < FORMS.len()) else {
            return false;
        };
        if !speaks_of(message, &OF_THE_FORM) {
            return false;
        }
        // Many calls may learn the same at once.
        self.n_refused.fetch_max(u8::try_from(next).unwrap_or(0), Ordering::Relaxed);
        true
    }

    /// Learns from a refusal of a request for log-probabilities; whether it was about them.
    pub(super) fn refused_log_probs(&self, message: &str) -> bool {
        let refused = speaks_of(message, &OF_LOG_PROBS);
        if refused {
            self.no_log_probs.store(1, Ordering::Relaxed);
        }
        refused
    }
}

fn speaks_of(message: &str, words: &[&str]) -> bool {
    let message = message.to_lowercase();
    words.iter().any(|word| message.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_asked_in_the_best_way_that_it_takes() {
        let offer = Offer::default();
        assert!(!offer.refused(Form::Schema, false, "maximum context length is 4096 tokens"));
        assert!(offer.refused(Form::Schema, true, "logprobs are not supported"));
        assert_eq!((offer.form(), offer.has_log_probs()), (Form::Schema, false));
        for expected in [Form::Tool, Form::Object, Form::Plain] {
            let form = offer.form();
            assert!(offer.refused(form, false, "Unknown parameter: response_format or tools"));
            assert!(offer.refused(form, false, "the same said to another call: json_schema"));
            assert_eq!(offer.form(), expected);
        }
        assert!(!offer.refused(Form::Plain, false, "no tools here"));
    }
}
