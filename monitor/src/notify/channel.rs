//! Alerts about the channels themselves: a notifier that cannot be reached is told over the others.

use schema::{AlertTransition, Micros};

use super::ledger::Trouble;

/// Failed rounds in a row after which a notifier counts as broken.
const BROKEN_AFTER: u32 = 3;
const KIND: &str = "channel";

/// The name that stands for a notifier where monitors have theirs.
pub(super) fn monitor_of(notifier: &str) -> String {
    format!("channel:{notifier}")
}

/// The notifier that an alert is about, where it is about one.
pub(super) fn notifier_of(monitor: &str) -> Option<&str> {
    monitor.strip_prefix("channel:")
}

/// What becomes of the alert about a notifier after a round: it opens, ends, or stays as it is.
pub(super) fn next(notifier: &str, transitions: &[AlertTransition], trouble: Trouble, problem: Option<&str>, now: Micros) -> Option<AlertTransition> {
    let monitor = monitor_of(notifier);
    let life = |row: &&AlertTransition| row.monitor == monitor && matches!(row.state.as_str(), "firing" | "resolved");
    let open = transitions.iter().rfind(life).filter(|row| row.state == "firing");
    match (open, trouble.rounds) {
        (None, rounds) if rounds >= BROKEN_AFTER => {
            let summary =
                format!("notifier {notifier} could not be told {rounds} times in a row: {}", problem.unwrap_or("see the table notifications"));
            let id = format!("{KIND}-{notifier}-{}", now.to_datetime().format("%Y%m%dT%H%M%SZ"));
            Some(transition(id, monitor, "firing", summary, now))
        }
        (Some(open), 0) => Some(transition(open.id.clone(), monitor, "resolved", format!("notifier {notifier} is reached again"), now)),
        _ => None,
    }
}

fn transition(id: String, monitor: String, state: &str, summary: String, now: Micros) -> AlertTransition {
    AlertTransition {
        id,
        time: now,
        date: now.day(),
        monitor,
        kind: KIND.to_owned(),
        state: state.to_owned(),
        severity: "page".to_owned(),
        summary,
        ..AlertTransition::default()
    }
}
