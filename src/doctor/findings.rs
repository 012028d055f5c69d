//! What figures of the store say about its health; pure.

use std::collections::BTreeMap;

use serde::Serialize;
use store::{Status, TableStatus};

use crate::config::Config;

/// Files of one day that a table should stay below.
const DAY_FILES_MAX: usize = 200;
/// Days of room on the disk below which somebody should act.
const DISK_DAYS_MIN: f64 = 7.0;
/// Checkpoints that a table's log may be behind.
const CHECKPOINTS_BEHIND_MAX: u64 = 3;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Note,
    /// Somebody must act.
    Bad,
}

impl Level {
    /// Returns the word that is printed.
    pub fn word(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Note => "note",
            Level::Bad => "BAD",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// What was looked at.
    pub what: &'static str,
    /// What was found, and what to do about it.
    pub text: String,
}

/// Holds acked, committed and visible against each other, and looks at whatever grows. The rows were counted between two `looks`.
pub fn examine(looks: [&Status; 2], counts: &BTreeMap<String, u64>, tenant: &str, config: &Config) -> Vec<Finding> {
    let [before, status] = looks;
    let mut findings = Vec::new();
    let mut find = |level, what, text| findings.push(Finding { level, what, text });
    for (signal, of) in &status.signals {
        let refused = of.rejected.iter().map(|(reason, n)| format!("{n} {reason}")).collect::<Vec<_>>().join(", ");
        let refused = if refused.is_empty() { "none refused".to_owned() } else { format!("refused: {refused}") };
        let text = format!("{signal}: {} received, {} acked, {} sent again, {} visible, {refused}", of.received, of.acked, of.duplicates, of.visible);
        find(Level::Ok, "records", text);
    }
    let (waiting, uncommitted) = (status.last_seq.saturating_sub(status.visible_seq), status.visible_seq.saturating_sub(status.committed_seq));
    find(Level::Ok, "acked", format!("{waiting} acked records are still being decoded, {uncommitted} are visible and not committed yet"));
    for table in status.tables.iter().filter(|table| table.tenant == tenant) {
        let visible = counts.get(&table.table).copied().unwrap_or_default();
        let earlier = before.tables.iter().find(|earlier| earlier.tenant == tenant && earlier.table == table.table);
        let (level, text) = visible_rows([earlier.unwrap_or(&TableStatus::default()), table], visible);
        find(level, "visible", text);
    }
    for table in &status.tables {
        let (level, text) = layout(table, config);
        find(level, "table", text);
    }
    let wal_max = (config.store.wal_segment_bytes as u64) * 4 + config.store.ingest_bytes_max as u64;
    let level = if status.wal_bytes > wal_max { Level::Note } else { Level::Ok };
    find(level, "log", format!("{} in {} segments wait for commits", bytes(status.wal_bytes), status.wal_segments));
    if status.quarantined > 0 {
        find(
            Level::Bad,
            "quarantine",
            format!("{} records could not be decoded; they are kept in _wal/quarantine, please report it", status.quarantined),
        );
    }
    let work = &status.maintenance;
    let at_work = work.at_work.as_deref().unwrap_or("nothing");
    let text = format!(
        "{} files joined into {}, {} checkpoints, {} files deleted, {} rows expired, {} forgotten; now at work on {at_work}",
        work.compacted_files, work.compactions, work.checkpoints, work.vacuumed_files, work.expired_rows, work.forgotten_rows
    );
    find(Level::Ok, "maintenance", text);
    if let Some(why) = &work.last_failure {
        find(Level::Note, "maintenance", format!("{} steps failed and are tried again; the last: {why}", work.failures));
    }
    let (level, text) = disk(status);
    find(level, "disk", text);
    findings
}

/// Compares what was made, what was committed, and what a query counted between two looks.
fn visible_rows(looks: [&TableStatus; 2], visible: u64) -> (Level, String) {
    let [before, table] = looks;
    let name = &table.table;
    if table.made_rows != table.committed_rows + table.held_rows {
        let text = format!(
            "{name}: {} rows were made, but {} committed and {} are held; please report it",
            table.made_rows, table.committed_rows, table.held_rows
        );
        return (Level::Bad, text);
    }
    let [earlier, kept] = looks.map(|table| table.rows + table.held_rows);
    // Rows can come and go, and be as many as before.
    let moved = (before.version, before.made_rows, earlier) != (table.version, table.made_rows, kept);
    match visible {
        visible if visible == kept => (Level::Ok, format!("{name}: {kept} rows are kept, and queries see all of them")),
        visible if (earlier..=kept).contains(&visible) => {
            (Level::Ok, format!("{name}: {earlier} and then {kept} rows are kept, queries saw {visible}"))
        }
        visible if moved => {
            (Level::Note, format!("{name}: {earlier} and then {kept} rows are kept, queries saw {visible}: rows came and went meanwhile, look again"))
        }
        visible => {
            let off = visible.abs_diff(kept);
            (Level::Bad, format!("{name}: {kept} rows are kept, queries see {visible}, which is {off} off; please report it"))
        }
    }
}

fn layout(table: &TableStatus, config: &Config) -> (Level, String) {
    let name = format!("{}/{}", table.tenant, table.table);
    let text = format!(
        "{name}: version {}, {} in {} files, {} on the fullest day, {} log entries since the checkpoint, {} replaced files wait for readers",
        table.version,
        bytes(table.file_bytes),
        table.files,
        table.day_files_max,
        table.log_since_checkpoint,
        table.replaced_files
    );
    let behind = table.log_since_checkpoint > config.store.checkpoint_commits.max(1) * CHECKPOINTS_BEHIND_MAX;
    (if table.day_files_max >= DAY_FILES_MAX || behind { Level::Note } else { Level::Ok }, text)
}

/// Estimates how long the disk lasts, from what a day of all tables takes; where they are elsewhere, only the log is on it.
fn disk(status: &Status) -> (Level, String) {
    let Some(free) = status.disk_free_bytes else { return (Level::Note, "the system does not say how much is free".to_owned()) };
    if status.remote {
        let text = format!("{} free for the log, which has {} now; the tables are in the object store", bytes(free), bytes(status.wal_bytes));
        return (Level::Ok, text);
    }
    if status.day_bytes == 0 {
        return (Level::Ok, format!("{} free, nothing kept yet", bytes(free)));
    }
    let days = free as f64 / status.day_bytes as f64;
    let level = if days < DISK_DAYS_MIN { Level::Bad } else { Level::Ok };
    (level, format!("{} free, which is {days:.0} days at {} a day so far", bytes(free), bytes(status.day_bytes)))
}

fn size(bytes: f64) -> String {
    let (mut scaled, mut unit) = (bytes, "B");
    for larger in ["KB", "MB", "GB", "TB"] {
        if scaled < 1_000.0 {
            break;
        }
        (scaled, unit) = (scaled / 1_000.0, larger);
    }
    if unit == "B" { format!("{scaled:.0} B") } else { format!("{scaled:.1} {unit}") }
}

fn bytes(bytes: u64) -> String {
    size(bytes as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: u64, version: u64) -> TableStatus {
        TableStatus { table: "spans".to_owned(), tenant: "default".to_owned(), rows, version, ..TableStatus::default() }
    }

    #[test]
    fn rows_that_are_missing_are_bad() {
        let still = |table: &TableStatus| visible_rows([table, table], 10).0;
        assert_eq!(still(&table(10, 3)), Level::Ok);
        assert_eq!(still(&table(11, 3)), Level::Bad);
        assert_eq!(still(&TableStatus { held_rows: 3, made_rows: 3, ..table(7, 3) }), Level::Ok);
        assert_eq!(still(&TableStatus { held_rows: 3, made_rows: 4, ..table(7, 3) }), Level::Bad);
    }

    /// Other nodes commit while a query node is looked at, which holds nothing and commits nothing itself.
    #[test]
    fn rows_that_came_between_two_looks_are_no_fault() {
        assert_eq!(visible_rows([&table(8, 3), &table(10, 4)], 8).0, Level::Ok);
        assert_eq!(visible_rows([&table(8, 3), &table(10, 5)], 9).0, Level::Ok);
        assert_eq!(visible_rows([&table(8, 3), &table(8, 5)], 10).0, Level::Note);
        assert_eq!(visible_rows([&table(8, 3), &table(10, 5)], 7).0, Level::Note);
    }

    #[test]
    fn the_disk_lasts_as_long_as_its_room_divided_by_a_day() {
        let status = |free| Status { disk_free_bytes: Some(free), day_bytes: 2_000_000_000, ..Status::default() };
        assert_eq!(disk(&status(20_000_000_000)), (Level::Ok, "20.0 GB free, which is 10 days at 2.0 GB a day so far".to_owned()));
        assert_eq!(disk(&status(2_000_000_000)).0, Level::Bad);
        let elsewhere = Status { remote: true, wal_bytes: 5_000_000, ..status(2_000_000_000) };
        let text = "2.0 GB free for the log, which has 5.0 MB now; the tables are in the object store";
        assert_eq!(disk(&elsewhere), (Level::Ok, text.to_owned()));
    }

    #[test]
    fn sizes_are_readable() {
        assert_eq!([12, 1_500, 2_000_000_000, 5_000_000_000_000].map(bytes), ["12 B", "1.5 KB", "2.0 GB", "5.0 TB"]);
    }
}
