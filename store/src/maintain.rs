//! Keeping tables quick to open: small files become one, logs get checkpoints, replaced files go.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use schema::Day;

use crate::datafile::{FileWriter, Written};
use crate::delta::{Commit, DeltaLog, Operation, Rows, add, checkpoint, remove};
use crate::disk;
use crate::error::Error;
use crate::fail::FailPoint;
use crate::snapshot::{Bloom, DataFile};
use crate::store::Inner;
use crate::table_state::{Change, TableState};
use crate::writer::take_in;

/// How often the tables are looked at.
const TICK: Duration = Duration::from_secs(2);
/// A file joins smaller ones only if it is not much larger than all of them, so that each row is written again a few times at most.
const STEP_BYTES: u64 = 64 * 1024;
/// While much comes in, so many times as many small files are left to lie: the CPU is wanted elsewhere.
const PATIENCE: usize = 16;
/// Rows that are read at once.
const SLICE: usize = 8 * 1024;

/// Looks after the tables until the store stops.
pub(crate) async fn run(inner: Arc<Inner>) {
    warm(&inner).await;
    loop {
        tokio::select! {
            () = inner.stop.cancelled() => return,
            () = tokio::time::sleep(TICK) => {}
        }
        for state in inner.tables.all() {
            if inner.stop.is_cancelled() {
                return;
            }
            if let Err(error) = look_after(&inner, &state).await {
                let (tenant, table) = (state.tenant.as_str(), state.table.name());
                tracing::warn!(%error, tenant, table, "could not tidy a table; it is tried again");
            }
        }
    }
}

/// Joins small files, writes a checkpoint and deletes replaced files, each where it is time for it.
pub(crate) async fn look_after(inner: &Arc<Inner>, state: &Arc<TableState>) -> Result<(), Error> {
    let _tidying = state.tidying.lock().await;
    let busy = inner.tables.held_bytes() > inner.config.flush_bytes / 4;
    let at_least = inner.config.compact_files * if busy { PATIENCE } else { 1 };
    while let Some((date, files)) = pick(&state.files(), at_least, inner.config.compact_small_bytes)
        && !inner.stop.is_cancelled()
    {
        let (inner, state) = (Arc::clone(inner), Arc::clone(state));
        let joined = tokio::task::spawn_blocking(move || join(&inner, &state, date, &files)).await;
        if !joined.map_err(|error| Error::Task(error.to_string()))?? {
            break;
        }
    }
    if state.log.lock().await.since_checkpoint >= inner.config.checkpoint_commits.max(1) {
        let (root, fail) = (state.root.clone(), inner.fail.clone());
        let runtime = tokio::runtime::Handle::current();
        let made = tokio::task::spawn_blocking(move || runtime.block_on(checkpoint(&root, &fail))).await;
        made.map_err(|error| Error::Task(error.to_string()))??;
        state.log.lock().await.since_checkpoint = 0;
    }
    let retention_ms = i64::try_from(inner.config.deleted_file_retention_hours.saturating_mul(3_600_000)).unwrap_or(i64::MAX);
    let before_ms = ((inner.clock)().0 / 1_000).saturating_sub(retention_ms);
    delete_replaced(state, &mut *state.log.lock().await, before_ms)
}

/// Picks files of one day that should be one file: the smallest, as many as are of a size.
fn pick(files: &[Arc<DataFile>], at_least: usize, small_bytes: u64) -> Option<(Day, Vec<Arc<DataFile>>)> {
    let mut days: BTreeMap<Day, Vec<&Arc<DataFile>>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.bytes < small_bytes && DeltaLog::is_ours(&file.path)) {
        days.entry(file.date).or_default().push(file);
    }
    days.into_iter().rev().find_map(|(date, mut files)| {
        files.sort_by_key(|file| file.bytes);
        let runs = (0..files.len()).map(|start| of_a_size(&files[start..]));
        let picked = runs.take_while(|run| !run.is_empty()).find(|run| run.len() >= at_least)?;
        Some((date, picked.iter().map(|file| Arc::clone(file)).collect()))
    })
}

/// Returns the first of files in the order of their sizes, up to one that is much larger than all before it.
fn of_a_size<'a, 'b>(files: &'a [&'b Arc<DataFile>]) -> &'a [&'b Arc<DataFile>] {
    let mut sum = 0;
    let fits = files.iter().take_while(|file| {
        let fits = sum == 0 || file.bytes <= 2 * sum + STEP_BYTES;
        sum += file.bytes;
        fits
    });
    &files[..fits.count()]
}

/// Makes one file of several; `false` where another program took one of them away meanwhile. Blocks.
fn join(inner: &Inner, state: &TableState, date: Day, files: &[Arc<DataFile>]) -> Result<bool, Error> {
    let name = {
        let mut log = state.log.blocking_lock();
        take_in(inner, state, &mut log)?;
        log.file_of_compaction()
    };
    let (files, batches) = read(state, files, inner.config.compact_bytes)?;
    let writer = FileWriter { table: state.table, root: &state.root, name: &name, config: &inner.config, blooms: &inner.blooms };
    let written = writer.write_one(date, &batches)?;
    inner.fail.reach(FailPoint::CompactionWritten)?;
    drop(batches);
    let path = state.root.join(&written.file.path);
    let swapped = swap(inner, state, &files, written)?;
    if !swapped {
        disk::remove(&path)?;
    }
    Ok(swapped)
}

/// Reads files until they take so many bytes in memory.
fn read(state: &TableState, files: &[Arc<DataFile>], bytes_max: u64) -> Result<(Vec<Arc<DataFile>>, Vec<RecordBatch>), Error> {
    let (mut taken, mut batches, mut bytes) = (Vec::new(), Vec::new(), 0);
    for file in files {
        let path = state.root.join(&file.path);
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).map_err(|source| Error::io("open", &path, source))?)?;
        let size: i64 = reader.metadata().row_groups().iter().map(|group| group.total_byte_size()).sum();
        bytes += u64::try_from(size).unwrap_or_default();
        if bytes > bytes_max && taken.len() > 1 {
            break;
        }
        let rows: ParquetRecordBatchReader = reader.with_batch_size(SLICE).build()?;
        batches.extend(rows.collect::<Result<Vec<_>, _>>()?);
        taken.push(Arc::clone(file));
    }
    Ok((taken, batches))
}

fn swap(inner: &Inner, state: &TableState, files: &[Arc<DataFile>], written: Written) -> Result<bool, Error> {
    let now = (inner.clock)();
    let mut actions: Vec<_> = files.iter().map(|file| remove(file, now)).collect();
    actions.push(add(state.table, &written.file, &written.footer, Rows::Stay, now));
    let mut log = state.log.blocking_lock();
    take_in(inner, state, &mut log)?;
    loop {
        let live = state.files();
        if !files.iter().all(|file| live.iter().any(|live| live.path == file.path)) {
            return Ok(false);
        }
        match log.commit(Operation::Compact, &actions, None, &inner.config, now)? {
            Commit::Done => break,
            Commit::Raced(change) => state.apply(&change, now),
        }
    }
    let removed: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
    log.replaced.extend(removed.iter().map(|path| (path.clone(), now.0 / 1_000)));
    tracing::debug!(
        tenant = state.tenant.as_str(),
        table = state.table.name(),
        n_files = files.len(),
        n_rows = written.file.rows,
        "joined small files"
    );
    state.apply(&Change { added: vec![Arc::new(written.file)], removed, through: None }, now);
    Ok(true)
}

/// Deletes files that were replaced before a time; a reader that began after it does not know of them.
fn delete_replaced(state: &TableState, log: &mut DeltaLog, before_ms: i64) -> Result<(), Error> {
    let files = state.files();
    while let Some((path, _)) = log.replaced.first().filter(|(_, at_ms)| *at_ms < before_ms) {
        // Another program can bring a file back, by restoring an earlier version of the table.
        if !files.iter().any(|file| file.path == *path) {
            disk::remove(&state.root.join(path))?;
        }
        log.replaced.remove(0);
    }
    Ok(())
}

/// Reads the filters over trace ids of the files that were there at the start, newest first.
async fn warm(inner: &Arc<Inner>) {
    let inner = Arc::clone(inner);
    let warmed = tokio::task::spawn_blocking(move || {
        let all = inner
            .tables
            .all()
            .into_iter()
            .flat_map(|state| state.files().iter().map(|file| (Arc::clone(&state), Arc::clone(file))).collect::<Vec<_>>());
        let mut files: Vec<_> =
            all.filter(|(state, file)| file.ids.is_none() && state.table.columns().iter().any(|column| column.name == Bloom::COLUMN)).collect();
        files.sort_by_key(|(_, file)| std::cmp::Reverse(file.time_max));
        for (state, file) in files {
            if inner.stop.is_cancelled() {
                return Ok(());
            }
            let Some(ids) = Bloom::read(&state.root.join(&file.path), &inner.blooms)? else { continue };
            state.refine(DataFile { ids: Some(Arc::new(ids)), ..file.as_ref().clone() });
        }
        Ok::<(), Error>(())
    });
    match warmed.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "could not read the filters over trace ids; looking up a trace opens more files"),
        Err(error) => tracing::error!(%error, "the task that reads filters over trace ids died"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(sizes: &[u64]) -> Vec<Arc<DataFile>> {
        let file = |(n, bytes): (usize, &u64)| {
            let path = format!("date=2100-01-01/wal-{n}.parquet");
            Arc::new(DataFile { path, bytes: *bytes, rows: 1, date: Day(0), time_min: None, time_max: None, ids: None })
        };
        sizes.iter().enumerate().map(file).collect()
    }

    #[track_caller]
    fn check(sizes: &[u64], expected: &[u64]) {
        let picked = pick(&files(sizes), 4, 16_000_000).map(|(_, files)| files.iter().map(|file| file.bytes).collect::<Vec<_>>());
        assert_eq!(picked.unwrap_or_default(), expected);
    }

    #[test]
    fn files_of_a_size_are_joined() {
        check(&[1_000; 3], &[]);
        check(&[1_000; 4], &[1_000; 4]);
        check(&[4_000_000; 5], &[4_000_000; 5]);
    }

    /// Or each new file of a kilobyte would have all of the day written again.
    #[test]
    fn a_large_file_waits_for_its_like() {
        check(&[9_000_000, 1_000, 1_000, 1_000, 1_000], &[1_000; 4]);
        check(&[9_000_000, 1_000, 1_000, 1_000], &[]);
    }

    #[test]
    fn one_small_file_does_not_keep_the_others_apart() {
        check(&[10, 4_000_000, 4_000_000, 4_000_000, 4_000_000], &[4_000_000; 4]);
    }

    #[test]
    fn large_files_and_those_of_other_programs_are_left_alone() {
        check(&[16_000_000; 9], &[]);
        let theirs: Vec<_> = files(&[1_000; 9])
            .iter()
            .map(|file| Arc::new(DataFile { path: "date=2100-01-01/part-0.parquet".to_owned(), ..file.as_ref().clone() }))
            .collect();
        assert!(pick(&theirs, 4, 16_000_000).is_none());
    }
}
