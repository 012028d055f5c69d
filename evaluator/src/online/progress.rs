//! How far the passes over each tenant's calls came, so that a pass does not read two days to score five seconds.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use schema::{Micros, Tenant};

/// How long before the mark a pass begins, in microseconds: rows are visible some time after they arrived, nearly always within this.
const GRACE: i64 = 30_000_000;
/// How long before the mark a pass begins now and then, for rows that took longer.
const LONG_GRACE: i64 = 600_000_000;
/// How often that is.
const NOW_AND_THEN: i64 = 300_000_000;

/// The marks; they are lost with the process, and the first pass after a start reads the whole lookback.
#[derive(Debug, Default)]
pub struct Progress(Mutex<HashMap<Tenant, Marks>>);

#[derive(Debug, Clone, Copy)]
struct Marks {
    /// Everything that arrived before is scored.
    reached: Micros,
    /// When a pass last looked far back.
    looked_back: Micros,
}

impl Progress {
    /// Where the next pass begins to look, no earlier than `earliest`.
    pub(super) fn since(&self, tenant: &Tenant, earliest: Micros, now: Micros) -> Micros {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(marks) = marks.get_mut(tenant) else {
            marks.insert(tenant.clone(), Marks { reached: earliest, looked_back: now });
            return earliest;
        };
        let far = now.0 - marks.looked_back.0 >= NOW_AND_THEN;
        if far {
            marks.looked_back = now;
        }
        earliest.max(Micros(marks.reached.0 - if far { LONG_GRACE } else { GRACE }))
    }

    /// Notes that everything which arrived up to `until` is scored; a mark never goes back.
    pub(super) fn reached(&self, tenant: &Tenant, until: Micros) {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(marks) = marks.get_mut(tenant) {
            marks.reached = marks.reached.max(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_begins_a_little_before_the_last_ended_and_now_and_then_well_before() {
        let (progress, tenant, start) = (Progress::default(), Tenant::default(), Micros(10 * LONG_GRACE));
        assert_eq!(progress.since(&tenant, Micros(5), start), Micros(5));
        progress.reached(&tenant, start);
        progress.reached(&tenant, Micros(7));
        assert_eq!(progress.since(&tenant, Micros(5), start), Micros(start.0 - GRACE));
        assert_eq!(progress.since(&tenant, start, start), start);
        let later = Micros(start.0 + NOW_AND_THEN);
        assert_eq!(progress.since(&tenant, Micros(5), later), Micros(start.0 - LONG_GRACE));
        assert_eq!(progress.since(&tenant, Micros(5), later), Micros(start.0 - GRACE));
    }
}
