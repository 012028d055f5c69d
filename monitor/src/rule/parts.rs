//! The parts of a rule: how a window becomes a number, what it is compared with, and how much an alert matters.

use serde::Deserialize;

use super::Duration;

/// How the rows of a window become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Arithmetic mean; with `scale: log` the geometric one.
    #[default]
    Mean,
    /// Middle value.
    Median,
    /// 95th percentile (`threshold` only).
    P95,
    /// 99th percentile (`threshold` only).
    P99,
    /// Smallest value (`threshold` only).
    Min,
    /// Largest value (`threshold` only).
    Max,
    /// Sum (`threshold` only).
    Sum,
    /// Number of rows (`threshold` only).
    Count,
}

/// In which terms levels are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Differences, in the unit of `value`.
    #[default]
    Linear,
    /// Ratios: for durations, tokens and money. An effect of 0.5 is half as much again.
    Log,
}

/// Which way a change must go to matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Only a rise.
    Up,
    /// Only a fall.
    Down,
    /// Either.
    Both,
}

/// How much an alert matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Wake somebody.
    Page,
    /// Somebody should look in working hours.
    #[default]
    Ticket,
    /// Good to know.
    Info,
}

impl Severity {
    /// Returns the word that rows and files use.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Page => "page",
            Severity::Ticket => "ticket",
            Severity::Info => "info",
        }
    }
}

/// What the window is compared with. Of those given, the first with enough history is taken, in this order.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Baseline {
    /// The same hours of so many past weeks.
    pub same_hours_of_weeks: Option<u32>,
    /// The same hours of so many past days.
    pub same_hours_of_days: Option<u32>,
    /// All windows of the same length, end to end, that fit into the time before the window.
    pub trailing: Option<Duration>,
    /// Observations that a baseline needs before anything is compared with it. Default 100.
    pub min_n: u64,
    /// Windows with observations that a baseline needs. Default 3.
    pub min_windows: usize,
}

impl Default for Baseline {
    fn default() -> Self {
        Self { same_hours_of_weeks: None, same_hours_of_days: None, trailing: None, min_n: 100, min_windows: 3 }
    }
}

/// When a monitor that sees nothing is heard of.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoData {
    /// Evaluations in a row without data, or with an error, before an alert of kind `data` opens.
    #[serde(rename = "for")]
    pub hold: u32,
}

impl Default for NoData {
    fn default() -> Self {
        Self { hold: 4 }
    }
}
