//! What people are to be told, decided from the rows of `alerts` alone: pure, so that a restart tells nothing twice.
//!
//! An alert is told when it fires, when somebody acknowledges it, and when it is over; while it fires and nobody has acknowledged
//! it, again every `renotify`. A mute keeps back what would wake people; when it ends and the alert still fires, that is told. It keeps
//! back no end: wherever an alert was told to fire, it is told to be over, or an incident would stay open there. A receiver that forgets
//! what it does not hear of is told again for as long as the alert fires, whoever knows of it: silence would be a lie to it.

use std::collections::BTreeMap;

use schema::{AlertTransition, Micros, Tenant};
use serde::Deserialize;

use super::Notice;

/// How often an alert that fires is told again, in microseconds, and for whose sake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// People are reminded until somebody knows.
    Reminder(i64),
    /// The receiver would forget it.
    Refresh(i64),
}

/// The transitions of one alert, folded up to a moment.
#[derive(Debug, Default, Clone)]
struct Life<'a> {
    fired: Option<&'a AlertTransition>,
    is_over: bool,
    /// Whether people were told that it fires.
    is_told: bool,
    acknowledged: bool,
    muted_until: Option<i64>,
}

impl<'a> Life<'a> {
    fn apply(&mut self, transition: &'a AlertTransition) {
        // What fired while it was muted was told when the mute ended.
        self.is_told |= self.fired.is_some() && !self.is_over && !self.is_muted(transition.time);
        match transition.state.as_str() {
            "firing" => {
                (self.fired, self.is_over, self.acknowledged) = (Some(transition), false, false);
                self.is_told = !self.is_muted(transition.time);
            }
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

/// When the first of the alerts that still fire did.
pub(super) fn oldest_open(transitions: &[AlertTransition]) -> Option<Micros> {
    let mut open: BTreeMap<&str, Micros> = BTreeMap::new();
    for transition in transitions {
        match transition.state.as_str() {
            "firing" => {
                open.insert(&transition.id, transition.time);
            }
            "resolved" => {
                open.remove(transition.id.as_str());
            }
            _ => {}
        }
    }
    open.into_values().min()
}

/// The notices that were due between `since` and `now`, oldest first; `again` says how often an alert is told again.
pub(super) fn owed(
    tenant: &Tenant,
    transitions: &[AlertTransition],
    since: Micros,
    now: Micros,
    again: impl Fn(&AlertTransition) -> Option<Again>,
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
    notices.extend(lives.values().filter_map(|life| reminder(tenant, life, since, now, &again)));
    notices
}

fn is_news(life: &Life<'_>, transition: &AlertTransition) -> bool {
    let is_muted = life.is_muted(transition.time);
    life.fired.is_some()
        && match transition.state.as_str() {
            "firing" | "acknowledged" => !is_muted,
            "resolved" => life.is_told || !is_muted,
            _ => false,
        }
}

/// The latest reminder that is due; those that were missed meanwhile are not made up for.
fn reminder(tenant: &Tenant, life: &Life<'_>, since: Micros, now: Micros, again: impl Fn(&AlertTransition) -> Option<Again>) -> Option<Notice> {
    let fired = life.fired.filter(|_| !life.is_over)?;
    let is_quiet = life.is_muted(now);
    let every = match again(fired) {
        Some(Again::Refresh(every)) => Some(every),
        Some(Again::Reminder(every)) => Some(every).filter(|_| !life.acknowledged && !is_quiet),
        None => None,
    };
    let due = every.filter(|every| *every > 0).map(|every| {
        let nth = (now.0 - fired.time.0) / every;
        (nth, Micros(fired.time.0 + nth * every))
    });
    // A mute that ended is told once, as the reminder of the moment of its end.
    let ended = life.muted_until.filter(|until| *until > fired.time.0 && !life.acknowledged && !is_quiet);
    let unmuted = ended.map(|until| (1 + until.rem_euclid(1 << 31), Micros(until)));
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
        check_again(Again::Reminder(4 * HOUR), transitions, now, told);
    }

    #[track_caller]
    fn check_again(again: Again, transitions: &[AlertTransition], now: i64, told: &[(&str, i64)]) {
        let notices = owed(&Tenant::default(), transitions, Micros(0), Micros(now * HOUR), |_| Some(again));
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
        // Where it was told to fire, its end is told.
        check(&[row(2, "firing"), muted(3, 20), row(10, "resolved")], 30, &[("firing", 2), ("resolved", 10)]);
        // Told when the first mute ended, then muted again.
        check(&[muted(1, 4), row(2, "firing"), muted(6, 20), row(10, "resolved")], 30, &[("resolved", 10)]);
        // Unmuting is a mute that is over.
        check(&[row(2, "firing"), muted(3, 20), muted(7, 7)], 8, &[("firing", 2), ("firing", 7)]);
    }

    // An Alertmanager takes what it does not hear of for over; neither an acknowledgement nor a mute makes it so.
    #[test]
    fn a_receiver_that_forgets_is_told_whoever_knows() {
        let fired = row(2, "firing");
        let refresh = Again::Refresh(4 * HOUR);
        check_again(refresh, &[fired.clone(), fired.acknowledged("ann", Micros(3 * HOUR))], 9, &[("firing", 2), ("acknowledged", 3), ("firing", 6)]);
        check_again(refresh, &[fired.clone(), muted(3, 90)], 19, &[("firing", 2), ("firing", 18)]);
        check_again(refresh, &[fired.clone(), muted(3, 90), row(17, "resolved")], 19, &[("firing", 2), ("resolved", 17)]);
    }

    #[test]
    fn the_oldest_that_still_fires_is_known() {
        let other = AlertTransition { id: "b".to_owned(), ..row(5, "firing") };
        assert_eq!(oldest_open(&[row(1, "pending"), row(2, "firing"), other.clone()]), Some(Micros(2 * HOUR)));
        assert_eq!(oldest_open(&[row(2, "firing"), other, row(6, "resolved")]), Some(Micros(5 * HOUR)));
        assert_eq!(oldest_open(&[row(2, "firing"), row(6, "resolved")]), None);
    }

    #[test]
    fn every_notice_has_a_key_of_its_own() {
        let transitions = [row(2, "firing"), row(3, "resolved"), row(4, "firing")];
        let keys = |now: i64| {
            owed(&Tenant::default(), &transitions, Micros(0), Micros(now * HOUR), |_| Some(Again::Reminder(HOUR))).into_iter().map(|n| n.key)
        };
        let all: std::collections::BTreeSet<String> = (4..9).flat_map(keys).collect();
        assert_eq!(all.len(), 3 + 4, "{all:?}");
    }
}
