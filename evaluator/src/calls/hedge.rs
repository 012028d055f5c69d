//! When a straggler is asked a second time.

use std::time::Duration;

/// Answering times that are remembered, and needed before anything is called late.
const REMEMBERED: usize = 256;
const NEEDED: usize = 50;
/// Share of the calls that may be asked twice, and calls that may be in any case.
const HEDGED_MAX: f64 = 0.02;
const HEDGED_FREE: f64 = 2.0;
/// A call is late at so many times the median at the earliest: where all calls take the same time the quantile is no lateness.
const LATE_MIN: f64 = 3.0;

/// The answering times of an endpoint.
#[derive(Debug)]
pub(crate) struct Latencies {
    quantile: f64,
    times: Vec<Duration>,
    n_calls: usize,
    n_hedged: usize,
}

impl Latencies {
    pub(crate) fn new(quantile: f64) -> Self {
        Self { quantile, times: Vec::with_capacity(REMEMBERED), n_calls: 0, n_hedged: 0 }
    }

    pub(crate) fn add(&mut self, time: Duration) {
        if self.times.len() < REMEMBERED {
            self.times.push(time);
        } else {
            self.times[self.n_calls % REMEMBERED] = time;
        }
        self.n_calls += 1;
    }

    /// From when on a call is late; nothing while too little is known.
    pub(crate) fn late_after(&self) -> Option<Duration> {
        if !(0.0..1.0).contains(&self.quantile) || self.quantile == 0.0 || self.times.len() < NEEDED {
            return None;
        }
        let mut times = self.times.clone();
        #[expect(clippy::cast_possible_truncation, reason = "a share of at most 256")]
        let rank = (self.quantile * (times.len() - 1) as f64).ceil() as usize;
        let quantile = *times.select_nth_unstable(rank).1;
        let middle = times.len() / 2;
        let median = *times.select_nth_unstable(middle).1;
        Some(quantile.max(median.mul_f64(LATE_MIN)))
    }

    /// Whether one more call may be asked twice; it counts as if it was.
    pub(crate) fn may_hedge(&mut self) -> bool {
        let may = (self.n_hedged as f64) < HEDGED_FREE + HEDGED_MAX * self.n_calls as f64;
        self.n_hedged += usize::from(may);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_is_beyond_the_quantile_of_what_was_seen() {
        let mut latencies = Latencies::new(0.9);
        for ms in 0..49 {
            latencies.add(Duration::from_millis(ms / 10));
        }
        assert_eq!(latencies.late_after(), None);
        for ms in 49..101 {
            latencies.add(Duration::from_millis(if ms < 85 { ms / 10 } else { ms }));
        }
        assert_eq!(latencies.late_after(), Some(Duration::from_millis(90)));
        // A slower time of the day is learned, and three times the usual is late.
        for _ in 0..REMEMBERED {
            latencies.add(Duration::from_millis(500));
        }
        assert_eq!(latencies.late_after(), Some(Duration::from_millis(1_500)));
        assert_eq!(Latencies::new(0.0).late_after(), None);
    }

    #[test]
    fn two_in_a_hundred_are_asked_twice() {
        let mut latencies = Latencies::new(0.9);
        for _ in 0..1_000 {
            latencies.add(Duration::from_millis(5));
        }
        assert_eq!((0..100).filter(|_| latencies.may_hedge()).count(), 22);
    }
}
