//! How calls of models are made.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Settings of calls to judges and to models that answer, each endpoint by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CallsConfig {
    /// Calls under way at one endpoint. Servers that batch want 64 to 256; a 429 halves the number for a while by itself. Default 128.
    pub in_flight: usize,
    /// Requests a minute that an endpoint is sent at most; 0 is no limit. Less than its quota wastes time, more earns 429. Default 0.
    pub requests_per_minute: u32,
    /// Tokens a minute that an endpoint is sent at most, estimated before a call and settled after it; 0 is no limit. Default 0.
    pub tokens_per_minute: u32,
    /// Time that one call may take with all its attempts and pauses, in seconds. Longer survives longer outages. Default 600.
    pub deadline_s: u64,
    /// Quantile of the answering times from which on a straggler is asked a second time and the first answer taken; 0 is never.
    /// Shortens the end of a run for 2 % more calls at most. Default 0.99.
    pub hedge_quantile: f64,
    /// Dollars that the runs of a day may spend together; 0 is no limit. A run that reaches it ends with exit code 4. Default 0.
    pub day_usd: f64,
    /// Directory for what outlives a run: judges' answers, journals of runs for `--resume`, what a day spent. Default `.karat`.
    pub work_dir: PathBuf,
    /// Bytes of judges' answers that are kept, the latest first; 0 keeps none, and the same question is paid for again. Default 512 MiB.
    pub cache_bytes_max: u64,
}

impl Default for CallsConfig {
    fn default() -> Self {
        Self {
            in_flight: 128,
            requests_per_minute: 0,
            tokens_per_minute: 0,
            deadline_s: 600,
            hedge_quantile: 0.99,
            day_usd: 0.0,
            work_dir: PathBuf::from(".karat"),
            cache_bytes_max: 512 << 20,
        }
    }
}
