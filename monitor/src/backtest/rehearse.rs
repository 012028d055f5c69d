//! What a monitor would have said over rows in memory: the same looks and the same alerts, nothing written, nobody told.

use schema::{AlertTransition, Micros};

use crate::Monitor;
use crate::inspect::moments;
use crate::lifecycle::Shade;
use crate::series::Series;
use crate::watcher::{Look, Watcher, Written};

/// Looks at every `now` from `from` to `to` that the schedule would have had.
pub fn rehearse(monitor: &Monitor, series: &Series, from: Micros, to: Micros) -> Written {
    rehearse_under(monitor, series, &[], from, to)
}

/// The same, in the shade of the alerts of the monitors that this one stands under.
pub(super) fn rehearse_under(monitor: &Monitor, series: &Series, others: &[AlertTransition], from: Micros, to: Micros) -> Written {
    let mut watcher = Watcher::new(monitor);
    let mut all = Written::default();
    for turn in moments(&monitor.rule, from, to) {
        let written = watcher.step(series, Look { turn, at: turn, shade: Shade::of(others, turn) });
        all.states.extend(written.states);
        all.transitions.extend(written.transitions);
    }
    all
}
