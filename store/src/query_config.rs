//! Every setting of queries.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

const MIB: usize = 1024 * 1024;

/// Settings of queries; each says what it trades.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueryConfig {
    /// Rows of an answer, unless the caller asks for another number: completeness against the size of answers. Default 10,000.
    pub rows_max: usize,
    /// Bytes of rows that an answer holds at most; over it the answer is cut and says so. Default 256 MiB.
    pub answer_bytes_max: usize,
    /// How long a query may take, planning and reading included, unless the caller says otherwise, in milliseconds. Default 30,000.
    pub deadline_ms: u64,
    /// Queries that run at once; more of them wait. Memory and evenness against waiting. Default 8.
    pub running_max: usize,
    /// Queries that wait for a place; over it karat answers busy. Default 64.
    pub waiting_max: usize,
    /// Threads that run queries; 0 is one a core. Query speed against ingest on the same machine. Default 0.
    pub threads: usize,
    /// Memory for sorting, joining and grouping of all running queries, in bytes; what needs more goes to disk. Default 1 GiB.
    pub memory_bytes: usize,
    /// Directory for what does not fit in memory. Default: the system's temporary directory.
    pub spill: Option<PathBuf>,
    /// Disk for what does not fit in memory, in bytes; a query that needs more fails. Default 10 GiB.
    pub spill_bytes: u64,
    /// Memory for what is known about Parquet files, in bytes: too little means footers are read again and again. Default 256 MiB.
    pub metadata_cache_bytes: usize,
    /// Memory for knowing which spans were sent more than once, in bytes, beside `memory_bytes`: some 8 bytes a span over all tenants.
    /// A table that does not fit is looked through by every query that reads a view, which takes seconds where there are millions of spans.
    /// Default 256 MiB.
    pub repeats_bytes: usize,
    /// Longest text of a query, in bytes. Default 1 MiB.
    pub text_bytes_max: usize,
    /// How far apart the spans of one trace may lie, in hours: a view that is asked for a time range looks this much further on both
    /// sides. Complete long traces against bytes read. Default 24.
    pub reach_hours: u32,
}

impl Default for QueryConfig {
    fn default() -> Self {
        Self {
            rows_max: 10_000,
            answer_bytes_max: 256 * MIB,
            deadline_ms: 30_000,
            running_max: 8,
            waiting_max: 64,
            threads: 0,
            memory_bytes: 1024 * MIB,
            spill: None,
            spill_bytes: 10 * 1024 * 1024 * 1024,
            metadata_cache_bytes: 256 * MIB,
            repeats_bytes: 256 * MIB,
            text_bytes_max: MIB,
            reach_hours: 24,
        }
    }
}

impl QueryConfig {
    /// Returns the deadline as a duration.
    pub(crate) fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }

    /// Returns the number of threads that run queries.
    pub(crate) fn threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(2, usize::from),
            threads => threads,
        }
    }
}
