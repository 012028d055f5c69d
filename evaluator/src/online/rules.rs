//! Which landing spans get which checks.

use serde::{Deserialize, Serialize};

use crate::online::check::OnlineCheck;

/// Model calls whose answer is a text: not embeddings, not reranking.
const ANSWERS: &str = "select trace_id, span_id from llm_calls where ingested_at between $since and $until and coalesce(operation, 'chat') not in ('embeddings', 'rerank')";

/// The checks on landing spans, and their bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Model calls that are scored at once, a check: memory against rounds. Default 2,000.
    pub batch: usize,
    /// Rounds in one pass at most, of half a batch in the order of arrival; more shortens a backlog, and takes more of the CPU while much comes in.
    /// Default 20.
    pub batches: usize,
    /// How far back a pass looks for calls without a score, in hours of their arrival; longer survives a longer stop, and reads more. Default 48.
    pub lookback_h: u32,
    /// How long a call waits for its first score after it arrived, in seconds: exporters send a trace in pieces, and documents that come after the
    /// score are not judged. Longer sees slower senders, and scores later. Default 15.
    pub settle_s: u32,
    /// Bytes of an answer and its documents that a check reads; longer ones get the outcome `failed`. Default 256 KiB.
    pub text_bytes_max: usize,
    /// The checks; an empty list scores nothing. Default: each of them on every answer.
    pub checks: Vec<Rule>,
}

/// One check, and the calls that get it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The check.
    pub check: OnlineCheck,
    /// A select of `trace_id, span_id`: the calls that get the check. Default: every answer that is a text. Write `ingested_at between $since and
    /// $until` into it, which is what a pass looks at, or each pass reads the whole history.
    #[serde(default = "answers")]
    pub spans: String,
    /// Share of the traces that are looked at, from 0 to 1; less is cheaper, and sees less. The same traces for every check. Default 1.
    #[serde(default = "all")]
    pub share: f64,
}

impl Default for Rules {
    fn default() -> Self {
        let checks = OnlineCheck::ALL.iter().map(|check| Rule { check: *check, spans: answers(), share: all() }).collect();
        Self { batch: 2_000, batches: 20, lookback_h: 48, settle_s: 15, text_bytes_max: 256 << 10, checks }
    }
}

fn answers() -> String {
    ANSWERS.to_owned()
}

fn all() -> f64 {
    1.0
}

impl Rule {
    /// The text that the last eight hex digits of a sampled trace's id sort before. Trace ids are random there.
    pub(crate) fn sample(&self) -> String {
        let limit = (self.share.clamp(0.0, 1.0) * 2_f64.powi(32)).round();
        if limit >= 2_f64.powi(32) {
            // Every hex digit sorts before it.
            return "g".to_owned();
        }
        #[expect(clippy::cast_possible_truncation, reason = "below 2^32, and not below 0")]
        let limit = limit as u32;
        format!("{limit:08x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_become_hex() {
        let rule = |share| Rule { check: OnlineCheck::Answered, spans: answers(), share };
        assert_eq!(rule(1.0).sample(), "g");
        assert_eq!(rule(0.5).sample(), "80000000");
        assert_eq!(rule(0.0).sample(), "00000000");
    }
}
