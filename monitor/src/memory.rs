//! What the monitors wrote before: a restart goes on from these rows, there is no other state.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use schema::{AlertTransition, Micros, MonitorState, Row, Tenant};
use store::{Param, QueryOptions, Store};

use crate::Monitor;
use crate::error::Error;
use crate::lifecycle::History;
use crate::series::{Series, SeriesError};
use crate::watcher::{Look, Watcher, Written};

/// Rows of `alerts` that are read, the latest first: some thousand alerts, which no deployment should have.
const TRANSITIONS_MAX: usize = 100_000;
/// Rows of `monitor_states` that are read.
const STATES_MAX: usize = 1_000_000;
const DEADLINE: Duration = Duration::from_secs(60);

/// Rows of `alerts` and `monitor_states`, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub transitions: Vec<AlertTransition>,
    states: Vec<MonitorState>,
}

impl Memory {
    /// Reads the transitions there are, and the states that looks between `from` and `to` depend on.
    pub async fn read(store: &Store, tenant: &Tenant, monitors: &[Monitor], from: Micros, to: Micros) -> Result<Self, Error> {
        let reach = monitors.iter().map(|monitor| History::reach(&monitor.rule)).max().unwrap_or(0);
        let span = vec![("start".to_owned(), Param::Time(Micros(from.0 - reach))), ("end".to_owned(), Param::Time(to))];
        let transitions = Self::transitions(store, tenant).await?;
        let states = read(store, tenant, include_str!("states.sql"), span, STATES_MAX).await?;
        Ok(Self { transitions, states })
    }

    /// Reads every transition, oldest first.
    pub async fn transitions(store: &Store, tenant: &Tenant) -> Result<Vec<AlertTransition>, Error> {
        read(store, tenant, include_str!("alerts.sql"), Vec::new(), TRANSITIONS_MAX).await
    }

    /// The turns of `turns` at which a monitor has not looked yet.
    pub fn open(&self, monitor: &str, turns: &[Micros]) -> Vec<Micros> {
        let done: HashSet<i64> = self.states.iter().filter(|row| row.monitor == monitor).map(|row| row.time.0).collect();
        turns.iter().copied().filter(|turn| !done.contains(&turn.0)).collect()
    }

    /// The transitions of one monitor.
    fn of<'a>(&'a self, monitor: &'a str) -> impl Iterator<Item = &'a AlertTransition> {
        self.transitions.iter().filter(move |transition| transition.monitor == monitor)
    }
}

/// A monitor that goes through time: before each look it takes in what was written before that look.
#[derive(Debug)]
pub(crate) struct Replay {
    memory: Arc<Memory>,
    watcher: Watcher,
    monitor: String,
    /// Time up to which the memory was taken in.
    recalled: i64,
}

impl Replay {
    /// Begins before everything that is remembered.
    pub fn new(memory: Arc<Memory>, monitor: &Monitor) -> Self {
        Self { memory, watcher: Watcher::new(monitor), monitor: monitor.rule.name.clone(), recalled: i64::MIN }
    }

    /// Looks over the rows of `series`, or notes why there are none.
    ///
    /// What the look writes that is there already (its alerts were written and its states were not, because the process
    /// died between the two) is left out.
    pub fn look(&mut self, series: &Result<Series, SeriesError>, look: Look) -> Written {
        self.recall(look.turn.0);
        let mut written = match series {
            Ok(series) => {
                let again = self.watcher.step_back(series, look);
                let mut written = self.watcher.step(series, look);
                written.states.splice(0..0, again);
                written
            }
            Err(error) => self.watcher.step_blind(error.to_string(), look),
        };
        let old = |new: &AlertTransition| self.memory.of(&self.monitor).any(|old| (&old.id, &old.state, old.time) == (&new.id, &new.state, new.time));
        written.transitions.retain(|new| !old(new));
        written
    }

    fn recall(&mut self, now: i64) {
        let fresh = |time: Micros| time.0 >= self.recalled && time.0 < now;
        let rows: Vec<&MonitorState> = self.memory.states.iter().filter(|row| row.monitor == self.monitor && fresh(row.time)).collect();
        for evaluation in rows.chunk_by(|a, b| a.time == b.time) {
            // A turn that was looked at again counts as it was seen last.
            let latest = evaluation.iter().map(|row| row.evaluated_at).max().flatten();
            let rows: Vec<&MonitorState> = evaluation.iter().copied().filter(|row| row.evaluated_at == latest).collect();
            self.watcher.recall_states(&rows);
        }
        for transition in self.memory.of(&self.monitor).filter(|transition| fresh(transition.time)) {
            self.watcher.recall_transition(transition);
        }
        self.recalled = now;
    }
}

async fn read<R: Row>(store: &Store, tenant: &Tenant, sql: &str, params: Vec<(String, Param)>, max_rows: usize) -> Result<Vec<R>, Error> {
    let answer = store.query(tenant, sql, &QueryOptions { params, max_rows, deadline: DEADLINE }).await?;
    let mut rows = Vec::with_capacity(answer.n_rows());
    for batch in &answer.batches {
        rows.extend(R::decode(batch)?);
    }
    // The latest come first, so that a bound cuts the oldest.
    rows.reverse();
    Ok(rows)
}
