//! Data files as entries of a table's log, and back.

use std::collections::HashMap;
use std::path::{Component, Path};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate};
use deltalake_core::kernel::{Action, Add, Remove};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use schema::{Day, Kind, Micros, Table};
use serde_json::{Map, Value, json};

use super::create::statistics_columns;
use super::{DeltaLog, bad, streams};
use crate::change::{Change, Kept, Swap};
use crate::error::Error;
use crate::layout::INGESTED;
use crate::place::Place;
use crate::snapshot::{Bounds, DataFile};

/// Whether a commit changes what the table holds, or only how it is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Rows come or go.
    Change,
    /// The same rows, in other files.
    Stay,
}

/// Returns the entry that adds a file; its statistics come from the Parquet footer.
pub(crate) fn add(table: Table, file: &DataFile, footer: &ParquetMetaData, rows: Rows, now: Micros) -> Action {
    Action::Add(Add {
        path: file.path.clone(),
        partition_values: partition(file.date),
        size: i64::try_from(file.bytes).unwrap_or(i64::MAX),
        modification_time: now.0 / 1_000,
        data_change: rows == Rows::Change,
        stats: Some(statistics(table, file.rows, footer).to_string()),
        ..Add::default()
    })
}

/// Returns the entry that takes a file out.
pub(crate) fn remove(file: &DataFile, rows: Rows, now: Micros) -> Action {
    Action::Remove(Remove {
        path: file.path.clone(),
        data_change: rows == Rows::Change,
        deletion_timestamp: Some(now.0 / 1_000),
        extended_file_metadata: Some(true),
        partition_values: Some(partition(file.date)),
        size: i64::try_from(file.bytes).ok(),
        ..Remove::default()
    })
}

fn partition(date: Day) -> HashMap<String, Option<String>> {
    HashMap::from([("date".to_owned(), Some(date.to_string()))])
}

fn statistics(table: Table, rows: u64, footer: &ParquetMetaData) -> Value {
    let (mut least, mut greatest, mut nulls) = (Map::new(), Map::new(), Map::new());
    for name in statistics_columns(table) {
        let Some(kind) = table.columns().iter().find(|column| column.name == *name).map(|column| column.kind) else { continue };
        let columns = || columns_of(footer, name);
        if let Some(count) = columns().map(|column| column.and_then(Statistics::null_count_opt)).sum::<Option<u64>>() {
            nulls.insert((*name).to_owned(), count.into());
        }
        let (min, max) = match kind {
            Kind::Timestamp => {
                let Bounds { min, max } = int_bounds(footer, name);
                (min.map(|micros| time(micros.div_euclid(1_000))), max.map(|micros| time(micros.saturating_add(999).div_euclid(1_000))))
            }
            Kind::Int => {
                let Bounds { min, max } = int_bounds(footer, name);
                (min.map(Value::from), max.map(Value::from))
            }
            Kind::Text => {
                let min = columns().filter_map(|column| column?.min_bytes_opt()).min();
                let max = columns().filter_map(|column| column?.max_bytes_opt()).max();
                (min.and_then(text), max.and_then(text))
            }
            Kind::Float | Kind::Bool | Kind::Date => (None, None),
        };
        for (bounds, value) in [(&mut least, min), (&mut greatest, max)] {
            value.filter(|value| !value.is_null()).and_then(|value| bounds.insert((*name).to_owned(), value));
        }
    }
    json!({"numRecords": rows, "minValues": least, "maxValues": greatest, "nullCount": nulls})
}

fn columns_of<'a>(footer: &'a ParquetMetaData, name: &str) -> impl Iterator<Item = Option<&'a Statistics>> {
    let index = footer.file_metadata().schema_descr().columns().iter().position(|column| column.name() == name);
    footer.row_groups().iter().map(move |group| group.column(index?).statistics())
}

/// Returns the least and the greatest value of a column of 64-bit integers over all row groups.
pub(crate) fn int_bounds(footer: &ParquetMetaData, name: &str) -> Bounds {
    let values = || {
        columns_of(footer, name).filter_map(|column| match column? {
            Statistics::Int64(values) => Some(values),
            _ => None,
        })
    };
    Bounds { min: values().filter_map(|v| v.min_opt().copied()).min(), max: values().filter_map(|v| v.max_opt().copied()).max() }
}

fn text(bytes: &[u8]) -> Option<Value> {
    std::str::from_utf8(bytes).ok().map(Value::from)
}

/// Readers take times of statistics as whole milliseconds; bounds are rounded outwards.
fn time(millis: i64) -> Value {
    match DateTime::from_timestamp_millis(millis) {
        Some(time) => time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string().into(),
        None => Value::Null,
    }
}

/// What one commit holds.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub change: Change,
    /// It bears a position in our own log.
    pub ours: bool,
    /// It changes columns or protocol.
    pub changes_table: bool,
    /// When it was made, in milliseconds since 1970, if it says.
    pub at_ms: Option<i64>,
}

/// Reads a commit, of whatever program.
pub(super) fn read_commit(place: &Place, table: Table, text: &str, app_id: &str) -> Result<Found, Error> {
    let mut found = Found::default();
    let mut brings_rows = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match serde_json::from_str::<Action>(line).map_err(|error| bad(place.dir(), &format!("a commit cannot be read: {error}")))? {
            Action::Add(add) => {
                if add.deletion_vector.is_some() {
                    return Err(bad(place.dir(), "it has deletion vectors, which karat does not read"));
                }
                let date = add.partition_values.get("date").and_then(Option::as_deref);
                brings_rows.extend(add.data_change.then(|| add.path.clone()));
                found.change.added.push(Arc::new(data_file(place, table, add.path, add.size, date, add.stats.as_deref())?));
            }
            Action::Remove(remove) => {
                found.at_ms = found.at_ms.max(remove.deletion_timestamp);
                found.change.removed.push(remove.path);
            }
            Action::Txn(transaction) if transaction.app_id == app_id => {
                found.ours = true;
                found.change.reached.log = u64::try_from(transaction.version).ok();
            }
            Action::Txn(transaction) => {
                // The log of another node, or a stream: the version is the last record that the table has.
                found.change.reached.streams.extend(streams::position_of(&transaction).map(|position| (transaction.app_id, position)));
            }
            Action::CommitInfo(info) => found.at_ms = found.at_ms.max(info.timestamp),
            Action::Metadata(_) | Action::Protocol(_) => found.changes_table = true,
            Action::Cdc(_) | Action::DomainMetadata(_) => {}
        }
    }
    found.change.swaps.extend(swap_of(&found.change, &brings_rows));
    Ok(found)
}

/// Tells what became of the rows of files that a commit takes away; it says itself which of the new files are not just the same rows.
fn swap_of(change: &Change, brings_rows: &[String]) -> Option<Swap> {
    let rows = match change.added.is_empty() {
        false if brings_rows.is_empty() => Kept::All,
        _ if brings_rows.iter().all(|path| DeltaLog::is_joined(path)) => Kept::Some,
        _ => Kept::Unknown,
    };
    let added = change.added.iter().map(|file| file.path.clone()).collect();
    (!change.removed.is_empty()).then(|| Swap { removed: change.removed.clone(), added, rows })
}

/// Describes a data file by its entry in the log; what the entry does not tell is read from the file.
pub(super) fn data_file(place: &Place, table: Table, path: String, bytes: i64, date: Option<&str>, stats: Option<&str>) -> Result<DataFile, Error> {
    if !Path::new(&path).components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(bad(place.dir(), &format!("the file {path:?} lies outside of it, which karat does not follow")));
    }
    let date = date.and_then(|date| date.parse::<NaiveDate>().ok()).map(day).unwrap_or_default();
    let stats: Value = stats.and_then(|stats| serde_json::from_str(stats).ok()).unwrap_or_default();
    let bound = |key: &str, column: &str| {
        let text = stats.get(key)?.get(column)?.as_str()?;
        DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_micros())
    };
    let bounds = |column| Bounds { min: bound("minValues", column), max: bound("maxValues", column).map(|micros| micros.saturating_add(999)) };
    let mut file = DataFile {
        bytes: u64::try_from(bytes).unwrap_or_default(),
        rows: 0,
        date,
        time: bounds(table.time_column()),
        ingested: bounds(INGESTED),
        ids: None,
        path,
    };
    match stats.get("numRecords").and_then(Value::as_u64) {
        Some(rows) => file.rows = rows,
        None => {
            let footer = place.footer(&file.path)?;
            file.rows = u64::try_from(footer.file_metadata().num_rows()).unwrap_or_default();
            (file.time, file.ingested) = (int_bounds(&footer, table.time_column()), int_bounds(&footer, INGESTED));
        }
    }
    Ok(file)
}

fn day(date: NaiveDate) -> Day {
    Micros(date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros()).day()
}
