//! The evaluator's settings.

use serde::{Deserialize, Serialize};

use crate::calls::CallsConfig;
use crate::online::Rules;
use crate::price::Prices;

/// Settings of suites and of the checks on landing spans.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluatorConfig {
    /// Cases of a suite that are answered and judged at once. More is faster until the endpoint or the app is saturated; twice `calls.in_flight`
    /// keeps all slots of a judge in use. Default 64.
    pub concurrency: usize,
    /// Time that one call of a model may take, in seconds. Shorter gives up on slow endpoints sooner. Default 60.
    pub call_timeout_s: u64,
    /// Attempts for one call that failed for a passing reason (429, 5xx, a broken connection). Default 5.
    pub attempts_max: u32,
    /// First pause before another attempt, in milliseconds; it doubles each time, and `Retry-After` goes before it. Default 500.
    pub backoff_ms: u64,
    /// The longest pause that is waited for, in seconds; an endpoint that wants more counts as failed. Default 60.
    pub backoff_max_s: u64,
    /// Calls in a row that may fail before an endpoint counts as dead and the rest of the run does not wait for it. Default 12.
    pub failures_in_a_row_max: usize,
    /// Bytes of an answer that are read; what is longer counts as failed. Default 8 MiB.
    pub answer_bytes_max: usize,
    /// Bytes of a dataset that are read. Default 512 MiB.
    pub dataset_bytes_max: u64,
    /// Rows of a dataset that is a SELECT; more costs memory, and takes longer to ask for. Default 100,000.
    pub dataset_rows_max: usize,
    /// How calls of models are made.
    pub calls: CallsConfig,
    /// The checks on landing spans.
    pub rules: Rules,
    /// What models cost; no setting: the binary hands in the list that it prices spans by.
    #[serde(skip)]
    pub prices: Prices,
}

impl Default for EvaluatorConfig {
    fn default() -> Self {
        Self {
            concurrency: 64,
            call_timeout_s: 60,
            attempts_max: 5,
            backoff_ms: 500,
            backoff_max_s: 60,
            failures_in_a_row_max: 12,
            answer_bytes_max: 8 << 20,
            dataset_bytes_max: 512 << 20,
            dataset_rows_max: 100_000,
            calls: CallsConfig::default(),
            rules: Rules::default(),
            prices: Prices::default(),
        }
    }
}
