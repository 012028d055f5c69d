//! How far a run is, for whoever watches it.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use schema::NanoUsd;

use crate::judge::Call;

/// Counters of a run, which may be read while it goes on.
#[derive(Debug, Default)]
pub struct Progress {
    n_jobs: AtomicUsize,
    n_done: AtomicUsize,
    n_errors: AtomicUsize,
    n_calls: AtomicUsize,
    n_cached: AtomicUsize,
    nanousd: AtomicI64,
}

impl Progress {
    pub(crate) fn begin(&self, n_jobs: usize) {
        self.n_jobs.store(n_jobs, Ordering::Relaxed);
        self.n_done.store(0, Ordering::Relaxed);
    }

    pub(crate) fn done(&self, is_error: bool, calls: &[Call], cost: NanoUsd) {
        self.n_done.fetch_add(1, Ordering::Relaxed);
        self.n_errors.fetch_add(usize::from(is_error), Ordering::Relaxed);
        self.n_calls.fetch_add(calls.len(), Ordering::Relaxed);
        self.n_cached.fetch_add(calls.iter().filter(|call| call.outcome == "cached").count(), Ordering::Relaxed);
        self.nanousd.fetch_add(cost.0, Ordering::Relaxed);
    }

    /// Writes one line for a terminal: how much is done, what went wrong, what it cost, and how long it still takes at this pace.
    pub fn line(&self, elapsed: Duration) -> String {
        let read = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        let (n_jobs, n_done) = (read(&self.n_jobs), read(&self.n_done));
        let share = if n_jobs == 0 { 0.0 } else { n_done as f64 / n_jobs as f64 };
        let mut line = format!("{} {n_done}/{n_jobs} cases", bar(share));
        if read(&self.n_errors) > 0 {
            line.push_str(&format!(", {} errors", read(&self.n_errors)));
        }
        if read(&self.n_calls) > 0 {
            line.push_str(&format!(", {} judge calls ({} kept)", read(&self.n_calls), read(&self.n_cached)));
        }
        let cost = self.nanousd.load(Ordering::Relaxed);
        if cost > 0 {
            line.push_str(&format!(", ${:.4}", cost as f64 / 1e9));
        }
        if n_done > 0 && n_done < n_jobs {
            line.push_str(&format!(", {} left", spoken(elapsed.mul_f64((1.0 - share) / share))));
        }
        line
    }
}

fn bar(share: f64) -> String {
    const WIDTH: usize = 20;
    #[expect(clippy::cast_possible_truncation, reason = "a share of twenty")]
    let full = ((share * WIDTH as f64) as usize).min(WIDTH);
    format!("[{}{}]", "=".repeat(full), " ".repeat(WIDTH - full))
}

fn spoken(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min {:02} s", seconds / 60, seconds % 60) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_is_done_and_left() {
        let progress = Progress::default();
        progress.begin(4);
        let call =
            |outcome: &str| Call { purpose: String::new(), model: String::new(), usage: crate::chat::Usage::default(), outcome: outcome.to_owned() };
        progress.done(true, &[call("ok"), call("cached")], NanoUsd(2_500_000));
        let line = progress.line(Duration::from_secs(30));
        assert_eq!(line, "[=====               ] 1/4 cases, 1 errors, 2 judge calls (1 kept), $0.0025, 1 min 30 s left");
        assert_eq!(Progress::default().line(Duration::ZERO), "[                    ] 0/0 cases");
    }
}
