//! The log of one Delta table on disk: creating it, committing to it, reading it again.
//!
//! Commits are written by ourselves, because a commit through delta-rs reads the whole file list again, and because the local
//! object store never syncs. What is written is the open protocol (reader 1, writer 2): any Delta reader and writer may come
//! along, and a commit of another program that is met here is taken in.

mod action;
mod create;
mod load;
mod streams;

use std::collections::BTreeMap;
use std::path::Path;

use deltalake_core::kernel::{Action, Transaction};
use schema::{Micros, Table};
use serde_json::{Value, json};

pub(crate) use action::{Rows, add, int_bounds, remove};
pub(crate) use load::checkpoint;

use crate::change::Change;
use crate::config::StoreConfig;
use crate::error::Error;
use crate::fail::Fail;
use crate::place::Place;

/// What a commit of ours is called in the table's history.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operation {
    /// Rows came.
    Append,
    /// Small files became one.
    Compact,
    /// Rows went.
    Delete,
}

/// The log of one table, as far as it was read or written.
#[derive(Debug)]
pub(crate) struct DeltaLog {
    place: Place,
    table: Table,
    app_id: String,
    file_prefix: String,
    fail: Fail,
    /// The last version that was read or written; nothing while the table does not exist.
    version: Option<u64>,
    /// Id of a table that lacks columns which this karat knows; the next commit adds them.
    outdated: Option<String>,
    /// Commits since the last checkpoint.
    pub since_checkpoint: u64,
    /// How far the table has come in each stream; nothing where the table was there before and this was not read yet.
    streams: Option<BTreeMap<String, u64>>,
    /// Files that were replaced, and when, in milliseconds since 1970; oldest first. They are deleted some hours later.
    pub replaced: Vec<(String, i64)>,
}

/// The positions that a table has reached: every row of every record up to there is in its files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reached {
    /// In the log of this node.
    pub log: Option<u64>,
    /// In streams, by their names; one more than the offset of the last record.
    pub streams: BTreeMap<String, u64>,
}

impl Reached {
    /// Tells whether no position is named.
    pub(crate) fn is_empty(&self) -> bool {
        self.log.is_none() && self.streams.is_empty()
    }

    /// Takes in what was reached later.
    pub(crate) fn then(&mut self, later: Reached) {
        self.log = later.log.or(self.log);
        self.streams.extend(later.streams);
    }
}

/// Figures of a table's log, for people.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LogFigures {
    pub version: u64,
    pub since_checkpoint: u64,
    pub replaced_files: usize,
}

/// What became of a commit.
#[derive(Debug)]
pub(crate) enum Commit {
    /// It is durable.
    Done,
    /// Another program came first with this; take it in, look again and repeat.
    Raced(Change),
}

impl DeltaLog {
    /// Names a table's log; nothing is read yet.
    pub(crate) fn new(place: Place, table: Table, app_id: String, file_prefix: String, fail: Fail) -> DeltaLog {
        DeltaLog {
            place,
            table,
            app_id,
            file_prefix,
            fail,
            version: None,
            outdated: None,
            since_checkpoint: 0,
            streams: Some(BTreeMap::new()),
            replaced: Vec::new(),
        }
    }

    /// Tells whether the table was found, so that only later commits are still to be read.
    pub(crate) fn is_read(&self) -> bool {
        self.version.is_some()
    }

    /// Returns where the table's files are.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Returns what there is to count in the log.
    pub(crate) fn figures(&self) -> LogFigures {
        LogFigures { version: self.version.unwrap_or_default(), since_checkpoint: self.since_checkpoint, replaced_files: self.replaced.len() }
    }

    /// Returns the name of the file of a partition that begins behind position `from`: the same after a crash, so that what a
    /// crashed attempt left is overwritten.
    pub(crate) fn file_of_rows(&self, from: u64) -> String {
        format!("wal-{}-{:020}.parquet", self.file_prefix, from + 1)
    }

    /// Returns the name of the file of a partition whose rows came from streams alone; a version of the table is written once.
    pub(crate) fn file_of_streams(&self) -> String {
        format!("stream-{}-{:020}.parquet", self.file_prefix, self.version.map_or(0, |version| version + 1))
    }

    /// Returns the name of the file that a compaction which looked at this version writes.
    pub(crate) fn file_of_compaction(&self) -> String {
        format!("merged-{}-{:020}.parquet", self.file_prefix, self.version.unwrap_or_default())
    }

    /// Tells whether a data file bears a name of ours, of this log or an earlier one.
    pub(crate) fn is_ours(path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        ["wal-", "stream-", "merged-"].iter().any(|ours| name.starts_with(ours)) && name.ends_with(".parquet")
    }

    /// Tells whether a file holds rows of earlier files and no others, by its name.
    pub(crate) fn is_joined(path: &str) -> bool {
        Self::is_ours(path) && path.rsplit('/').next().unwrap_or(path).starts_with("merged-")
    }

    /// Tells whether a file that no commit names is left over from this writer, or from one that was here before it.
    ///
    /// In a table that other nodes write to, it may be theirs, and about to be committed.
    pub(crate) fn may_sweep(&self, path: &str) -> bool {
        Self::is_ours(path) && (!self.place.is_shared() || path.contains(&format!("-{}-", self.file_prefix)))
    }

    /// Makes the table, unless it is there, and room for its new files. Returns what is in it where another node has made it meanwhile.
    pub(crate) fn create(&mut self, data: &Path, config: &StoreConfig, now: Micros) -> Result<Change, Error> {
        self.place.prepare(data)?;
        if self.version.is_some() {
            return Ok(Change::default());
        }
        let id = uuid::Uuid::new_v4().to_string();
        let lines = [info("CREATE TABLE", now), create::protocol(), create::metadata(self.table, &id, config, now)];
        if self.place.put_commit(0, &lines.map(|line| line.to_string()).join("\n"), &self.fail)? {
            self.version = Some(0);
            return Ok(Change::default());
        }
        self.catch_up()
    }

    /// Reads the commits that are there and were not read: another program's, or one of ours whose success was in doubt.
    pub(crate) fn catch_up(&mut self) -> Result<Change, Error> {
        let mut change = Change::default();
        loop {
            let next = self.version.map_or(0, |version| version + 1);
            let Some(text) = self.place.read_commit(next)? else { return Ok(change) };
            let found = action::read_commit(&self.place, self.table, &text, &self.app_id)?;
            if self.version.is_some() && found.changes_table && !found.ours {
                return Err(self.error("another program changed its columns or protocol; restart karat"));
            }
            let at_ms = found.at_ms.unwrap_or(i64::MAX);
            self.replaced.extend(found.change.removed.iter().map(|path| (path.clone(), at_ms)));
            self.note(&found.change.reached);
            change.then(found.change);
            self.version = Some(next);
            self.since_checkpoint += 1;
        }
    }

    /// Commits actions as the next version, and with them the positions that the table has reached. Blocks.
    ///
    /// After an error the commit may be there or not; [`DeltaLog::catch_up`] tells.
    pub(crate) fn commit(
        &mut self,
        operation: Operation,
        actions: &[Action],
        reached: &Reached,
        config: &StoreConfig,
        now: Micros,
    ) -> Result<Commit, Error> {
        let Some(version) = self.version else { return Err(self.error("it is not there yet")) };
        let mut lines = vec![info(operation.name(), now).to_string()];
        if !reached.is_empty()
            && let Some(id) = &self.outdated
        {
            lines.push(create::metadata(self.table, id, config, now).to_string());
        }
        let log = reached.log.map(|through| (&self.app_id, through));
        // A stream begins at offset 0, our log at position 1.
        let streams = reached.streams.iter().map(|(name, position)| (name, position - 1));
        for (app_id, through) in log.into_iter().chain(streams) {
            let through = i64::try_from(through).map_err(|_| self.error("the position in the log is too large"))?;
            lines.push(self.line(&Action::Txn(Transaction::new_with_last_update(app_id, through, Some(now.0 / 1_000))))?);
        }
        for action in actions {
            lines.push(self.line(action)?);
        }
        if !self.place.put_commit(version + 1, &lines.join("\n"), &self.fail)? {
            return Ok(Commit::Raced(self.catch_up()?));
        }
        self.version = Some(version + 1);
        if !reached.is_empty() {
            self.outdated = None;
        }
        self.note(reached);
        self.since_checkpoint += 1;
        Ok(Commit::Done)
    }

    fn note(&mut self, reached: &Reached) {
        if let Some(streams) = &mut self.streams {
            streams.extend(reached.streams.clone());
        }
    }

    fn line(&self, action: &Action) -> Result<String, Error> {
        serde_json::to_string(action).map_err(|error| self.error(&error.to_string()))
    }

    fn error(&self, reason: &str) -> Error {
        bad(self.place.dir(), reason)
    }
}

fn bad(root: &Path, reason: &str) -> Error {
    Error::Table { path: root.to_owned(), reason: reason.to_owned() }
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Operation::Append => "WRITE",
            Operation::Compact => "OPTIMIZE",
            Operation::Delete => "DELETE",
        }
    }
}

fn info(operation: &str, now: Micros) -> Value {
    let parameters = match operation {
        "WRITE" => json!({"mode": "Append", "partitionBy": "[\"date\"]"}),
        _ => json!({}),
    };
    json!({"commitInfo": {
        "timestamp": now.0 / 1_000,
        "operation": operation,
        "operationParameters": parameters,
        "isBlindAppend": operation == "WRITE",
        "engineInfo": concat!("karat/", env!("CARGO_PKG_VERSION")),
    }})
}
