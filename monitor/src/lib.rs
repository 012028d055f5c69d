//! Watches what the other stages wrote, and says when it changed: drift, anomalies, errors, silence.
//!
//! A monitor is one SELECT in a file and how sure to be ([`rule`]). [`inspect`] looks once, at `now`; [`walk`] looks at every
//! `now` that the schedule would have had. A look reads the window and its baseline ([`series`]), measures the whole and each
//! slice (`detectors`), corrects for having looked at many (`findings`), and moves the alert of the monitor along
//! (`lifecycle`). Rows go to `monitor_states` and `alerts`, people are told by [`notify`].
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests have clocks, tasks and environments of their own"))]

mod backtest;
mod baseline;
mod cause;
mod detectors;
mod examine;
mod findings;
mod inspect;
mod lifecycle;
mod memory;
mod roster;
mod state;
mod watcher;
mod words;

pub mod config;
pub mod error;
pub mod notify;
pub mod rule;
pub mod series;
pub mod shipped;

pub use backtest::{NullRate, Replayed, backtest, html, rehearse};
pub use config::{Limits, MonitorConfig};
pub use detectors::Detector;
pub use error::{Error, ErrorKind};
pub use examine::{Fault, examine};
pub use inspect::{Inspected, inspect, walk};
pub use notify::{Notice, Notifier};
pub use roster::Roster;
pub use rule::Rule;
pub use series::Series;
pub use shipped::{extended, load, shipped, shipped_files, yaml_files};
pub use state::State;
pub use watcher::Written;

/// A monitor that is ready to look.
#[derive(Debug, Clone, PartialEq)]
pub struct Monitor {
    /// What its file says.
    pub rule: Rule,
    /// Name of the file.
    pub file: String,
    /// What a look may cost.
    pub limits: Limits,
}
