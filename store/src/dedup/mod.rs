//! Which bodies were stored of late, so that a request that is sent again is not stored again.
//!
//! A body is known by tenant, signal and its xxh3-128. The window is rebuilt from the log at open; what a deleted segment
//! knew is kept in a file beside the log for as long as it matters (`file`). Age is counted by a clock of the window's own, which
//! goes on when the clock of the machine is set back.

mod clock;
mod file;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use schema::{Micros, Tenant};
use tokio::sync::oneshot;

use self::clock::OwnClock;
use crate::config::StoreConfig;
use crate::decode::Signal;

/// What a body is known by; small, because there are many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    tenant: u32,
    signal: Signal,
    hash: u128,
}

/// The bodies of the last minutes.
pub(crate) struct Window {
    micros: i64,
    entries_max: usize,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    bodies: HashMap<Key, Body>,
    /// Stored bodies, oldest first; an entry whose position is not the body's any more is stale.
    order: VecDeque<(Key, Kept)>,
    tenants: Vec<Tenant>,
    clock: OwnClock,
}

/// Where a body is in the log, and when it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    pub seq: u64,
    pub received_at: Micros,
}

/// A stored body, and when that was by the window's own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kept {
    stored: Stored,
    at: i64,
}

enum Body {
    /// On its way to the disk; these wait to hear of it.
    Pending(Vec<oneshot::Sender<()>>),
    Stored(Kept),
}

/// What is known of a body.
pub(crate) enum Known {
    /// It was stored at this position.
    Stored(u64),
    /// It is being stored; ask again when this resolves, whatever it resolves to.
    Pending(oneshot::Receiver<()>),
    /// It is new, and belongs to the holder of the ticket.
    New(Ticket),
}

/// The right to store a body; dropped without [`Ticket::stored`], the body is new to the next one who asks.
pub(crate) struct Ticket {
    window: Arc<Window>,
    key: Option<Key>,
    received_at: Micros,
}

impl Window {
    /// Makes an empty window.
    pub(crate) fn new(config: &StoreConfig) -> Window {
        let micros = i64::try_from(config.dedup_window_s.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
        Window { micros, entries_max: config.dedup_entries_max, seen: Mutex::default() }
    }

    /// Tells what is known of a body that arrives now, and hands it to the caller if it is new.
    pub(crate) fn ask(self: &Arc<Self>, tenant: &Tenant, signal: Signal, hash: u128, received_at: Micros) -> Known {
        let mut seen = self.seen.lock();
        let key = Key { tenant: seen.number_of(tenant), signal, hash };
        let now = seen.clock.advance(received_at, self.micros);
        match seen.bodies.get_mut(&key) {
            Some(Body::Pending(waiting)) => {
                let (sender, receiver) = oneshot::channel();
                waiting.push(sender);
                return Known::Pending(receiver);
            }
            Some(Body::Stored(kept)) if now - kept.at <= self.micros => return Known::Stored(kept.stored.seq),
            _ => {}
        }
        seen.bodies.insert(key, Body::Pending(Vec::new()));
        Known::New(Ticket { window: Arc::clone(self), key: Some(key), received_at })
    }

    /// Notes a body that is in the log.
    pub(crate) fn note(&self, tenant: &Tenant, signal: Signal, hash: u128, stored: Stored) {
        let mut seen = self.seen.lock();
        let key = Key { tenant: seen.number_of(tenant), signal, hash };
        self.note_key(&mut seen, key, stored);
    }

    fn note_key(&self, seen: &mut Seen, key: Key, stored: Stored) {
        let kept = Kept { stored, at: seen.clock.advance(stored.received_at, self.micros) };
        // Dropping the senders wakes those who wait for this body.
        seen.bodies.insert(key, Body::Stored(kept));
        seen.order.push_back((key, kept));
        while seen.order.len() > self.entries_max || seen.order.front().is_some_and(|(_, oldest)| kept.at - oldest.at > self.micros) {
            let Some((key, oldest)) = seen.order.pop_front() else { break };
            if matches!(seen.bodies.get(&key), Some(Body::Stored(kept)) if *kept == oldest) {
                seen.bodies.remove(&key);
            }
        }
    }

    fn abandon(&self, key: Key) {
        let mut seen = self.seen.lock();
        if matches!(seen.bodies.get(&key), Some(Body::Pending(_))) {
            seen.bodies.remove(&key);
        }
    }
}

impl Seen {
    /// Returns a number for the tenant; there are as many as there are keys in the configuration.
    fn number_of(&mut self, tenant: &Tenant) -> u32 {
        let known = self.tenants.iter().position(|known| known == tenant);
        let index = known.unwrap_or_else(|| {
            self.tenants.push(tenant.clone());
            self.tenants.len() - 1
        });
        u32::try_from(index).unwrap_or(u32::MAX)
    }
}

impl Ticket {
    /// Says that the body is durable at `seq`.
    pub(crate) fn stored(mut self, seq: u64) {
        if let Some(key) = self.key.take() {
            let stored = Stored { seq, received_at: self.received_at };
            self.window.note_key(&mut self.window.seen.lock(), key, stored);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.window.abandon(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(entries_max: usize) -> Arc<Window> {
        Arc::new(Window::new(&StoreConfig { dedup_window_s: 60, dedup_entries_max: entries_max, ..StoreConfig::default() }))
    }

    fn ask(window: &Arc<Window>, hash: u128, second: i64) -> Known {
        window.ask(&Tenant::default(), Signal::Traces, hash, Micros(second * 1_000_000))
    }

    fn store(window: &Arc<Window>, hash: u128, seq: u64, second: i64) {
        match ask(window, hash, second) {
            Known::New(ticket) => ticket.stored(seq),
            _ => panic!("body {hash} is known"),
        }
    }

    #[track_caller]
    fn check(window: &Arc<Window>, hash: u128, second: i64, expected: Option<u64>) {
        match ask(window, hash, second) {
            Known::Stored(seq) => assert_eq!(Some(seq), expected),
            Known::New(_) => assert_eq!(None, expected),
            Known::Pending(_) => panic!("body {hash} is pending"),
        }
    }

    #[test]
    fn a_body_is_known_for_the_window() {
        let window = window(100);
        store(&window, 1, 10, 0);
        check(&window, 1, 60, Some(10));
        check(&window, 1, 61, None);
        store(&window, 1, 11, 61);
        check(&window, 1, 62, Some(11));
    }

    #[test]
    fn other_tenants_and_signals_have_bodies_of_their_own() {
        let window = window(100);
        store(&window, 1, 10, 0);
        let other = Tenant::new("other").unwrap();
        assert!(matches!(window.ask(&other, Signal::Traces, 1, Micros(0)), Known::New(_)));
        assert!(matches!(window.ask(&Tenant::default(), Signal::Logs, 1, Micros(0)), Known::New(_)));
    }

    #[test]
    fn the_oldest_bodies_go_first() {
        let window = window(2);
        (1..=3).for_each(|n| store(&window, u128::from(n), n, 0));
        check(&window, 1, 0, None);
        check(&window, 2, 0, Some(2));
    }

    /// A request that is sent again across a step of the clock must not be stored twice, and the window must go on after it.
    #[test]
    fn a_clock_that_is_set_back_makes_nothing_new() {
        for back in [30, 3_600] {
            let window = window(100);
            store(&window, 1, 10, 10_000);
            check(&window, 1, 10_000 - back, Some(10));
            store(&window, 2, 11, 10_000 - back);
            check(&window, 1, 10_030 - back, Some(10));
            check(&window, 2, 10_030 - back, Some(11));
            check(&window, 1, 10_100, None);
            check(&window, 2, 10_100, None);
        }
    }

    /// A body stored a second time after its window must not be forgotten with its first entry.
    #[test]
    fn a_stale_entry_does_not_take_the_newer_one_with_it() {
        let window = window(100);
        store(&window, 1, 10, 0);
        store(&window, 1, 11, 61);
        store(&window, 2, 12, 62);
        check(&window, 1, 63, Some(11));
    }

    #[tokio::test]
    async fn those_who_wait_hear_of_success_and_of_failure() {
        let window = window(100);
        let Known::New(ticket) = ask(&window, 1, 0) else { panic!("new") };
        let Known::Pending(first) = ask(&window, 1, 0) else { panic!("pending") };
        drop(ticket);
        assert!(first.await.is_err());
        let Known::New(ticket) = ask(&window, 1, 0) else { panic!("new again") };
        let Known::Pending(second) = ask(&window, 1, 0) else { panic!("pending") };
        ticket.stored(5);
        assert!(second.await.is_err());
        check(&window, 1, 0, Some(5));
    }
}
