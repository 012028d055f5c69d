//! How far the passes over each tenant's calls came, so that a pass does not read two days to score five seconds.

use std::collections::HashMap;

use parking_lot::Mutex;
use schema::{Micros, Tenant};

/// How long before the mark it is looked for calls that came late, in microseconds: rows are visible some time after they arrived, nearly always
/// within this.
const GRACE: i64 = 30_000_000;
/// How long before the mark it is looked now and then, for rows that took longer.
const LONG_GRACE: i64 = 600_000_000;
/// How often that is.
const NOW_AND_THEN: i64 = 300_000_000;

/// The marks; they are lost with the process, and the first pass after a start looks through the whole lookback.
#[derive(Debug, Default)]
pub struct Progress(Mutex<HashMap<Tenant, Marks>>);

#[derive(Debug, Clone, Copy)]
struct Marks {
    /// Everything that arrived before is scored.
    reached: Micros,
    /// Whether calls wait that arrived since.
    is_behind: bool,
    /// Nothing that arrived since was ever looked at.
    tried: Micros,
    /// When a pass last looked far back.
    looked_back: Micros,
}

/// Where a pass begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Begin {
    /// Everything that arrived before is scored, but for what came late.
    pub since: Micros,
    /// From when on it is to be looked for calls that came late.
    pub look_from: Option<Micros>,
    looked_back: Micros,
}

impl Progress {
    /// Where the next pass begins to look, no earlier than `earliest`; calls that arrived by `settled` can be scored.
    pub(super) fn begin(&self, tenant: &Tenant, earliest: Micros, settled: Micros, now: Micros) -> Begin {
        let marks = self.0.lock().get(tenant).copied();
        let Some(marks) = marks else {
            // Another life of this process may have scored any of them.
            return Begin { since: Micros(settled.0 + 1), look_from: Some(earliest), looked_back: now };
        };
        let since = earliest.max(marks.reached);
        if marks.is_behind {
            return Begin { since, look_from: None, looked_back: marks.looked_back };
        }
        let (grace, looked_back) = match now.0 - marks.looked_back.0 >= NOW_AND_THEN {
            true => (LONG_GRACE, now),
            false => (GRACE, marks.looked_back),
        };
        Begin { since, look_from: Some(earliest.max(Micros(marks.reached.0 - grace))), looked_back }
    }

    /// Notes that the looking for late calls is done, and that everything which arrived before `since` is scored.
    pub(super) fn looked(&self, tenant: &Tenant, begin: &Begin, since: Micros) {
        let mut marks = self.0.lock();
        let tried = marks.get(tenant).map_or(begin.since, |marks| marks.tried);
        marks.insert(tenant.clone(), Marks { reached: since, is_behind: true, tried, looked_back: begin.looked_back });
    }

    /// Returns from when on there may be scores of calls that arrived between; of calls that nobody looked at there are none.
    pub(super) fn scored_since(&self, tenant: &Tenant, since: Micros, until: Micros) -> Option<Micros> {
        let mut marks = self.0.lock();
        let Some(marks) = marks.get_mut(tenant) else { return Some(since) };
        let is_new = since >= marks.tried;
        marks.tried = marks.tried.max(Micros(until.0 + 1));
        (!is_new).then_some(since)
    }

    /// Notes that everything which arrived before `until` is scored, and that more may wait.
    pub(super) fn reached(&self, tenant: &Tenant, until: Micros) {
        if let Some(marks) = self.0.lock().get_mut(tenant) {
            (marks.reached, marks.is_behind) = (until, true);
        }
    }

    /// Notes that everything which arrived before `until` is scored, and that nothing waits.
    pub(super) fn caught_up(&self, tenant: &Tenant, until: Micros) {
        if let Some(marks) = self.0.lock().get_mut(tenant) {
            (marks.reached, marks.is_behind) = (until, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;

    /// Begins a pass that finds nothing that came late.
    fn begin(progress: &Progress, now: i64) -> (i64, Option<i64>) {
        let begin = progress.begin(&Tenant::default(), Micros(5), Micros(now - 15), Micros(now));
        progress.looked(&Tenant::default(), &begin, begin.since);
        (begin.since.0, begin.look_from.map(|from| from.0))
    }

    #[test]
    fn late_calls_are_looked_for_a_little_back_and_now_and_then_well_back() {
        let (progress, tenant, start) = (Progress::default(), Tenant::default(), 60 * MINUTE);
        assert_eq!(begin(&progress, start), (start - 14, Some(5)), "another process may have scored them");
        let caught_up = || progress.caught_up(&tenant, Micros(start));
        caught_up();
        assert_eq!(begin(&progress, start + MINUTE), (start, Some(start - GRACE)));
        caught_up();
        assert_eq!(begin(&progress, start + NOW_AND_THEN), (start, Some(start - LONG_GRACE)));
        caught_up();
        assert_eq!(begin(&progress, start + NOW_AND_THEN), (start, Some(start - GRACE)));
    }

    /// A pass that failed before it knew where to begin changes nothing.
    #[test]
    fn a_look_that_failed_is_repeated() {
        let (progress, start) = (Progress::default(), 60 * MINUTE);
        let begin = || progress.begin(&Tenant::default(), Micros(5), Micros(start - 15), Micros(start));
        assert_eq!(begin(), begin());
    }

    /// Or what was scored would be looked through again and again while more comes in than a pass takes.
    #[test]
    fn whoever_is_behind_goes_on() {
        let (progress, tenant, start) = (Progress::default(), Tenant::default(), 60 * MINUTE);
        begin(&progress, start);
        progress.reached(&tenant, Micros(start - MINUTE));
        assert_eq!(begin(&progress, start + NOW_AND_THEN), (start - MINUTE, None));
    }

    #[test]
    fn scores_are_looked_for_where_somebody_may_have_scored() {
        let (progress, tenant, start) = (Progress::default(), Tenant::default(), 60 * MINUTE);
        begin(&progress, start);
        let scored_since = |since, until| progress.scored_since(&tenant, Micros(since), Micros(until)).map(|since| since.0);
        assert_eq!(scored_since(start - 20, start - 15), Some(start - 20), "by the process before this one");
        assert_eq!(scored_since(start, start + 10), None);
        assert_eq!(scored_since(start, start + 10), Some(start), "the pass that looked at them may have failed halfway");
        assert_eq!(scored_since(start + 11, start + 20), None);
    }
}
