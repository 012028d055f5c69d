//! What was told before, and which notifiers are in trouble: a fold over the rows of `notifications`.

use std::collections::HashMap;
use std::time::Duration;

use schema::{Micros, Notification, Tenant};
use store::{Param, QueryOptions, Store};

use super::{Notice, NotifyError};
use crate::error::Error;

/// Attempts that are read back; more than that within two days means that something else is wrong.
const ROWS_MAX: usize = 100_000;
const DEADLINE: Duration = Duration::from_secs(60);
/// Wait after the first failed round; it doubles with each further one.
const WAIT_US: i64 = 30_000_000;
const WAIT_MAX_US: i64 = 900_000_000;

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Delivered,
    Failed,
    Dead,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Outcome::Delivered => "delivered",
            Outcome::Failed => "failed",
            Outcome::Dead => "dead",
        }
    }
}

/// Failed rounds in a row of one notifier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Trouble {
    pub rounds: u32,
    last: i64,
}

impl Trouble {
    /// Whether the notifier is left alone for now.
    pub fn waits(self, now: Micros) -> bool {
        let wait = WAIT_US.saturating_mul(1 << self.rounds.saturating_sub(1).min(20)).min(WAIT_MAX_US);
        self.rounds > 0 && now.0 - self.last < wait
    }
}

/// What the attempts of the last days say.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Notices that are done with, delivered or given up, by notifier, and since when.
    settled: HashMap<(String, String), i64>,
    trouble: HashMap<String, Trouble>,
}

impl Ledger {
    /// Reads the attempts since `start`.
    pub async fn read(store: &Store, tenant: &Tenant, start: Micros, end: Micros) -> Result<Self, Error> {
        #[derive(serde::Deserialize)]
        struct Row {
            notifier: String,
            key: String,
            outcome: String,
            time_us: i64,
        }
        let params = vec![("start".to_owned(), Param::Time(start)), ("end".to_owned(), Param::Time(end))];
        let options = QueryOptions { params, max_rows: ROWS_MAX, deadline: DEADLINE };
        let rows: Vec<Row> = store.query(tenant, include_str!("ledger.sql"), &options).await?.rows()?;
        let mut ledger = Self::default();
        for row in rows.into_iter().rev() {
            let outcome = [Outcome::Delivered, Outcome::Failed, Outcome::Dead].into_iter().find(|outcome| outcome.name() == row.outcome);
            ledger.apply(&row.notifier, row.key, outcome.unwrap_or(Outcome::Failed), row.time_us);
        }
        Ok(ledger)
    }

    /// Takes in the outcome of an attempt.
    pub fn note(&mut self, row: &Notification, outcome: Outcome) {
        self.apply(&row.notifier, row.key.clone(), outcome, row.time.0);
    }

    fn apply(&mut self, notifier: &str, key: String, outcome: Outcome, time: i64) {
        let trouble = self.trouble.entry(notifier.to_owned()).or_default();
        match outcome {
            Outcome::Delivered => *trouble = Trouble::default(),
            Outcome::Failed => *trouble = Trouble { rounds: trouble.rounds + 1, last: time },
            Outcome::Dead => trouble.rounds += 1,
        }
        if outcome != Outcome::Failed {
            self.settled.entry((key, notifier.to_owned())).or_insert(time);
        }
    }

    /// Tells whether a notifier still has to be told: of what it was not told yet, and of reminders that are due since it was.
    pub fn is_open(&self, notice: &Notice, notifier: &str) -> bool {
        let settled_at = |key: &str| self.settled.get(&(key.to_owned(), notifier.to_owned()));
        let is_due = |first: &str| settled_at(first).is_some_and(|told| *told < notice.at.0);
        settled_at(&notice.key).is_none() && notice.first_key().is_none_or(is_due)
    }

    pub fn trouble(&self, notifier: &str) -> Trouble {
        self.trouble.get(notifier).copied().unwrap_or_default()
    }
}

/// The row of an attempt.
pub(super) fn row(notice: &Notice, notifier: &str, outcome: Outcome, error: Option<&NotifyError>, now: Micros) -> Notification {
    Notification {
        time: now,
        date: now.day(),
        notifier: notifier.to_owned(),
        key: notice.key.clone(),
        alert_id: notice.id.clone(),
        monitor: notice.monitor.clone(),
        alert_state: notice.state.clone(),
        outcome: outcome.name().to_owned(),
        error: error.map(ToString::to_string),
        payload: (outcome == Outcome::Dead).then(|| serde_json::to_string(notice).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use schema::AlertTransition;

    use super::*;

    #[test]
    fn waits_grow_and_end_with_a_delivery() {
        let mut ledger = Ledger::default();
        let waits = |ledger: &Ledger, second: i64| ledger.trouble("a").waits(Micros(second * 1_000_000));
        assert!(!waits(&ledger, 0));
        ledger.apply("a", "k".to_owned(), Outcome::Failed, 0);
        assert!(waits(&ledger, 29) && !waits(&ledger, 30));
        for _ in 0..9 {
            ledger.apply("a", "k".to_owned(), Outcome::Failed, 0);
        }
        assert!(waits(&ledger, 899) && !waits(&ledger, 900));
        ledger.apply("a", "k".to_owned(), Outcome::Delivered, 0);
        assert!(!waits(&ledger, 1));
    }

    /// Whoever hears of an alert late needs no reminder of the time before.
    #[test]
    fn reminders_are_of_what_was_told() {
        let fired = AlertTransition { id: "a".to_owned(), state: "firing".to_owned(), ..AlertTransition::default() };
        let first = Notice::of(&Tenant::default(), &fired);
        let reminder = |hour: i64| first.clone().again(1, Micros(hour));
        let mut ledger = Ledger::default();
        assert!(ledger.is_open(&first, "a") && !ledger.is_open(&reminder(4), "a"));
        ledger.apply("a", first.key.clone(), Outcome::Failed, 5);
        assert!(ledger.is_open(&first, "a") && !ledger.is_open(&reminder(8), "a"));
        ledger.apply("a", first.key.clone(), Outcome::Delivered, 9);
        assert!(!ledger.is_open(&first, "a") && !ledger.is_open(&reminder(8), "a") && ledger.is_open(&reminder(12), "a"));
        assert!(ledger.is_open(&first, "b"));
        ledger.apply("a", reminder(12).key, Outcome::Delivered, 12);
        assert!(!ledger.is_open(&reminder(12), "a"));
    }
}
