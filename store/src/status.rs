//! What the store reports about itself.

use std::collections::BTreeMap;

use schema::{Micros, Tenant};
use serde::{Deserialize, Serialize};

use crate::flow::SignalStatus;
use crate::maintain::MaintenanceStatus;

/// Sizes and times of the store at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Bytes of log segments that are still needed.
    pub wal_bytes: u64,
    /// Number of log segments.
    pub wal_segments: usize,
    /// Position of the last durable record.
    pub last_seq: u64,
    /// Position up to which every record's rows are visible to queries.
    pub visible_seq: u64,
    /// Position up to which every record's rows are committed to tables.
    pub committed_seq: u64,
    /// What became of the records that were sent, by signal.
    pub signals: BTreeMap<String, SignalStatus>,
    /// One entry a stream that is read.
    pub streams: Vec<StreamStatus>,
    /// What maintenance does.
    pub maintenance: MaintenanceStatus,
    /// Bytes that are free on the disk of the data directory, if the system says.
    pub disk_free_bytes: Option<u64>,
    /// Bytes that wait for the log or for their decoding.
    pub pending_bytes: usize,
    /// Records that could not be decoded since the start; they are in `_wal/quarantine`.
    pub quarantined: u64,
    /// Tasks of queries that this node ran for a cluster since the start.
    pub cluster_tasks: u64,
    /// Bytes of committed files that a day of all tables takes, so far.
    pub day_bytes: u64,
    /// Whether the tables are in an object store, and only the log on the disk of the data directory.
    pub remote: bool,
    /// One entry a table that has rows.
    pub tables: Vec<TableStatus>,
}

impl Status {
    /// Leaves out what is about tables of other tenants; figures of the whole process stay.
    pub fn for_tenant(mut self, tenant: &Tenant) -> Status {
        self.tables.retain(|table| table.tenant == tenant.as_str());
        let of_others =
            |work: &String| work.split_once(" of ").is_some_and(|(_, table)| table.split_once('/').is_none_or(|(of, _)| of != tenant.as_str()));
        if self.maintenance.at_work.as_ref().is_some_and(of_others) {
            self.maintenance.at_work = Some("a table of another tenant".to_owned());
        }
        self
    }
}

/// How far a stream is read. Each figure is the offset that comes next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamStatus {
    /// What the stream is called.
    pub name: String,
    /// What was taken from it.
    pub taken: u64,
    /// What queries see, without gaps.
    pub visible: u64,
    /// What is committed to every table, without gaps.
    pub committed: u64,
}

/// Sizes and times of one table of one tenant.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TableStatus {
    /// The tenant's name.
    pub tenant: String,
    /// The table's name.
    pub table: String,
    /// Rows that are not committed yet.
    pub held_rows: u64,
    /// Their size in memory.
    pub held_bytes: usize,
    /// Committed rows.
    pub rows: u64,
    /// Committed files.
    pub files: usize,
    /// Committed files of the day that has most of them.
    pub day_files_max: usize,
    /// Days that have committed files.
    pub days: usize,
    /// Files that others took the place of, and that wait to be deleted.
    pub replaced_files: usize,
    /// Entries of the table's log since its last checkpoint.
    pub log_since_checkpoint: u64,
    /// Version of the table.
    pub version: u64,
    /// Rows that became visible since the start, those found in the log at the start included.
    pub made_rows: u64,
    /// Rows of those that are committed now.
    pub committed_rows: u64,
    /// Size of the committed files.
    pub file_bytes: u64,
    /// When this process last committed; nothing where it has not.
    pub last_commit: Option<Micros>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_sees_its_own_tables_only() {
        let table = |tenant: &str| TableStatus { tenant: tenant.to_owned(), table: "spans".to_owned(), ..TableStatus::default() };
        let at_work = |work: &str| MaintenanceStatus { at_work: Some(work.to_owned()), ..MaintenanceStatus::default() };
        let status = |work| Status { tables: vec![table("a"), table("b")], maintenance: at_work(work), wal_bytes: 7, ..Status::default() };
        let seen = status("compaction of b/spans").for_tenant(&Tenant::new("a").unwrap());
        assert_eq!((seen.tables, seen.wal_bytes), (vec![table("a")], 7));
        assert_eq!(seen.maintenance.at_work.as_deref(), Some("a table of another tenant"));
        assert_eq!(status("compaction of a/spans").for_tenant(&Tenant::new("a").unwrap()).maintenance, at_work("compaction of a/spans"));
    }
}
