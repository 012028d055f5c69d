//! What a run may still take.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use schema::{Day, NanoUsd};

use crate::calls::CallsConfig;
use crate::suite::Suite;

/// How much a run may still take.
pub(crate) struct Budget {
    begun: Instant,
    time: Option<Duration>,
    nanousd: Option<i64>,
    spent: AtomicI64,
    /// Cases that are under way, and that are done.
    n_open: AtomicI64,
    n_done: AtomicI64,
    day: Option<DayBudget>,
    refused: AtomicBool,
}

/// What the runs of a day may take together.
struct DayBudget {
    nanousd: i64,
    ledger: Ledger,
}

impl Budget {
    /// Starts the clock.
    pub(crate) fn of(suite: &Suite, calls: &CallsConfig, begun: Instant, today: Day) -> Self {
        let time = suite.budget.and_then(|budget| budget.minutes).and_then(|minutes| Duration::try_from_secs_f64(60.0 * minutes).ok());
        let nanousd = suite.budget.and_then(|budget| budget.usd).map(nanousd_of);
        let day = (calls.day_usd > 0.0).then(|| DayBudget { nanousd: nanousd_of(calls.day_usd), ledger: Ledger::open(&calls.work_dir, today) });
        Self {
            begun,
            time,
            nanousd,
            spent: AtomicI64::new(0),
            n_open: AtomicI64::new(0),
            n_done: AtomicI64::new(0),
            day,
            refused: AtomicBool::new(false),
        }
    }

    /// Begins a case, if there is money for it beside what the cases under way will cost at the mean of those that are done.
    pub(crate) fn begin_case(&self) -> bool {
        let n_done = self.n_done.load(Ordering::Relaxed).max(1);
        let reserved = (self.spent.load(Ordering::Relaxed) / n_done).saturating_mul(self.n_open.load(Ordering::Relaxed));
        let begins = !self.is_beyond(reserved);
        self.n_open.fetch_add(i64::from(begins), Ordering::Relaxed);
        begins
    }

    /// Ends a case that was begun.
    pub(crate) fn end_case(&self) {
        self.n_open.fetch_sub(1, Ordering::Relaxed);
        self.n_done.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts what was spent.
    pub(crate) fn spend(&self, cost: NanoUsd) {
        self.spent.fetch_add(cost.0, Ordering::Relaxed);
        if let Some(day) = self.day.as_ref().filter(|_| cost.0 > 0) {
            day.ledger.add(cost);
        }
    }

    /// Whether the next call would go beyond the budget; the run remembers that it was asked in vain.
    pub(crate) fn is_spent(&self) -> bool {
        self.is_beyond(0)
    }

    /// Whether the budget is spent; unlike [`Budget::is_spent`] it is not remembered that anybody asked.
    pub(crate) fn has_spent(&self) -> bool {
        self.lies_beyond(0)
    }

    fn is_beyond(&self, reserved: i64) -> bool {
        let is_spent = self.lies_beyond(reserved);
        if is_spent {
            self.refused.store(true, Ordering::Relaxed);
        }
        is_spent
    }

    fn lies_beyond(&self, reserved: i64) -> bool {
        let spent = self.spent.load(Ordering::Relaxed).saturating_add(reserved);
        let late = self.time.is_some_and(|time| self.begun.elapsed() >= time);
        let dear = self.nanousd.is_some_and(|limit| spent >= limit);
        let day = self.day.as_ref().is_some_and(|day| day.ledger.before.saturating_add(spent) >= day.nanousd);
        late || dear || day
    }

    /// Whether a call was refused because the budget was spent.
    pub(crate) fn was_spent(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "saturates, and no budget is 9 billion dollars")]
fn nanousd_of(usd: f64) -> i64 {
    (usd * 1e9).round() as i64
}

/// A file with what was spent on one day, in nano-dollars, a line a case; several runs may append to it.
struct Ledger {
    /// What was spent before this run.
    before: i64,
    path: PathBuf,
    file: Mutex<Option<File>>,
}

impl Ledger {
    fn open(dir: &Path, today: Day) -> Self {
        let path = dir.join("spend").join(format!("{today}.txt"));
        let before = std::fs::read_to_string(&path).unwrap_or_default().lines().filter_map(|line| line.parse::<i64>().ok()).sum();
        Self { before, path, file: Mutex::new(None) }
    }

    fn add(&self, cost: NanoUsd) {
        let mut file = self.file.lock();
        let mut append = || -> std::io::Result<()> {
            if file.is_none() {
                std::fs::create_dir_all(self.path.parent().unwrap_or(&self.path))?;
                *file = Some(File::options().create(true).append(true).open(&self.path)?);
            }
            // One write: lines of runs that go on at once do not mix.
            file.as_mut().map_or(Ok(()), |file| file.write_all(format!("{}\n", cost.0).as_bytes()))
        };
        if let Err(error) = append() {
            tracing::warn!(path = %self.path.display(), %error, "could not note what was spent: later runs of the day will not know of it");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_is_shared_by_the_runs_of_a_day() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (Ledger::open(dir.path(), Day(20_000)), Ledger::open(dir.path(), Day(20_000)));
        first.add(NanoUsd(5));
        second.add(NanoUsd(7));
        assert_eq!((first.before, Ledger::open(dir.path(), Day(20_000)).before, Ledger::open(dir.path(), Day(20_001)).before), (0, 12, 0));
    }
}
