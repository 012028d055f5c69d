//! One look, and a walk over many.

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use schema::{AlertTransition, Micros, MonitorState, Tenant};
use store::Store;

use crate::Monitor;
use crate::cause;
use crate::error::Error;
use crate::lifecycle::Shade;
use crate::memory::{Memory, Replay};
use crate::notify::{Delivered, Notifier, Round, deliver};
use crate::rule::{Duration, Rule};
use crate::series::{Excess, Found, Series, SeriesError};
use crate::watcher::{Look, Written};

/// How much of a walk is read, looked at and written at a time, where its rows may be held at once: a longer stride reads less often what its
/// windows and the baselines of the next one share; a crash costs all of it.
const STRIDE: i64 = 4 * Duration::WEEK.0;
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
        let pass = Pass { store, tenant, monitors, from: earliest, to: now, made: Made::Now };
        let mut inspected = pass.look_and_write(turns).await?;
        let round = Round { store, tenant, monitors, notifiers, since: Micros(now.0 - OWED_FOR), now };
        tell(round, &mut inspected).await?;
        Ok(inspected)
    })
}

/// Looks at every turn from `from` to `to`, as [`inspect`] would have done, and faster: the rows of weeks are read at once.
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
            let pass = Pass { store, tenant, monitors, from: start, to: end, made: Made::InTime };
            let walked = pass.look_and_write(|rule| moments(rule, start, end).collect()).await?;
            all.states.extend(walked.states);
            all.transitions.extend(walked.transitions);
            all.failed = 0;
            tell(Round { store, tenant, monitors, notifiers, since: Micros(from.0 - OWED_FOR), now: end }, &mut all).await?;
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

/// When the looks of a pass are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    /// Each at its own turn, as a walk over history pretends.
    InTime,
    /// All at the end of the pass.
    Now,
}

/// One pass of all monitors over a stretch of time.
#[derive(Clone, Copy)]
struct Pass<'a> {
    store: &'a Store,
    tenant: &'a Tenant,
    monitors: &'a [Monitor],
    from: Micros,
    to: Micros,
    made: Made,
}

impl Pass<'_> {
    async fn look_and_write(self, turns: impl Fn(&Rule) -> Vec<Micros>) -> Result<Inspected, Error> {
        let memory = Arc::new(Memory::read(self.store, self.tenant, self.monitors, self.from, self.to).await?);
        let mut found = Inspected::default();
        let shared = tokio::sync::Mutex::default();
        let order = self.order(&memory, turns);
        let looks_together = |a: &(&Monitor, Vec<Micros>), b: &(&Monitor, Vec<Micros>)| {
            a.0.rule.under.is_empty() && b.0.rule.under.is_empty() && a.0.rule.select == b.0.rule.select
        };
        for alike in order.chunk_by(looks_together) {
            let mut looking: Vec<BoxFuture<'_, Result<Written, Error>>> = Vec::with_capacity(alike.len());
            for (monitor, open) in alike {
                let covers = |row: &&AlertTransition| monitor.rule.under.contains(&row.monitor);
                let others: Vec<AlertTransition> = memory.transitions.iter().chain(&found.transitions).filter(covers).cloned().collect();
                let looks: Vec<Look> = open.iter().map(|turn| self.look_of(*turn, &others)).collect();
                looking.push(Box::pin(self.look(monitor, looks, memory.clone(), &shared)));
            }
            let looked: Vec<Result<Written, Error>> = stream::iter(looking).buffered(at_once()).collect().await;
            for ((monitor, _), written) in alike.iter().zip(looked) {
                let mut written = written?;
                for alert in written.transitions.iter_mut().filter(|row| row.state == "firing" && row.kind == "quality") {
                    cause::add(self.store, self.tenant, monitor, alert).await;
                }
                found.states.extend(written.states);
                found.transitions.extend(written.transitions);
            }
        }
        found.states.sort_by(|a, b| (a.time, &a.monitor, &a.slice).cmp(&(b.time, &b.monitor, &b.slice)));
        found.transitions.sort_by(|a, b| (a.time, &a.monitor, &a.kind).cmp(&(b.time, &b.monitor, &b.kind)));
        // Alerts first: a look whose states are missing is made again and finds its alerts; the other way round one would be lost.
        if !found.transitions.is_empty() {
            self.store.append(self.tenant, &found.transitions, self.to).await?;
        }
        if !found.states.is_empty() {
            self.store.append(self.tenant, &found.states, self.to).await?;
        }
        Ok(found)
    }

    /// The monitors whose turn it is: causes before what stands under them, and those with the same SELECT together.
    fn order(&self, memory: &Memory, turns: impl Fn(&Rule) -> Vec<Micros>) -> Vec<(&Monitor, Vec<Micros>)> {
        let open = self.monitors.iter().map(|monitor| (monitor, memory.open(&monitor.rule.name, &turns(&monitor.rule))));
        let mut order: Vec<(&Monitor, Vec<Micros>)> = open.filter(|(_, open)| !open.is_empty()).collect();
        let place =
            |monitor: &Monitor| (!monitor.rule.under.is_empty(), self.monitors.iter().position(|other| other.rule.select == monitor.rule.select));
        order.sort_by_key(|(monitor, _)| place(monitor));
        order
    }

    /// Looks with one monitor at each open turn: one read for all, or where that is more than may be held, for the halves of them, down to one turn.
    async fn look(self, monitor: &Monitor, looks: Vec<Look>, memory: Arc<Memory>, shared: &tokio::sync::Mutex<Shared>) -> Result<Written, Error> {
        let mut replay = Replay::new(memory, monitor);
        let mut all = Written::default();
        let mut waiting = vec![looks.as_slice()];
        while let Some(looks) = waiting.pop() {
            let found = self.read(monitor, looks, &mut *shared.lock().await).await;
            if matches!(found, Err(SeriesError::TooManyRows { .. })) && looks.len() > 1 {
                let (first, second) = looks.split_at(looks.len() / 2);
                waiting.extend([second, first]);
                continue;
            }
            replay = self.look_at(monitor, replay, found, looks, &mut all).await?;
        }
        Ok(all)
    }

    fn look_of(self, turn: Micros, others: &[AlertTransition]) -> Look {
        let at = if self.made == Made::Now { self.to } else { turn };
        Look { turn, at, shade: Shade::of(others, turn) }
    }

    /// Reads the windows and their baselines, unless a monitor with the same SELECT read as much before.
    async fn read(self, monitor: &Monitor, looks: &[Look], shared: &mut Shared) -> Result<Arc<Found>, SeriesError> {
        let (start, end) = self.range(monitor, looks);
        if let Some(found) = shared.covering(&monitor.rule.select, start, end) {
            return Ok(found);
        }
        // As far as any monitor that asks the same will look at these turns.
        let alike = self.monitors.iter().filter(|other| other.rule.select == monitor.rule.select);
        let start = alike.map(|other| self.range(other, looks).0).min().unwrap_or(start);
        // One look alone cannot be made smaller.
        let excess = if looks.len() > 1 { Excess::Refuse } else { Excess::Sample };
        let found = Arc::new(Found::read(self.store, self.tenant, &monitor.rule.select, (start, end), &monitor.limits, excess).await?);
        *shared = Shared { select: monitor.rule.select.clone(), start, end, found: found.clone() };
        Ok(found)
    }

    /// The time that looks reach over, with the window before, which late data may have changed.
    fn range(self, monitor: &Monitor, looks: &[Look]) -> (Micros, Micros) {
        let (first, last) = (looks.first().map_or(self.from, |look| look.turn), looks.last().map_or(self.to, |look| look.turn));
        (Micros(first.0 - monitor.rule.reach() - monitor.rule.window.0), last)
    }

    /// Computes off the runtime's threads.
    async fn look_at(
        self,
        monitor: &Monitor,
        mut replay: Replay,
        found: Result<Arc<Found>, SeriesError>,
        looks: &[Look],
        all: &mut Written,
    ) -> Result<Replay, Error> {
        let (rule, looks, (start, end)) = (monitor.rule.clone(), looks.to_vec(), self.range(monitor, looks));
        let looked = tokio::task::spawn_blocking(move || {
            let series = found.and_then(|found| Series::among(&rule, &found, start, end));
            let written: Vec<Written> = looks.into_iter().map(|look| replay.look(&series, look)).collect();
            (replay, written)
        });
        let (replay, written) = looked.await?;
        for written in written {
            all.states.extend(written.states);
            all.transitions.extend(written.transitions);
        }
        Ok(replay)
    }
}

/// How many monitors with the same SELECT compute at once.
fn at_once() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

/// What was read last: the monitors with the same SELECT come one after the other.
#[derive(Debug, Default)]
struct Shared {
    select: String,
    start: Micros,
    end: Micros,
    found: Arc<Found>,
}

impl Shared {
    fn covering(&self, select: &str, start: Micros, end: Micros) -> Option<Arc<Found>> {
        (self.select == select && self.start <= start && self.end >= end && self.end > self.start).then(|| self.found.clone())
    }
}

async fn tell(round: Round<'_>, inspected: &mut Inspected) -> Result<(), Error> {
    let Delivered { delivered, failed, transitions } = deliver(round).await?;
    inspected.delivered += delivered;
    inspected.failed += failed;
    inspected.transitions.extend(transitions);
    Ok(())
}
