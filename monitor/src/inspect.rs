//! One look, and a walk over many.

use std::sync::Arc;

use futures::future::BoxFuture;
use schema::{AlertTransition, Micros, MonitorState, Tenant};
use store::Store;

use crate::Monitor;
use crate::error::Error;
use crate::memory::{Memory, Replay};
use crate::notify::{Delivered, Notifier, deliver};
use crate::rule::{Duration, Rule};
use crate::series::{Series, SeriesError};
use crate::watcher::Written;

/// How much of a walk is read, looked at and written at a time: memory, and what a crash costs.
const STRIDE: i64 = Duration::WEEK.0;
/// How long after a transition its delivery is tried.
const OWED_FOR: i64 = Duration::DAY.0;

/// What an inspection did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inspected {
    /// Rows that went into `monitor_states`.
    pub states: Vec<MonitorState>,
    /// Rows that went into `alerts`.
    pub transitions: Vec<AlertTransition>,
    /// Notices that reached their notifier.
    pub delivered: usize,
    /// Notices that did not, and are tried again at the next inspection.
    pub failed: usize,
}

/// Looks once with every monitor whose turn it is at `now`.
///
/// A monitor's turns are the multiples of its `every` since 1970; a look at `now` is the look of the last turn, and one
/// that was made before is not made again. Rows go to `monitor_states` and `alerts`, transitions that matter to the
/// notifiers, and what could not be delivered since yesterday is tried again. A monitor that cannot look is a row in state ERROR; an error
/// is returned only where nothing could be written.
pub fn inspect<'a>(
    store: &'a Store,
    tenant: &'a Tenant,
    monitors: &'a [Monitor],
    notifiers: &'a [Arc<dyn Notifier>],
    now: Micros,
) -> BoxFuture<'a, Result<Inspected, Error>> {
    Box::pin(async move {
        let turns = |rule: &Rule| vec![turn_at(rule, now)];
        let earliest = monitors.iter().map(|monitor| turn_at(&monitor.rule, now)).min().unwrap_or(now);
        let mut inspected = look_and_write(store, tenant, monitors, turns, (earliest, now)).await?;
        tell(store, tenant, monitors, notifiers, Micros(now.0 - OWED_FOR), now, &mut inspected).await?;
        Ok(inspected)
    })
}

/// Looks at every turn from `from` to `to`, as [`inspect`] would have done, and faster: a week's rows are read at once.
pub fn walk<'a>(
    store: &'a Store,
    tenant: &'a Tenant,
    monitors: &'a [Monitor],
    notifiers: &'a [Arc<dyn Notifier>],
    from: Micros,
    to: Micros,
) -> BoxFuture<'a, Result<Inspected, Error>> {
    Box::pin(async move {
        let mut all = Inspected::default();
        let mut start = from;
        while start <= to {
            let end = Micros(to.0.min(start.0 + STRIDE - 1));
            let walked = look_and_write(store, tenant, monitors, |rule| moments(rule, start, end).collect(), (start, end)).await?;
            all.states.extend(walked.states);
            all.transitions.extend(walked.transitions);
            all.failed = 0;
            tell(store, tenant, monitors, notifiers, Micros(from.0 - OWED_FOR), end, &mut all).await?;
            start = Micros(end.0 + 1);
        }
        Ok(all)
    })
}

/// The turns of a rule from `from` to `to`, both included.
pub(crate) fn moments(rule: &Rule, from: Micros, to: Micros) -> impl Iterator<Item = Micros> + use<> {
    let every = rule.every.0;
    let first = from.0.div_euclid(every) + i64::from(from.0.rem_euclid(every) != 0);
    (first..=to.0.div_euclid(every)).map(move |turn| Micros(turn * every))
}

fn turn_at(rule: &Rule, now: Micros) -> Micros {
    Micros(now.0.div_euclid(rule.every.0) * rule.every.0)
}

async fn look_and_write(
    store: &Store,
    tenant: &Tenant,
    monitors: &[Monitor],
    turns: impl Fn(&Rule) -> Vec<Micros>,
    (from, to): (Micros, Micros),
) -> Result<Inspected, Error> {
    let memory = Arc::new(Memory::read(store, tenant, monitors, from, to).await?);
    let mut found = Inspected::default();
    for monitor in monitors {
        let open = memory.open(&monitor.rule.name, &turns(&monitor.rule));
        if open.is_empty() {
            continue;
        }
        let written = look(store, tenant, monitor, &open, memory.clone()).await?;
        found.states.extend(written.states);
        found.transitions.extend(written.transitions);
    }
    found.states.sort_by(|a, b| (a.time, &a.monitor, &a.slice).cmp(&(b.time, &b.monitor, &b.slice)));
    found.transitions.sort_by(|a, b| (a.time, &a.monitor, &a.kind).cmp(&(b.time, &b.monitor, &b.kind)));
    // Alerts first: a look whose states are missing is made again and finds its alerts; the other way round one would be lost.
    if !found.transitions.is_empty() {
        store.append(tenant, &found.transitions, to).await?;
    }
    if !found.states.is_empty() {
        store.append(tenant, &found.states, to).await?;
    }
    Ok(found)
}

/// Looks with one monitor at each open turn: one read for all, unless that is more than may be held; then one a turn.
async fn look(store: &Store, tenant: &Tenant, monitor: &Monitor, open: &[Micros], memory: Arc<Memory>) -> Result<Written, Error> {
    let replay = Replay::new(memory, monitor);
    let series = read(store, tenant, monitor, open).await;
    if !matches!(series, Err(SeriesError::TooManyRows { .. })) || open.len() == 1 {
        return Ok(look_at(replay, series, open).await?.1);
    }
    let (mut replay, mut all) = (replay, Written::default());
    for turn in open.chunks(1) {
        let written;
        (replay, written) = look_at(replay, read(store, tenant, monitor, turn).await, turn).await?;
        all.states.extend(written.states);
        all.transitions.extend(written.transitions);
    }
    Ok(all)
}

async fn read(store: &Store, tenant: &Tenant, monitor: &Monitor, turns: &[Micros]) -> Result<Series, SeriesError> {
    let (first, last) = (turns.first().copied().unwrap_or_default(), turns.last().copied().unwrap_or_default());
    Series::read(store, tenant, &monitor.rule, Micros(first.0 - monitor.rule.reach()), last, &monitor.limits).await
}

/// Computes off the runtime's threads.
async fn look_at(mut replay: Replay, series: Result<Series, SeriesError>, turns: &[Micros]) -> Result<(Replay, Written), Error> {
    let turns = turns.to_vec();
    let looked = tokio::task::spawn_blocking(move || {
        let mut all = Written::default();
        for now in turns {
            let written = replay.look(&series, now);
            all.states.extend(written.states);
            all.transitions.extend(written.transitions);
        }
        (replay, all)
    });
    Ok(looked.await?)
}

async fn tell(
    store: &Store,
    tenant: &Tenant,
    monitors: &[Monitor],
    notifiers: &[Arc<dyn Notifier>],
    since: Micros,
    now: Micros,
    inspected: &mut Inspected,
) -> Result<(), Error> {
    let Delivered { delivered, failed } = deliver(store, tenant, monitors, notifiers, since, now).await?;
    inspected.delivered += delivered;
    inspected.failed += failed;
    Ok(())
}
