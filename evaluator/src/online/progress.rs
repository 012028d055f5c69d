//! How far the passes over each tenant's calls came, so that a pass does not read two days to score five seconds.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use schema::{Micros, Tenant};

/// How long before the mark a pass begins: rows are visible some time after they arrived.
const GRACE: i64 = 600_000_000;

/// The marks; they are lost with the process, and the first pass after a start reads the whole lookback.
#[derive(Debug, Default)]
pub struct Progress(Mutex<HashMap<Tenant, Micros>>);

impl Progress {
    /// Where the next pass begins to look, no earlier than `earliest`.
    pub(super) fn since(&self, tenant: &Tenant, earliest: Micros) -> Micros {
        let marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        marks.get(tenant).map_or(earliest, |mark| earliest.max(Micros(mark.0 - GRACE)))
    }

    /// Notes that everything which arrived up to `until` is scored.
    pub(super) fn reached(&self, tenant: &Tenant, until: Micros) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant.clone(), until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_begins_a_little_before_the_last_ended() {
        let (progress, tenant) = (Progress::default(), Tenant::default());
        assert_eq!(progress.since(&tenant, Micros(5)), Micros(5));
        progress.reached(&tenant, Micros(2 * GRACE));
        assert_eq!(progress.since(&tenant, Micros(5)), Micros(GRACE));
        assert_eq!(progress.since(&tenant, Micros(3 * GRACE)), Micros(3 * GRACE));
    }
}
