//! What a run may still take.

mod ledger;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use schema::{Day, NanoUsd};
use tokio::sync::Notify;

use crate::calls::CallsConfig;
use crate::suite::Suite;

use ledger::Ledger;

/// How much a run may still take.
pub(crate) struct Budget {
    begun: Instant,
    time: Option<Duration>,
    nanousd: Option<i64>,
    day: Option<DayBudget>,
    so_far: Mutex<SoFar>,
    refused: AtomicBool,
    /// Who waits for money, waits in line: cases begin in their order.
    line: tokio::sync::Mutex<()>,
    ended: Notify,
}

/// What the runs of a day may take together.
struct DayBudget {
    nanousd: i64,
    ledger: Ledger,
}

/// What a run took so far.
#[derive(Debug, Clone, Copy, Default)]
struct SoFar {
    /// In nano-dollars.
    spent: i64,
    /// What the dearest case cost; a case that is under way may cost as much.
    dearest: i64,
    /// Cases that are under way, and that are done.
    n_open: i64,
    n_done: i64,
}

/// Whether a case may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Now,
    /// Once one that is under way has told what it costs.
    Later,
    Never,
}

/// A case that is under way; its place is free again when this is dropped.
pub(crate) struct OpenCase<'a> {
    budget: &'a Budget,
}

impl OpenCase<'_> {
    /// Ends the case and counts what it cost.
    pub(crate) fn end(self, cost: NanoUsd) {
        self.budget.spend(cost);
        let mut so_far = self.budget.so_far.lock();
        so_far.n_done += 1;
        so_far.dearest = so_far.dearest.max(cost.0);
    }
}

impl Drop for OpenCase<'_> {
    fn drop(&mut self) {
        self.budget.so_far.lock().n_open -= 1;
        self.budget.ended.notify_one();
    }
}

impl Budget {
    /// Starts the clock.
    pub(crate) fn of(suite: &Suite, calls: &CallsConfig, begun: Instant, today: Day) -> Self {
        let time = suite.budget.and_then(|budget| budget.minutes).and_then(|minutes| Duration::try_from_secs_f64(60.0 * minutes).ok());
        let nanousd = suite.budget.and_then(|budget| budget.usd).map(nanousd_of);
        Self::new(time, nanousd, calls, begun, today)
    }

    fn new(time: Option<Duration>, nanousd: Option<i64>, calls: &CallsConfig, begun: Instant, today: Day) -> Self {
        let day = (calls.day_usd > 0.0).then(|| DayBudget { nanousd: nanousd_of(calls.day_usd), ledger: Ledger::open(&calls.work_dir, today) });
        Self {
            begun,
            time,
            nanousd,
            day,
            so_far: Mutex::default(),
            refused: AtomicBool::new(false),
            line: tokio::sync::Mutex::default(),
            ended: Notify::new(),
        }
    }

    /// Begins a case as soon as there is money for it beside those that are under way; nothing where the budget is spent.
    pub(crate) async fn begin_case(&self) -> Option<OpenCase<'_>> {
        let _line = self.line.lock().await;
        loop {
            match self.take_room() {
                Room::Now => return Some(OpenCase { budget: self }),
                Room::Later => self.ended.notified().await,
                Room::Never => {
                    self.refused.store(true, Ordering::Relaxed);
                    return None;
                }
            }
        }
    }

    /// Takes the place of a case where there is room for it.
    fn take_room(&self) -> Room {
        let mut so_far = self.so_far.lock();
        let room = match self.lies_beyond(so_far.spent, 0) {
            true => Room::Never,
            false => self.room(&so_far),
        };
        so_far.n_open += i64::from(room == Room::Now);
        room
    }

    /// Each case under way reserves what the dearest so far cost. While none has cost anything, one more is let in with each that is done: nobody
    /// knows yet what they take.
    fn room(&self, so_far: &SoFar) -> Room {
        let is_limited = self.nanousd.is_some() || self.day.is_some();
        let fits = match so_far.dearest {
            _ if !is_limited || so_far.n_open == 0 => true,
            0 => so_far.n_open <= so_far.n_done,
            dearest => !self.lies_beyond(so_far.spent, dearest.saturating_mul(so_far.n_open)),
        };
        if fits { Room::Now } else { Room::Later }
    }

    /// Counts what was spent.
    pub(crate) fn spend(&self, cost: NanoUsd) {
        self.so_far.lock().spent += cost.0;
        if let Some(day) = self.day.as_ref().filter(|_| cost.0 > 0) {
            day.ledger.add(cost);
        }
    }

    /// Whether the next call would go beyond the budget; the run remembers that it was asked in vain.
    pub(crate) fn is_spent(&self) -> bool {
        let is_spent = self.has_spent();
        if is_spent {
            self.refused.store(true, Ordering::Relaxed);
        }
        is_spent
    }

    /// Whether the budget is spent; unlike [`Budget::is_spent`] it is not remembered that anybody asked.
    pub(crate) fn has_spent(&self) -> bool {
        let spent = self.so_far.lock().spent;
        self.lies_beyond(spent, 0)
    }

    fn lies_beyond(&self, spent: i64, reserved: i64) -> bool {
        let late = self.time.is_some_and(|time| self.begun.elapsed() >= time);
        let dear = self.nanousd.is_some_and(|limit| spent.saturating_add(reserved) >= limit);
        let day = self.day.as_ref().is_some_and(|day| day.ledger.total().saturating_add(reserved) >= day.nanousd);
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

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    /// Begins cases that cost so much each, 64 at once, and returns how many there were and how many were under way together.
    async fn run(budget: &Budget, cost: impl Fn(usize) -> i64) -> (usize, i64) {
        let cases = futures::stream::iter(0..1_000).map(async |case| {
            let open = budget.begin_case().await?;
            let n_open = budget.so_far.lock().n_open;
            // Long enough that all who may begin have begun.
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
            open.end(NanoUsd(cost(case)));
            Some(n_open)
        });
        let begun: Vec<i64> = cases.buffer_unordered(64).collect::<Vec<_>>().await.into_iter().flatten().collect();
        (begun.len(), begun.into_iter().max().unwrap_or(0))
    }

    fn budget(nanousd: i64) -> Budget {
        Budget::new(None, Some(nanousd), &CallsConfig::default(), Instant::now(), Day(20_000))
    }

    /// However many cases may be under way at once, they spend no more than there is.
    #[tokio::test]
    async fn a_budget_holds_while_many_cases_are_under_way() {
        let (n_begun, n_open) = run(&budget(20), |_| 2).await;
        assert_eq!(n_begun, 10);
        assert!(n_open > 1, "the first case tells what the others will cost");
        let tight = budget(20);
        let (n_begun, _) = run(&tight, |_| 3).await;
        assert!(n_begun == 7 && tight.was_spent(), "the last one begins with what is left: {n_begun}");
        let wide = budget(1_000_000);
        assert_eq!(run(&wide, |_| 2).await, (1_000, 64));
        assert!(!wide.was_spent());
    }

    /// Answers that cost nothing, such as kept ones, say nothing about what those after them will cost.
    #[tokio::test]
    async fn what_is_free_at_first_may_cost_later() {
        let late = budget(20);
        run(&late, |case| if case < 5 { 0 } else { 2 }).await;
        let spent = late.so_far.lock().spent;
        assert!((20..=20 + 2 * 5).contains(&spent), "{spent}");
        let (n_begun, n_open) = run(&budget(20), |_| 0).await;
        assert!(n_begun == 1_000 && n_open > 32, "{n_open}");
    }

    /// A case that is given up gives its place back, and nobody waits for it.
    #[tokio::test]
    async fn a_case_that_is_dropped_makes_room() {
        let budget = budget(20);
        drop(budget.begin_case().await);
        assert_eq!(budget.so_far.lock().n_open, 0);
        budget.begin_case().await.unwrap().end(NanoUsd(20));
        assert!(budget.begin_case().await.is_none());
    }

    /// What another run spends meanwhile is missing from the day's money.
    #[tokio::test]
    async fn runs_of_a_day_see_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let calls = CallsConfig { day_usd: 20e-9, work_dir: dir.path().to_owned(), ..CallsConfig::default() };
        let of_day = || Budget::new(None, None, &calls, Instant::now(), Day(20_000));
        let (first, second) = (of_day(), of_day());
        second.spend(NanoUsd(10));
        assert_eq!((run(&first, |_| 2).await.0, run(&second, |_| 2).await.0), (5, 0));
    }
}
