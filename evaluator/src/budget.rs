//! What a run may still take.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use schema::NanoUsd;

use crate::suite::Suite;

/// How much a run may still take.
pub(crate) struct Budget {
    begun: Instant,
    time: Option<Duration>,
    nanousd: Option<i64>,
    spent: AtomicI64,
    refused: AtomicBool,
}

impl Budget {
    /// Starts the clock.
    pub(crate) fn of(suite: &Suite, begun: Instant) -> Self {
        let time = suite.budget.and_then(|budget| budget.minutes).and_then(|minutes| Duration::try_from_secs_f64(60.0 * minutes).ok());
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and no budget is 9 billion dollars")]
        let nanousd = suite.budget.and_then(|budget| budget.usd).map(|usd| (usd * 1e9).round() as i64);
        Self { begun, time, nanousd, spent: AtomicI64::new(0), refused: AtomicBool::new(false) }
    }

    /// Counts what was spent.
    pub(crate) fn spend(&self, cost: NanoUsd) {
        self.spent.fetch_add(cost.0, Ordering::Relaxed);
    }

    /// Whether the next call would go beyond the budget; the run remembers that it was asked in vain.
    pub(crate) fn is_spent(&self) -> bool {
        let late = self.time.is_some_and(|time| self.begun.elapsed() >= time);
        let dear = self.nanousd.is_some_and(|limit| self.spent.load(Ordering::Relaxed) >= limit);
        if late || dear {
            self.refused.store(true, Ordering::Relaxed);
        }
        late || dear
    }

    /// Whether a call was refused because the budget was spent.
    pub(crate) fn was_spent(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }
}
