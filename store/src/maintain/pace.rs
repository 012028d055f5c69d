//! Going slowly enough: writing files again takes disk and CPU that ingest and queries want.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::store::Inner;

/// Waits until `bytes` since `started` are no more than the rate that is allowed, or the store stops.
pub(super) async fn rest(inner: &Arc<Inner>, started: Instant, bytes: u64) {
    let until = started + due(bytes, inner.config.compact_bytes_per_second);
    tokio::select! {
        () = inner.stop.cancelled() => {}
        () = tokio::time::sleep_until(until) => {}
    }
}

/// Returns how long so many bytes should take; a rate of 0 is no limit.
fn due(bytes: u64, bytes_per_second: u64) -> Duration {
    match bytes_per_second {
        0 => Duration::ZERO,
        rate => Duration::from_millis(bytes.saturating_mul(1_000) / rate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_their_time() {
        assert_eq!(due(64, 32), Duration::from_secs(2));
        assert_eq!(due(u64::MAX, 0), Duration::ZERO);
    }
}
