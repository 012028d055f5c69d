//! One table of one tenant: what is in its files, and what is still held in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use parking_lot::Mutex;
use schema::{Day, Micros, Table, Tenant};

use crate::change::Change;
use crate::delta::{DeltaLog, LogFigures, Reached};
use crate::error::Error;
use crate::feed::Feed;
use crate::held::{Chunk, Held, merge};
use crate::place::Place;
use crate::repeats::Repeats;
use crate::snapshot::{DataFile, TableSnapshot};
use crate::source::Source;
use crate::status::TableStatus;
use crate::tables::HeldBytes;

/// One table of one tenant.
pub(crate) struct TableState {
    pub tenant: Tenant,
    pub table: Table,
    pub root: PathBuf,
    /// Where its files are.
    pub place: Place,
    /// The table's log on disk; whoever holds it is the only one who commits.
    pub log: Arc<tokio::sync::Mutex<DeltaLog>>,
    /// Figures of that log, as they were when somebody last asked for them.
    log_figures: Mutex<LogFigures>,
    contents: Mutex<Contents>,
    /// Keeps the rows that are being joined from being picked for a file meanwhile.
    joining: Mutex<()>,
    /// Bytes held over all tables.
    all_held: Arc<HeldBytes>,
    retry: Mutex<Retry>,
    /// What is known of rows that were sent again.
    repeats: Arc<Repeats>,
    /// Files are joined by one at a time.
    pub tidying: tokio::sync::Mutex<()>,
}

/// When commits of a table may be tried again after they failed.
#[derive(Debug, Default)]
struct Retry {
    at: Option<Instant>,
    pause: Duration,
    /// When the first try since the last success began.
    since: Option<Instant>,
}

/// Every acked row is in exactly one of `held` and `files`: both change under one lock.
#[derive(Default)]
struct Contents {
    /// The last record of the log whose rows are in `files`; what comes from it or before is not held again.
    through: u64,
    /// Rows that came by the log.
    held: Held,
    /// Rows that came by streams, by their names.
    feeds: BTreeMap<Arc<str>, Feed>,
    files: Arc<[Arc<DataFile>]>,
    /// How often `files` was changed.
    generation: u64,
    /// The held rows as a query sees them; made when the first one asks.
    view: Option<Arc<[RecordBatch]>>,
    last_commit: Option<Micros>,
    /// Rows that were ever held.
    made_rows: u64,
    /// Rows of those that are in files.
    committed_rows: u64,
}

/// Rows that are being written to files, and the positions up to which the table is complete with them.
pub(crate) struct Sealed {
    pub batches: Vec<RecordBatch>,
    /// The last record of the log, where rows of it are here.
    pub log: Option<u64>,
    /// The streams of which rows are here, and the last position.
    pub streams: Vec<(Arc<Source>, u64)>,
}

impl Contents {
    /// Returns what came by the log and by every stream.
    fn all_held(&self) -> impl Iterator<Item = &Held> {
        std::iter::once(&self.held).chain(self.feeds.values().map(|feed| &feed.held))
    }

    fn held_bytes(&self) -> usize {
        self.all_held().map(Held::bytes).sum()
    }

    fn held_rows(&self) -> u64 {
        self.all_held().map(Held::rows).sum()
    }

    /// Finds what is held of the log, or of a stream that is still read.
    fn held_of(&mut self, source: Option<&Arc<Source>>) -> Option<&mut Held> {
        match source {
            None => Some(&mut self.held),
            Some(source) => self.feeds.get_mut(&source.id).filter(|feed| Arc::ptr_eq(&feed.source, source)).map(|feed| &mut feed.held),
        }
    }
}

impl TableState {
    /// Makes a table that has nothing.
    pub(crate) fn new(tenant: &Tenant, table: Table, log: DeltaLog, all_held: Arc<HeldBytes>, repeats: Arc<Repeats>) -> TableState {
        TableState {
            tenant: tenant.clone(),
            table,
            root: log.place().dir().to_owned(),
            place: log.place().clone(),
            log: Arc::new(tokio::sync::Mutex::new(log)),
            contents: Mutex::new(Contents::default()),
            log_figures: Mutex::default(),
            joining: Mutex::default(),
            all_held,
            repeats,
            retry: Mutex::default(),
            tidying: tokio::sync::Mutex::default(),
        }
    }

    /// Tells whether a commit may be tried now.
    pub(crate) fn may_commit(&self) -> bool {
        self.retry.lock().at.is_none_or(|at| at <= Instant::now())
    }

    /// Notes that a commit is tried.
    pub(crate) fn tries_to_commit(&self) {
        self.retry.lock().since.get_or_insert_with(Instant::now);
    }

    /// Returns since when rows wait here for a commit that is under way or fails; nothing where none is tried.
    pub(crate) fn stuck_since(&self) -> Option<Instant> {
        let tried = self.retry.lock().since?;
        let (_, waiting) = self.waiting()?;
        Some(tried.max(waiting))
    }

    /// Notes that commits work.
    pub(crate) fn committed_well(&self) {
        *self.retry.lock() = Retry::default();
    }

    /// Notes that a commit failed; returns for how long the next one waits, twice as long each time up to `pause_max`.
    pub(crate) fn failed_to_commit(&self, pause_max: Duration) -> Duration {
        let mut retry = self.retry.lock();
        retry.pause = (retry.pause * 2).clamp(Duration::from_millis(500), pause_max);
        retry.at = Some(Instant::now() + retry.pause);
        retry.pause
    }

    /// Changes what is held, and counts the bytes.
    fn change_held(&self, contents: &mut Contents, change: impl FnOnce(&mut Contents)) {
        let before = contents.held_bytes();
        change(contents);
        contents.view = None;
        self.all_held.change(before, contents.held_bytes());
    }

    /// Holds the rows of one record, unless they are in a file already. Returns how many bytes the table holds now.
    pub(crate) fn hold(&self, seq: u64, source: Option<&Arc<Source>>, batches: Vec<RecordBatch>) -> usize {
        let mut contents = self.contents.lock();
        let through = match source {
            None => Some(contents.through),
            // A table that was not there when the stream was opened has nothing of it.
            Some(source) if source.is_open() => {
                let feed = contents.feeds.entry(Arc::clone(&source.id)).or_insert_with(|| Feed::new(source, 0));
                Arc::ptr_eq(&feed.source, source).then_some(feed.through)
            }
            Some(_) => None,
        };
        if through.is_some_and(|through| seq > through) {
            contents.made_rows += batches.iter().map(|batch| batch.num_rows() as u64).sum::<u64>();
            self.change_held(&mut contents, |contents| {
                if let Some(held) = contents.held_of(source) {
                    held.insert(seq, batches);
                }
            });
        }
        contents.held_bytes()
    }

    /// Begins to hold rows of a stream that come behind position `through`.
    pub(crate) fn open_feed(&self, source: &Arc<Source>, through: u64) {
        let mut contents = self.contents.lock();
        self.change_held(&mut contents, |contents| drop(contents.feeds.insert(Arc::clone(&source.id), Feed::new(source, through))));
    }

    /// Drops what is held of a stream.
    pub(crate) fn drop_feed(&self, source: &Arc<Source>) {
        let mut contents = self.contents.lock();
        if contents.held_of(Some(source)).is_some() {
            self.change_held(&mut contents, |contents| drop(contents.feeds.remove(&source.id)));
        }
    }

    /// Returns the position of the first record of a stream whose rows are held.
    pub(crate) fn first_held_of(&self, source: &Source) -> Option<u64> {
        let contents = self.contents.lock();
        contents.feeds.get(&source.id).filter(|feed| std::ptr::eq(feed.source.as_ref(), source)).and_then(|feed| feed.held.first())
    }

    /// Joins small batches, so that a query meets few of them. Every record of the log, or of the stream, up to `watermark` is done.
    pub(crate) fn join(&self, watermark: u64, source: Option<&Arc<Source>>) -> Result<(), Error> {
        let Some(_joining) = self.joining.try_lock() else { return Ok(()) };
        loop {
            let parts: Option<Vec<Chunk>> = self.contents.lock().held_of(source).and_then(|held| held.mergeable(watermark));
            let Some(parts) = parts else { return Ok(()) };
            let Some(batch) = merge(&parts)? else { return Ok(()) };
            self.change_held(&mut self.contents.lock(), |contents| {
                if let Some(held) = contents.held_of(source) {
                    held.replace(&parts, batch);
                }
            });
        }
    }

    /// Picks rows for a file. Blocks for as long as a join takes.
    pub(crate) fn seal(&self, watermark: u64, bytes_max: usize) -> Option<Sealed> {
        let _joining = self.joining.lock();
        let mut contents = self.contents.lock();
        let mut sealed = Sealed { batches: Vec::new(), log: None, streams: Vec::new() };
        if let Some(picked) = contents.held.seal(watermark, bytes_max) {
            sealed.log = Some(picked.through);
            sealed.batches = picked.batches;
        }
        for feed in contents.feeds.values_mut() {
            let left = bytes_max.saturating_sub(sealed.batches.iter().map(RecordBatch::get_array_memory_size).sum());
            if let Some(picked) = feed.held.seal(feed.source.progress.watermark(), left) {
                sealed.streams.push((Arc::clone(&feed.source), picked.through));
                sealed.batches.extend(picked.batches);
            }
        }
        (!sealed.batches.is_empty()).then_some(sealed)
    }

    /// Gives picked rows back after a failure.
    pub(crate) fn unseal(&self) {
        let mut contents = self.contents.lock();
        contents.held.unseal();
        contents.feeds.values_mut().for_each(|feed| feed.held.unseal());
    }

    /// Returns the streams that are read here, and in which a commit of another node has moved the table.
    pub(crate) fn overtaken(&self, reached: &Reached) -> Vec<Arc<Source>> {
        let contents = self.contents.lock();
        let moved = reached.streams.iter().filter_map(|(id, position)| {
            let feed = contents.feeds.get(id.as_str())?;
            (*position > feed.through).then(|| Arc::clone(&feed.source))
        });
        moved.collect()
    }

    /// Swaps files and held rows, in one step for every reader.
    pub(crate) fn apply(&self, change: &Change, now: Micros) {
        let mut contents = self.contents.lock();
        contents.generation += 1;
        self.repeats.note(contents.generation, change, &contents.files);
        let stays = |file: &&Arc<DataFile>| !change.removed.contains(&file.path) && !change.added.iter().any(|added| added.path == file.path);
        let files: Vec<_> = contents.files.iter().filter(stays).cloned().chain(change.added.iter().cloned()).collect();
        contents.files = files.into();
        let before = contents.held_rows();
        if let Some(through) = change.reached.log.filter(|through| *through > contents.through) {
            contents.through = through;
            self.change_held(&mut contents, |contents| contents.held.release(through));
        }
        for (id, position) in &change.reached.streams {
            if contents.feeds.get(id.as_str()).is_some_and(|feed| *position > feed.through) {
                self.change_held(&mut contents, |contents| {
                    if let Some(feed) = contents.feeds.get_mut(id.as_str()) {
                        feed.release(*position);
                    }
                });
            }
        }
        contents.committed_rows += before - contents.held_rows();
        contents.last_commit = Some(now);
    }

    /// Puts in what was found on disk.
    pub(crate) fn load(&self, files: Vec<Arc<DataFile>>, through: u64) {
        let mut contents = self.contents.lock();
        contents.generation += 1;
        contents.files = files.into();
        contents.through = through;
    }

    /// Returns the committed files.
    pub(crate) fn files(&self) -> Arc<[Arc<DataFile>]> {
        Arc::clone(&self.contents.lock().files)
    }

    /// Puts a file that knows more in the place of the same file.
    pub(crate) fn refine(&self, file: DataFile) {
        let mut contents = self.contents.lock();
        if contents.files.iter().any(|known| known.path == file.path) {
            let file = Arc::new(file);
            let refined = contents.files.iter().map(|known| Arc::clone(if known.path == file.path { &file } else { known }));
            contents.files = refined.collect();
        }
    }

    /// Returns the last record whose rows are in files.
    pub(crate) fn through(&self) -> u64 {
        self.contents.lock().through
    }

    /// Returns the first record of the log whose rows are held.
    pub(crate) fn first_held(&self) -> Option<u64> {
        self.contents.lock().held.first()
    }

    /// Returns how many bytes are held, and since when the oldest waits.
    pub(crate) fn waiting(&self) -> Option<(usize, Instant)> {
        let contents = self.contents.lock();
        let since = contents.all_held().filter_map(Held::since).min();
        since.map(|since| (contents.held_bytes(), since))
    }

    /// Returns what the table holds now.
    pub(crate) fn snapshot(&self) -> TableSnapshot {
        let mut contents = self.contents.lock();
        let held = match &contents.view {
            Some(held) => Arc::clone(held),
            None => contents.all_held().flat_map(Held::batches).cloned().collect(),
        };
        contents.view = Some(Arc::clone(&held));
        TableSnapshot {
            table: self.table,
            root: self.root.clone(),
            files: Arc::clone(&contents.files),
            held,
            generation: contents.generation,
            repeats: Arc::clone(&self.repeats),
        }
    }

    /// Returns figures of the table's log; of the last time that somebody asked, where it is busy with a commit now.
    fn log_figures(&self) -> LogFigures {
        let mut last = self.log_figures.lock();
        if let Ok(log) = self.log.try_lock() {
            *last = log.figures();
        }
        *last
    }

    /// Reports sizes and times; nothing for a table without rows.
    pub(crate) fn status(&self) -> Option<TableStatus> {
        let log = self.log_figures();
        let contents = self.contents.lock();
        let mut days: BTreeMap<Day, usize> = BTreeMap::new();
        contents.files.iter().for_each(|file| *days.entry(file.date).or_default() += 1);
        let status = TableStatus {
            tenant: self.tenant.to_string(),
            table: self.table.name().to_owned(),
            held_rows: contents.held_rows(),
            held_bytes: contents.held_bytes(),
            rows: contents.files.iter().map(|file| file.rows).sum(),
            files: contents.files.len(),
            days: days.len(),
            day_files_max: days.values().copied().max().unwrap_or_default(),
            replaced_files: log.replaced_files,
            log_since_checkpoint: log.since_checkpoint,
            version: log.version,
            made_rows: contents.made_rows,
            committed_rows: contents.committed_rows,
            file_bytes: contents.files.iter().map(|file| file.bytes).sum(),
            last_commit: contents.last_commit,
        };
        (status.files > 0 || status.held_rows > 0).then_some(status)
    }
}
