//! Token buckets: requests and tokens a minute.

use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::Mutex;

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
    limiter: DefaultDirectRateLimiter,
    size: NonZeroU32,
    line: Mutex<()>,
}

impl Rates {
    pub(crate) fn new(config: &CallsConfig) -> Self {
        Self { requests: Bucket::of(config.requests_per_minute), tokens: Bucket::of(config.tokens_per_minute) }
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

    /// Books the tokens that a request used beyond its estimate; what later requests wait for.
    pub(crate) fn settle(&self, estimated: u32, used: u32) {
        if let Some(bucket) = &self.tokens
            && let Some(more) = NonZeroU32::new(used.saturating_sub(estimated))
        {
            // What does not fit any more is not booked: the endpoint will tell by itself.
            let _ = bucket.limiter.check_n(more.min(bucket.size));
        }
    }
}

impl Bucket {
    fn of(per_minute: u32) -> Option<Self> {
        let size = NonZeroU32::new(per_minute)?;
        Some(Self { limiter: RateLimiter::direct(Quota::per_minute(size)), size, line: Mutex::new(()) })
    }

    /// A request that is larger than the bucket takes the whole of it.
    async fn take(&self, n: u32) {
        let n = NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN).min(self.size);
        let _line = self.line.lock().await;
        while let Ok(Err(early)) = self.limiter.check_n(n) {
            tokio::time::sleep(early.wait_time_from(DefaultClock::default().now())).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// 600 a minute are ten a second: past the first full bucket, every request waits its tenth.
    #[tokio::test]
    async fn requests_wait_once_the_bucket_is_empty() {
        let rates = Rates::new(&CallsConfig { requests_per_minute: 600, ..CallsConfig::default() });
        for _ in 0..600 {
            rates.take(10).await;
        }
        let begun = Instant::now();
        for _ in 0..3 {
            rates.take(10).await;
        }
        assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn tokens_wait_by_their_number() {
        let rates = Rates::new(&CallsConfig { tokens_per_minute: 60_000, ..CallsConfig::default() });
        rates.take(1_000_000).await;
        let begun = Instant::now();
        rates.take(200).await;
        assert!(begun.elapsed() >= Duration::from_millis(190), "{:?}", begun.elapsed());
        // The next one pays for what this one used beyond its estimate.
        rates.settle(200, 200);
        assert!(Rates::new(&CallsConfig::default()).tokens.is_none());
    }
}
