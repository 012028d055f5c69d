//! Every setting of the store.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::maintain::RetentionRule;
use crate::query_config::QueryConfig;

const MIB: usize = 1024 * 1024;

/// Settings of the store; each says what it trades.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// The data directory: tables of every tenant and the log. Default `karat-data`.
    pub data: PathBuf,
    /// How long a start waits for the lock of the data directory, in milliseconds: a reader at rest may hold it for a moment. Default 2000.
    pub lock_wait_ms: u64,
    /// Size of a log segment, in bytes: larger ones mean fewer files, and more to read again after a crash. Default 64 MiB.
    pub wal_segment_bytes: usize,
    /// How long the log waits for more records before it syncs, in milliseconds: fewer syncs against a later answer. Default 2.
    pub wal_group_wait_ms: u64,
    /// How many bytes end that wait early: bounds the size of one sync. Default 4 MiB.
    pub wal_group_bytes: usize,
    /// Largest body of one record, in bytes: memory against senders with large batches. Default 64 MiB.
    pub body_bytes_max: usize,
    /// Memory of the process that takes spans in, as the system counts it (RSS), in bytes: requests from their first byte, rows until their
    /// commit, and what writing and joining files needs; over it senders are told to come back. Queries have a memory of their own. Memory against
    /// bursts and slow disks. Default 512 MB.
    pub ingest_bytes_max: usize,
    /// Threads that turn bytes into rows; 0 is one a core. Ingest rate against everything else on the machine. Default 0.
    pub decode_threads: usize,
    /// How long a body is remembered, so that its repetition is not stored again, in seconds: memory against late retries. Default 900.
    pub dedup_window_s: u64,
    /// How many bodies are remembered at most (some 150 bytes each); the oldest go first. Default 1,000,000.
    pub dedup_entries_max: usize,
    /// Bytes kept of records that cannot be decoded, in `_wal/quarantine`; what does not fit is dropped with an error in the log. Default 1 GiB.
    pub quarantine_bytes_max: u64,
    /// Oldest age of rows that are not committed, in milliseconds: fresher tables for other readers against more small files. Default 5000.
    pub flush_interval_ms: u64,
    /// Bytes of rows of one table that are committed at once without waiting: memory against file size. Default 32 MiB.
    pub flush_bytes: usize,
    /// Commits a second over all tables and tenants when they are small: disk against the freshness of many quiet tenants. Default 20.
    pub commits_per_second: u32,
    /// Largest row group of a Parquet file, in bytes in memory; in joined files also that of which one compressed column takes half of
    /// `compact_bytes`. Scan speed against the memory of a reader. Default 128 MiB.
    pub row_group_bytes: usize,
    /// What an answer to a sender promises. Default `wal`.
    pub durability: Durability,
    /// How long a sender waits for the commit under `durability = "commit"`, in milliseconds; then it is told to send again, and what it sent is
    /// still stored once. Default 30,000.
    pub commit_wait_ms: u64,
    /// Where the tables are: empty for the data directory, or a URL such as `s3://bucket/prefix`, `gs://bucket/prefix` or
    /// `az://container/prefix`, with keys and endpoint in the environment (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, ...). Disk against network.
    /// The log stays in the data directory. Default empty.
    pub root: String,
    /// Small files of one day after which they are made one: fewer files to open against writing rows again. Default 16.
    pub compact_files: usize,
    /// Files below this many bytes count as small; more, where a day has so many that 64 of this size do not hold it. Default 16 MiB.
    pub compact_small_bytes: u64,
    /// Memory that one compaction reads and writes rows in, in bytes, about; twice of it is a part of `ingest_bytes_max`, for compressors take as
    /// much. With less, fewer files are joined at once. Files in fewer steps against memory for requests and rows. Default 32 MiB.
    pub compact_bytes: u64,
    /// Bytes of files that compaction takes in a second at most, 0 for no bound: fewer files sooner against disk and CPU that ingest and queries
    /// want. Default 64 MiB.
    pub compact_bytes_per_second: u64,
    /// zstd level of files that compaction writes, 1 to 22: disk against CPU. Default 3.
    pub compact_zstd_level: i32,
    /// Rules by which old rows go, such as `{ table = "logs", days = 30 }` or `{ tenant = "trial", days = 7 }`; the first one that fits a table
    /// counts, and rows without a rule stay. Disk against history. Default none.
    pub retention: Vec<RetentionRule>,
    /// Commits of a table after which its log gets a checkpoint: opening time against writing. Default 100.
    pub checkpoint_commits: u64,
    /// Age after which entries of a table's log are deleted once a checkpoint covers them, in hours: time travel against directory size. Default 6.
    pub log_retention_hours: u64,
    /// Age after which files that a compaction replaced are deleted, in hours: disk against the longest query of any reader. Default 2.
    pub deleted_file_retention_hours: u64,
    /// Memory for filters over trace ids, in bytes; files that do not fit go without. Opening one trace among many files against memory. Default 256 MiB.
    pub bloom_bytes_max: usize,
    /// How often other nodes' commits to a shared root are looked for, in milliseconds: fresher answers against requests to the object store.
    /// Default 1000.
    pub follow_ms: u64,
    /// Settings of queries.
    pub query: QueryConfig,
}

/// What an answer to a sender promises.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// The bytes are synced to the log of this node.
    #[default]
    Wal,
    /// The rows are committed to the table: for nodes without a disk worth trusting. Answers wait for the commit.
    Commit,
}

/// How long rows wait for a commit that senders wait for.
const COMMIT_INTERVAL: Duration = Duration::from_millis(200);

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            data: PathBuf::from("karat-data"),
            lock_wait_ms: 2_000,
            wal_segment_bytes: 64 * MIB,
            wal_group_wait_ms: 2,
            wal_group_bytes: 4 * MIB,
            body_bytes_max: 64 * MIB,
            ingest_bytes_max: 512_000_000,
            decode_threads: 0,
            dedup_window_s: 900,
            dedup_entries_max: 1_000_000,
            quarantine_bytes_max: 1024 * 1024 * 1024,
            flush_interval_ms: 5_000,
            flush_bytes: 32 * MIB,
            commits_per_second: 20,
            row_group_bytes: 128 * MIB,
            durability: Durability::Wal,
            commit_wait_ms: 30_000,
            root: String::new(),
            compact_files: 16,
            compact_small_bytes: 16 * 1024 * 1024,
            compact_bytes: 32 * 1024 * 1024,
            compact_bytes_per_second: 64 * 1024 * 1024,
            compact_zstd_level: 3,
            retention: Vec::new(),
            checkpoint_commits: 100,
            log_retention_hours: 6,
            deleted_file_retention_hours: 2,
            bloom_bytes_max: 256 * MIB,
            follow_ms: 1_000,
            query: QueryConfig::default(),
        }
    }
}

/// What the process takes without a load: code, threads, price tables, buffers of sockets, and memory that the allocator has not given back.
const PROCESS_BYTES: usize = 200_000_000;
/// Bytes that joining files takes at its height, a byte of `compact_bytes`: each column has a compressor and a decompressor of its own.
const JOINING_BYTES: u64 = 2;
/// Smaller row groups than this are never made: each costs its pages.
const GROUP_BYTES_MIN: usize = 64 * 1024;
/// Bytes that writing a file takes at its height, a byte of rows: slices in order, and pages until their row group is whole.
const WRITING_BYTES: usize = 3;

impl StoreConfig {
    /// Returns the oldest age of rows that are not committed.
    pub(crate) fn commit_interval(&self) -> Duration {
        let interval = Duration::from_millis(self.flush_interval_ms);
        match self.durability {
            Durability::Wal => interval,
            Durability::Commit => interval.min(COMMIT_INTERVAL),
        }
    }

    /// Returns how long to wait between two looks at other nodes' commits.
    pub(crate) fn follow_interval(&self) -> Duration {
        Duration::from_millis(self.follow_ms.max(50))
    }

    /// Returns after what time a commit counts as slow: somebody is told, and requests that do not fit into memory wait longer.
    pub(crate) fn slow_commit(&self) -> Duration {
        (self.commit_interval() * 2).clamp(Duration::from_secs(2), Duration::from_secs(30))
    }

    /// Returns after what time commits that hang or fail are reason enough to ask another node.
    pub(crate) fn stuck_commit(&self) -> Duration {
        (self.commit_interval() * 10).clamp(Duration::from_secs(5), Duration::from_secs(120))
    }

    /// Returns the memory that is not for requests and rows: the process itself, the writing of files, and their joining.
    pub fn overhead_bytes(&self) -> usize {
        let joining = usize::try_from(self.compact_bytes.saturating_mul(JOINING_BYTES)).unwrap_or(usize::MAX);
        PROCESS_BYTES.saturating_add(self.flush_bytes.saturating_mul(WRITING_BYTES)).saturating_add(joining)
    }

    /// Returns the largest row group of a file that joins others: it is in memory until it is whole.
    pub(crate) fn joined_group_bytes(&self) -> usize {
        let share = usize::try_from(self.compact_bytes / 4).unwrap_or(usize::MAX);
        self.row_group_bytes.min(share.max(GROUP_BYTES_MIN))
    }

    /// Returns the memory for requests and rows.
    pub fn admitted_bytes(&self) -> usize {
        self.ingest_bytes_max.saturating_sub(self.overhead_bytes())
    }

    /// Refuses settings under which the store could not work.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let at_least = |setting, value: usize, least: usize| match value < least {
            true => Err(Error::Setting { setting, value: value as u64, reason: "it is too small to work with" }),
            false => Ok(()),
        };
        at_least("wal_segment_bytes", self.wal_segment_bytes, 4096)?;
        at_least("wal_group_bytes", self.wal_group_bytes, 1)?;
        at_least("body_bytes_max", self.body_bytes_max, 1)?;
        at_least("compact_files", self.compact_files, 2)?;
        at_least("row_group_bytes", self.row_group_bytes, 4096)?;
        if !(1..=22).contains(&self.compact_zstd_level) {
            let value = u64::try_from(self.compact_zstd_level).unwrap_or_default();
            return Err(Error::Setting { setting: "compact_zstd_level", value, reason: "zstd knows the levels 1 to 22" });
        }
        self.retention.iter().try_for_each(RetentionRule::check)?;
        // Or the largest body would be asked to come back for ever.
        at_least("ingest_bytes_max", self.ingest_bytes_max, self.overhead_bytes().saturating_add(self.body_bytes_max))?;
        if u32::try_from(self.body_bytes_max).is_err() {
            let value = self.body_bytes_max as u64;
            return Err(Error::Setting { setting: "body_bytes_max", value, reason: "the log takes bodies below 4 GiB" });
        }
        Ok(())
    }
}
