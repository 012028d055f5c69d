//! What the store reports about itself.

use schema::Micros;
use serde::Serialize;

/// Sizes and times of the store at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Status {
    /// Bytes of log segments that are still needed.
    pub wal_bytes: u64,
    /// Number of log segments.
    pub wal_segments: usize,
    /// Position of the last durable record.
    pub last_seq: u64,
    /// Bytes that wait for the log or for their decoding.
    pub pending_bytes: usize,
    /// Records that could not be decoded since the start; they are in `_wal/quarantine`.
    pub quarantined: u64,
    /// One entry a table that has rows.
    pub tables: Vec<TableStatus>,
}

/// Sizes and times of one table of one tenant.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TableStatus {
    /// The tenant's name.
    pub tenant: String,
    /// The table's name.
    pub table: &'static str,
    /// Rows that are not committed yet.
    pub held_rows: u64,
    /// Their size in memory.
    pub held_bytes: usize,
    /// Committed rows.
    pub rows: u64,
    /// Committed files.
    pub files: usize,
    /// Size of the committed files.
    pub file_bytes: u64,
    /// When this process last committed; nothing where it has not.
    pub last_commit: Option<Micros>,
}
