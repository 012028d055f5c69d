//! What a monitor would have said over rows in memory: the same looks and the same alerts, nothing written, nobody told.

use schema::Micros;

use crate::Monitor;
use crate::inspect::moments;
use crate::series::Series;
use crate::watcher::{Watcher, Written};

/// Looks at every `now` from `from` to `to` that the schedule would have had.
pub fn rehearse(monitor: &Monitor, series: &Series, from: Micros, to: Micros) -> Written {
    let mut watcher = Watcher::new(monitor);
    let mut all = Written::default();
    for now in moments(&monitor.rule, from, to) {
        let written = watcher.step(series, now);
        all.states.extend(written.states);
        all.transitions.extend(written.transitions);
    }
    all
}
