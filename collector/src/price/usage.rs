//! The tokens of one model call, as they are billed.

use schema::Span;

/// Tokens of one call. `input` and `output` are totals; every other field is a part of one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// All input tokens, cached ones included.
    pub input: u64,
    /// All output tokens, reasoning included.
    pub output: u64,
    /// Input tokens read from the provider's cache.
    pub cache_read: u64,
    /// Input tokens written to the provider's cache, for whatever time.
    pub cache_write: u64,
    /// Input tokens written to the cache for an hour; part of `cache_write`.
    pub cache_write_1h: u64,
    /// Output tokens spent on reasoning.
    pub reasoning: u64,
    /// Audio input tokens.
    pub audio_in: u64,
    /// Audio output tokens.
    pub audio_out: u64,
}

impl Usage {
    /// Reads the token columns of a span; `None` where neither input nor output tokens are known, for then nothing can be priced.
    pub fn of(span: &Span) -> Option<Self> {
        if span.input_tokens.is_none() && span.output_tokens.is_none() {
            return None;
        }
        let tokens = |column: Option<i64>| column.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        Some(Self {
            input: tokens(span.input_tokens),
            output: tokens(span.output_tokens),
            cache_read: tokens(span.cache_read_tokens),
            cache_write: tokens(span.cache_write_tokens),
            cache_write_1h: tokens(span.cache_write_1h_tokens),
            reasoning: tokens(span.reasoning_tokens),
            audio_in: tokens(span.audio_input_tokens),
            audio_out: tokens(span.audio_output_tokens),
        })
    }

    /// Returns the size of the prompt that tiers go by: all input, and never less than its cached parts.
    pub(super) fn prompt(&self) -> u64 {
        self.input.max(self.cache_read.saturating_add(self.cache_write))
    }

    /// Returns the tokens that each rate bills, so that no token is billed twice.
    pub(super) fn billed(&self) -> Billed {
        let cache_write_1h = self.cache_write_1h.min(self.cache_write);
        let fresh = self.input.saturating_sub(self.cache_read).saturating_sub(self.cache_write);
        let audio_in = self.audio_in.min(fresh);
        let audio_out = self.audio_out.min(self.output);
        let reasoning = self.reasoning.min(self.output - audio_out);
        Billed {
            text_in: fresh - audio_in,
            audio_in,
            cache_read: self.cache_read,
            cache_write_5m: self.cache_write - cache_write_1h,
            cache_write_1h,
            text_out: self.output - audio_out - reasoning,
            audio_out,
            reasoning,
        }
    }
}

/// Tokens split by the rate that bills them.
pub(super) struct Billed {
    pub text_in: u64,
    pub audio_in: u64,
    pub cache_read: u64,
    pub cache_write_5m: u64,
    pub cache_write_1h: u64,
    pub text_out: u64,
    pub audio_out: u64,
    pub reasoning: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_exceed_their_total_are_not_billed_twice() {
        let usage = Usage { input: 100, cache_read: 90, cache_write: 30, audio_in: 50, output: 10, reasoning: 40, ..Usage::default() };
        let billed = usage.billed();
        assert_eq!((billed.text_in, billed.audio_in, billed.cache_read, billed.cache_write_5m), (0, 0, 90, 30));
        assert_eq!((billed.text_out, billed.reasoning), (0, 10));
    }

    #[test]
    fn hostile_counts_do_not_overflow() {
        let usage = Usage { input: 5, cache_read: u64::MAX, cache_write: 0, ..Usage::default() };
        assert_eq!(usage.billed().text_in, 0);
        let usage = Usage { cache_read: u64::MAX, cache_write: u64::MAX, ..Usage::default() };
        assert_eq!(usage.billed().text_in, 0);
    }
}
