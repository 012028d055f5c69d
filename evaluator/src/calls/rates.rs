//! Token buckets: requests and tokens a minute.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::calls::CallsConfig;

/// What an endpoint may be sent in a minute; without limits nothing waits.
#[derive(Debug)]
pub(crate) struct Rates {
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
}

/// One bucket; who waits, waits in line, so that a large request is not overtaken for ever by small ones.
#[derive(Debug)]
struct Bucket {
    level: Mutex<Level>,
    line: tokio::sync::Mutex<()>,
    given_back: Notify,
}

/// How full a bucket is, at a time.
#[derive(Debug, Clone, Copy)]
struct Level {
    /// What flows in within a minute.
    per_minute: f64,
    /// Below zero while somebody took more than there was.
    n: f64,
    at: Instant,
}

impl Rates {
    pub(crate) fn new(config: &CallsConfig) -> Self {
        let now = Instant::now();
        Self { requests: Bucket::of(config.requests_per_minute, now), tokens: Bucket::of(config.tokens_per_minute, now) }
    }

    /// Waits until one request with this many tokens may be sent.
    pub(crate) async fn take(&self, tokens: u32) {
        if let Some(requests) = &self.requests {
            requests.take(1).await;
        }
        if let Some(bucket) = &self.tokens {
            bucket.take(tokens).await;
        }
    }

    /// Books what a request used beyond its estimate, and gives back what it did not use.
    pub(crate) fn settle(&self, estimated: u32, used: u32) {
        if let Some(bucket) = &self.tokens {
            bucket.level.lock().settle(estimated, used, Instant::now());
            bucket.given_back.notify_one();
        }
    }
}

impl Bucket {
    fn of(per_minute: u32, now: Instant) -> Option<Self> {
        let level = Level::full(per_minute, now);
        (per_minute > 0).then(|| Self { level: Mutex::new(level), line: tokio::sync::Mutex::default(), given_back: Notify::new() })
    }

    async fn take(&self, n: u32) {
        let _line = self.line.lock().await;
        loop {
            let Err(wait) = self.level.lock().take(n, Instant::now()) else { return };
            // What is given back meanwhile shortens the wait.
            let _ = tokio::time::timeout(wait, self.given_back.notified()).await;
        }
    }
}

impl Level {
    /// A full bucket holds a second's worth, so that in no minute much more than the limit is sent.
    fn full(per_minute: u32, now: Instant) -> Self {
        let per_minute = f64::from(per_minute);
        Self { per_minute, n: burst(per_minute), at: now }
    }

    /// Takes so much, or says how long to wait for it. More than a full bucket is taken from one, and those after it wait for the rest.
    fn take(&mut self, n: u32, now: Instant) -> Result<(), Duration> {
        self.flow(now);
        let n = self.at_most(n.max(1));
        let missing = n.min(burst(self.per_minute)) - self.n;
        // What differs by less than a rounding error is there.
        if missing > 1e-6 {
            return Err(Duration::from_secs_f64(60.0 * missing / self.per_minute).max(Duration::from_millis(1)));
        }
        self.n -= n;
        Ok(())
    }

    /// Takes what was used instead of what was reserved.
    fn settle(&mut self, reserved: u32, used: u32, now: Instant) {
        self.flow(now);
        let back = self.at_most(reserved.max(1)) - self.at_most(used);
        self.n = (self.n + back).min(burst(self.per_minute));
    }

    fn flow(&mut self, now: Instant) {
        let minutes = now.saturating_duration_since(self.at).as_secs_f64() / 60.0;
        self.n = (self.n + minutes * self.per_minute).min(burst(self.per_minute));
        self.at = self.at.max(now);
    }

    /// A request that is larger than the limit takes a minute's worth: the endpoint will tell by itself.
    fn at_most(&self, n: u32) -> f64 {
        f64::from(n).min(self.per_minute)
    }
}

/// What may be sent at once: a second's worth, and one request in any case.
fn burst(per_minute: f64) -> f64 {
    (per_minute / 60.0).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes as soon as it may, for so long, and returns when that was, in seconds from the beginning.
    fn times(per_minute: u32, n: u32, seconds: f64) -> Vec<f64> {
        let begun = Instant::now();
        let (mut level, mut now, mut times) = (Level::full(per_minute, begun), begun, Vec::new());
        while (now - begun).as_secs_f64() < seconds {
            match level.take(n, now) {
                Ok(()) => times.push((now - begun).as_secs_f64()),
                Err(wait) => now += wait,
            }
        }
        times
    }

    /// In no minute more than the limit and a second's worth, and not much less either.
    #[track_caller]
    fn check(per_minute: u32, n: u32) {
        let times = times(per_minute, n, 300.0);
        let burst = burst(f64::from(per_minute));
        for from in &times {
            let within = times.iter().filter(|time| (*from..from + 60.0).contains(*time)).count() as f64 * f64::from(n);
            assert!(within <= f64::from(per_minute) + burst + 1e-3, "{within} from {from} s on");
        }
        let all = times.len() as f64 * f64::from(n);
        assert!(all >= 5.0 * f64::from(per_minute) * 0.98, "{all} in five minutes");
    }

    #[test]
    fn no_minute_gets_more_than_its_limit() {
        check(30, 1);
        check(1, 1);
        check(600, 1);
        check(60_000, 250);
        check(60_000, 1_000);
    }

    /// 30 a minute are one in two seconds from the beginning: no burst of a whole minute's worth.
    #[test]
    fn the_first_seconds_are_like_all_others() {
        let first = times(30, 1, 30.0);
        assert_eq!(first.len(), 15, "{first:?}");
    }

    /// More than a full bucket is taken from one; what comes after it waits for the whole of it, but for no more than a minute.
    #[test]
    fn a_large_request_is_waited_for_afterwards() {
        let begun = Instant::now();
        let mut level = Level::full(60_000, begun);
        level.take(30_000, begun).unwrap();
        let wait = level.take(200, begun).unwrap_err().as_secs_f64();
        assert!((wait - 29.2).abs() < 0.01, "{wait}");
        let mut level = Level::full(60_000, begun);
        level.take(1_000_000, begun).unwrap();
        assert!(level.take(1_000, begun).unwrap_err() <= Duration::from_secs(60));
    }

    /// What was reserved and not used is there again; what was used beyond it is waited for.
    #[test]
    fn a_bucket_is_settled_both_ways() {
        let now = Instant::now();
        let mut level = Level::full(60_000, now);
        level.take(1_000, now).unwrap();
        level.take(500, now).unwrap_err();
        level.settle(1_000, 400, now);
        level.take(500, now).unwrap();
        level.settle(500, 1_100, now);
        let wait = level.take(200, now).unwrap_err().as_secs_f64();
        assert!((wait - 0.7).abs() < 0.01, "600 beyond the estimate, of which 100 were left, and 200: {wait}");
        level.settle(60_000, 0, now);
        level.take(1_000, now).unwrap();
        assert!(level.take(1, now).is_err(), "it never holds more than a second's worth");
    }

    /// A request that waits is let go as soon as another one gives back what it did not use.
    #[tokio::test]
    async fn what_is_given_back_is_not_waited_for() {
        let rates = Rates::new(&CallsConfig { tokens_per_minute: 60, ..CallsConfig::default() });
        rates.take(60).await;
        let begun = Instant::now();
        let give_back = async {
            tokio::task::yield_now().await;
            rates.settle(60, 0);
        };
        tokio::join!(rates.take(1), give_back);
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        assert!(Rates::new(&CallsConfig::default()).tokens.is_none());
    }
}
