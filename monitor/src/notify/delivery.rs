//! A round of deliveries: what is owed, less what was told before, to each notifier in the order of time.

use std::sync::Arc;

use schema::{AlertTransition, Micros, Tenant};
use store::Store;

use super::ledger::{Ledger, Outcome, row};
use super::owed::{Again, oldest_open, owed};
use super::{Notice, Notifier, NotifyError, channel};
use crate::Monitor;
use crate::error::Error;
use crate::memory::Memory;

/// How long after it became due a notice is tried, in microseconds; then it is given up.
const TRIED_FOR: i64 = 86_400_000_000;

/// How a round of deliveries went.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Delivered {
    pub delivered: usize,
    pub failed: usize,
    /// Alerts about notifiers that opened or ended.
    pub transitions: Vec<AlertTransition>,
}

/// What a round works with.
#[derive(Clone, Copy)]
pub(crate) struct Round<'a> {
    pub store: &'a Store,
    pub tenant: &'a Tenant,
    pub monitors: &'a [Monitor],
    pub notifiers: &'a [Arc<dyn Notifier>],
    /// The oldest transition that may still be told.
    pub since: Micros,
    pub now: Micros,
}

/// Delivers what is owed for transitions between `since` and `now`.
///
/// Every attempt is a row of `notifications`, so that neither the next inspection nor a restart tells it again. After a failure the same notifier
/// is left alone for a while that grows: one dead receiver must not hold up the looks. A notifier that fails three rounds in a
/// row is itself an alert, which the others are told at once.
pub(crate) async fn deliver(round: Round<'_>) -> Result<Delivered, Error> {
    if round.notifiers.is_empty() {
        return Ok(Delivered::default());
    }
    let mut transitions = Memory::transitions(round.store, round.tenant).await?;
    // What still fires is told again for as long as it does, to those who were told of it first.
    let start = oldest_open(&transitions).map_or(i64::MAX, |fired| fired.0).min(round.since.0 - TRIED_FOR);
    let mut ledger = Ledger::read(round.store, round.tenant, Micros(start), round.now).await?;
    let mut done = Delivered::default();
    // The second pass tells of the channels that the first found broken.
    for _ in 0..2 {
        let broken = pass(round, &transitions, &mut ledger, &mut done).await?;
        if broken.is_empty() {
            break;
        }
        round.store.append(round.tenant, &broken, round.now).await?;
        transitions.extend(broken.iter().cloned());
        done.transitions.extend(broken);
    }
    Ok(done)
}

/// Tells every notifier what it is owed, and returns what became of the alerts about notifiers.
async fn pass(round: Round<'_>, transitions: &[AlertTransition], ledger: &mut Ledger, done: &mut Delivered) -> Result<Vec<AlertTransition>, Error> {
    let mut channels = Vec::new();
    for notifier in round.notifiers {
        let mut open = open_notices(round, notifier.as_ref(), transitions, ledger);
        give_up(round, notifier.as_ref(), &mut open, ledger).await?;
        let mut problem = None;
        if !open.is_empty() && !ledger.trouble(notifier.name()).waits(round.now) {
            problem = tell(round, notifier.as_ref(), &open, ledger, done).await?;
        }
        let trouble = ledger.trouble(notifier.name());
        channels.extend(channel::next(notifier.name(), transitions, trouble, problem.as_deref(), round.now));
    }
    Ok(channels)
}

/// What a notifier is owed and was not told yet.
fn open_notices(round: Round<'_>, notifier: &dyn Notifier, transitions: &[AlertTransition], ledger: &Ledger) -> Vec<Notice> {
    let refresh = notifier.refresh().and_then(|refresh| i64::try_from(refresh.as_micros()).ok());
    let again = |transition: &AlertTransition| {
        let monitor = round.monitors.iter().find(|monitor| monitor.rule.name == transition.monitor);
        refresh.map(Again::Refresh).or_else(|| Some(Again::Reminder(monitor?.rule.renotify?.0)))
    };
    // Notices of the day before are looked at too: those that were never told are given up.
    let since = Micros(round.since.0 - TRIED_FOR / 2);
    let mut notices = owed(round.tenant, transitions, since, round.now, again);
    notices.retain(|notice| wants(round.monitors, notifier.name(), &notice.monitor) && ledger.is_open(notice, notifier.name()));
    notices
}

fn wants(monitors: &[Monitor], notifier: &str, monitor: &str) -> bool {
    if let Some(broken) = channel::notifier_of(monitor) {
        return broken != notifier;
    }
    let monitor = monitors.iter().find(|other| other.rule.name == monitor);
    monitor.is_some_and(|monitor| monitor.rule.notify.is_empty() || monitor.rule.notify.iter().any(|name| name == notifier))
}

/// Writes off what could not be told for a day: a page of yesterday helps nobody, but a person can find it.
///
/// A notice that was never tried (the notifier is new, or the server was down) is left out silently.
async fn give_up(round: Round<'_>, notifier: &dyn Notifier, open: &mut Vec<Notice>, ledger: &mut Ledger) -> Result<(), Error> {
    let is_late = |notice: &Notice| notice.at < round.since;
    if ledger.trouble(notifier.name()).rounds > 0 {
        let rows: Vec<_> =
            open.iter().filter(|notice| is_late(notice)).map(|notice| row(notice, notifier.name(), Outcome::Dead, None, round.now)).collect();
        if !rows.is_empty() {
            round.store.append(round.tenant, &rows, round.now).await?;
            rows.iter().for_each(|row| ledger.note(row, Outcome::Dead));
        }
    }
    open.retain(|notice| !is_late(notice));
    Ok(())
}

/// Tells what is open, a message at a time; returns the problem at which it stopped.
async fn tell(
    round: Round<'_>,
    notifier: &dyn Notifier,
    open: &[Notice],
    ledger: &mut Ledger,
    done: &mut Delivered,
) -> Result<Option<String>, Error> {
    for notices in open.chunks(notifier.batch().max(1)) {
        let told = notifier.notify(notices).await;
        let (outcome, error) = outcome_of(&told);
        if let Some(error) = error {
            tracing::warn!(%error, notifier = notifier.name(), n_notices = notices.len(), "an alert was not delivered");
        }
        // One row says that a round failed; what is settled needs one a notice.
        let noted = if outcome == Outcome::Failed { &notices[..1] } else { notices };
        let rows: Vec<_> = noted.iter().map(|notice| row(notice, notifier.name(), outcome, error, round.now)).collect();
        round.store.append(round.tenant, &rows, round.now).await?;
        rows.iter().for_each(|row| ledger.note(row, outcome));
        match outcome {
            Outcome::Delivered => done.delivered += notices.len(),
            Outcome::Dead => done.failed += notices.len(),
            Outcome::Failed => {
                done.failed += 1;
                return Ok(error.map(ToString::to_string));
            }
        }
    }
    Ok(None)
}

fn outcome_of(told: &Result<(), NotifyError>) -> (Outcome, Option<&NotifyError>) {
    match told {
        Ok(()) => (Outcome::Delivered, None),
        Err(error) if error.is_final() => (Outcome::Dead, Some(error)),
        Err(error) => (Outcome::Failed, Some(error)),
    }
}
