//! What people are to be told, decided from the rows of `alerts` alone: pure, so that a restart tells nothing twice.
//!
//! An alert is told when it fires, when somebody acknowledges it, and when it is over; while it fires and nobody has acknowledged
//! it, again every `renotify`. Nothing is told of one that is muted; when a mute ends and the alert still fires, that is told.

use std::collections::BTreeMap;

use schema::{AlertTransition, Micros, Tenant};
use serde::Deserialize;

use super::Notice;

/// The transitions of one alert, folded up to a moment.
#[derive(Debug, Default, Clone)]
struct Life<'a> {
    fired: Option<&'a AlertTransition>,
    is_over: bool,
    acknowledged: bool,
    muted_until: Option<i64>,
}

impl<'a> Life<'a> {
    fn apply(&mut self, transition: &'a AlertTransition) {
        match transition.state.as_str() {
            "firing" => (self.fired, self.is_over, self.acknowledged) = (Some(transition), false, false),
            "resolved" => self.is_over = true,
            "acknowledged" => self.acknowledged = true,
            "muted" => self.muted_until = Some(until(transition)),
            _ => {}
        }
    }

    fn is_muted(&self, at: Micros) -> bool {
        self.muted_until.is_some_and(|until| at.0 < until)
    }
}

/// When a mute ends; one that does not say lasts until somebody ends it.
fn until(muted: &AlertTransition) -> i64 {
    #[derive(Deserialize)]
    struct Until {
        until_us: i64,
    }
    let details = muted.details.as_deref().and_then(|details| serde_json::from_str::<Until>(details).ok());
    details.map_or(i64::MAX, |details| details.until_us)
}

/// The notices that were due between `since` and `now`, oldest first; `every` says how often an alert is told again, in microseconds.
pub(super) fn owed(
    tenant: &Tenant,
    transitions: &[AlertTransition],
    since: Micros,
    now: Micros,
    every: impl Fn(&AlertTransition) -> Option<i64>,
) -> Vec<Notice> {
    let mut lives: BTreeMap<&str, Life<'_>> = BTreeMap::new();
    let mut notices = Vec::new();
    for transition in transitions.iter().filter(|transition| transition.time <= now) {
        let life = lives.entry(&transition.id).or_default();
        life.apply(transition);
        if transition.time >= since && is_news(life, transition) {
            let fired = life.fired.map_or(transition.time, |fired| fired.time);
            notices.push(Notice { since: fired, ..Notice::of(tenant, transition) });
        }
    }
    notices.extend(lives.values().filter_map(|life| reminder(tenant, life, since, now, &every)));
    notices
}

fn is_news(life: &Life<'_>, transition: &AlertTransition) -> bool {
    let told = matches!(transition.state.as_str(), "firing" | "resolved" | "acknowledged");
    told && life.fired.is_some() && !life.is_muted(transition.time)
}

/// The latest reminder that is due; those that were missed meanwhile are not made up for.
fn reminder(tenant: &Tenant, life: &Life<'_>, since: Micros, now: Micros, every: impl Fn(&AlertTransition) -> Option<i64>) -> Option<Notice> {
    let fired = life.fired.filter(|_| !life.is_over && !life.is_muted(now))?;
    let due = every(fired).filter(|every| *every > 0 && !life.acknowledged).map(|every| {
        let nth = (now.0 - fired.time.0) / every;
        (nth, Micros(fired.time.0 + nth * every))
    });
    // A mute that ended is told once, as the reminder of the moment of its end.
    let unmuted =
        life.muted_until.filter(|until| *until > fired.time.0 && !life.acknowledged).map(|until| (1 + until.rem_euclid(1 << 31), Micros(until)));
    let (nth, at) = due.into_iter().chain(unmuted).filter(|(nth, at)| *nth > 0 && *at >= since).max_by_key(|(_, at)| *at)?;
    Some(Notice::of(tenant, fired).again(u32::try_from(nth).unwrap_or(u32::MAX), at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn row(hour: i64, state: &str) -> AlertTransition {
        AlertTransition { id: "a".to_owned(), time: Micros(hour * HOUR), state: state.to_owned(), ..AlertTransition::default() }
    }

    fn muted(hour: i64, until: i64) -> AlertTransition {
        row(hour, "firing").muted(Micros(until * HOUR), "ann", Micros(hour * HOUR))
    }

    /// What is told at `now`, with reminders every four hours: state and hour of each.
    #[track_caller]
    fn check(transitions: &[AlertTransition], now: i64, told: &[(&str, i64)]) {
        let notices = owed(&Tenant::default(), transitions, Micros(0), Micros(now * HOUR), |_| Some(4 * HOUR));
        let found: Vec<(&str, i64)> = notices.iter().map(|notice| (notice.state.as_str(), notice.at.0 / HOUR)).collect();
        assert_eq!(found, told);
    }

    #[test]
    fn firing_and_resolved_are_told_and_pending_is_not() {
        check(&[row(1, "pending"), row(2, "firing")], 3, &[("firing", 2)]);
        check(&[row(1, "pending"), row(2, "firing"), row(3, "resolved")], 9, &[("firing", 2), ("resolved", 3)]);
        check(&[row(1, "pending"), row(3, "resolved")], 9, &[]);
    }

    #[test]
    fn a_reminder_comes_while_nobody_knows() {
        let fired = row(2, "firing");
        check(std::slice::from_ref(&fired), 5, &[("firing", 2)]);
        check(std::slice::from_ref(&fired), 6, &[("firing", 2), ("firing", 6)]);
        // After a long stop there is one, not many.
        check(std::slice::from_ref(&fired), 23, &[("firing", 2), ("firing", 22)]);
        check(&[fired.clone(), fired.acknowledged("ann", Micros(3 * HOUR))], 9, &[("firing", 2), ("acknowledged", 3)]);
        // What fires again after it was over is news, whoever knew of it before.
        let again = [fired.clone(), fired.acknowledged("ann", Micros(3 * HOUR)), row(4, "resolved"), row(5, "firing")];
        check(&again, 9, &[("firing", 2), ("acknowledged", 3), ("resolved", 4), ("firing", 5), ("firing", 9)]);
    }

    #[test]
    fn a_muted_alert_is_not_told_until_the_mute_ends() {
        check(&[row(1, "pending"), muted(1, 20), row(2, "firing")], 19, &[]);
        check(&[row(1, "pending"), muted(1, 20), row(2, "firing"), row(3, "resolved")], 30, &[]);
        check(&[row(2, "firing"), muted(3, 20)], 19, &[("firing", 2)]);
        check(&[row(2, "firing"), muted(3, 20)], 20, &[("firing", 2), ("firing", 20)]);
        check(&[row(2, "firing"), muted(3, 20), row(10, "resolved")], 30, &[("firing", 2)]);
        // Unmuting is a mute that is over.
        check(&[row(2, "firing"), muted(3, 20), muted(7, 7)], 8, &[("firing", 2), ("firing", 7)]);
    }

    #[test]
    fn every_notice_has_a_key_of_its_own() {
        let transitions = [row(2, "firing"), row(3, "resolved"), row(4, "firing")];
        let keys = |now: i64| owed(&Tenant::default(), &transitions, Micros(0), Micros(now * HOUR), |_| Some(HOUR)).into_iter().map(|n| n.key);
        let all: std::collections::BTreeSet<String> = (4..9).flat_map(keys).collect();
        assert_eq!(all.len(), 3 + 4, "{all:?}");
    }
}
