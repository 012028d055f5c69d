//! Admission by bytes: a request holds its memory from the first byte of its body until its rows are made.
//!
//! When memory runs short, who sent most of late is turned away first: one noisy exporter must not starve the others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use schema::Tenant;
use store::{Budget, Permit};
use tokio::time::{Duration, Instant};

use crate::otlp::limits::Lender;

/// The part of memory that is left for clients that send less than their share, as a divisor.
const RESERVED: usize = 4;
/// How often what was sent is forgotten by half.
const HALF_LIFE: Duration = Duration::from_secs(1);
/// Clients that sent fewer bytes of late do not count.
const QUIET_BYTES: f64 = 1024.0;
/// Clients that are told apart; further ones count as quiet.
const CLIENTS_MAX: usize = 10_000;

/// Who sends: exporters of one tenant from one address are one client.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Client {
    /// Whose data it is.
    pub tenant: Tenant,
    /// Where the connection comes from.
    pub address: Option<IpAddr>,
}

/// Lets requests in as long as there is memory for them.
#[derive(Debug, Clone)]
pub struct Door {
    memory: Arc<Budget>,
    shares: Arc<Mutex<Shares>>,
}

/// Memory that one request was let in with; it is given back when this is dropped.
#[derive(Debug)]
pub struct Hold(Permit);

impl Door {
    /// Opens a door to the memory that ingest has.
    pub fn new(memory: Arc<Budget>) -> Self {
        Self { memory, shares: Arc::default() }
    }

    /// Tells whether a client may send `bytes` now, and counts them as sent if so.
    pub fn may_send(&self, client: &Client, bytes: usize, now: Instant) -> bool {
        let mut shares = self.shares.lock();
        let limit = self.memory.limit();
        let limit = if shares.is_greedy(client, now) { limit - limit / RESERVED } else { limit };
        let may = self.memory.used().saturating_add(bytes) <= limit;
        if may {
            shares.count(client, bytes);
        }
        may
    }

    /// Takes memory, if there is any.
    pub fn admit(&self, bytes: usize) -> Option<Hold> {
        self.memory.take(bytes).map(Hold)
    }
}

impl Hold {
    /// Gives back what is held above `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        self.0.shrink_to(bytes);
    }

    /// How many bytes the request holds.
    pub fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

impl Lender for Hold {
    fn lend(&mut self, bytes: usize) -> bool {
        self.0.grow(bytes)
    }
}

/// What each client sent of late, in bytes that fade.
#[derive(Debug, Default)]
struct Shares {
    clients: HashMap<Client, f64>,
    total: f64,
    faded: Option<Instant>,
}

impl Shares {
    /// Tells whether a client sent clearly more than the average client.
    fn is_greedy(&mut self, client: &Client, now: Instant) -> bool {
        self.fade(now);
        let sent = self.clients.get(client).copied().unwrap_or_default();
        sent * self.clients.len() as f64 > 1.1 * self.total
    }

    fn count(&mut self, client: &Client, bytes: usize) {
        if let Some(sent) = self.clients.get_mut(client) {
            *sent += bytes as f64;
        } else if self.clients.len() < CLIENTS_MAX {
            self.clients.insert(client.clone(), bytes as f64);
        } else {
            return;
        }
        self.total += bytes as f64;
    }

    /// Forgets a part of what was sent, a few times in a half-life.
    fn fade(&mut self, now: Instant) {
        let age = now - *self.faded.get_or_insert(now);
        if age < HALF_LIFE / 8 {
            return;
        }
        self.faded = Some(now);
        let left = 0.5_f64.powf(age.as_secs_f64() / HALF_LIFE.as_secs_f64());
        self.clients.retain(|_, sent| {
            *sent *= left;
            *sent >= QUIET_BYTES
        });
        self.total = self.clients.values().sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(tenant: &str) -> Client {
        Client { tenant: Tenant::new(tenant).unwrap(), address: None }
    }

    #[test]
    fn what_is_held_comes_back() {
        let door = Door::new(Budget::new(100));
        let (who, now) = (client("a"), Instant::now());
        let mut first = door.admit(60).unwrap();
        assert!(first.lend(40) && !first.lend(1));
        assert!(!door.may_send(&who, 1, now));
        first.shrink_to(30);
        assert!(door.may_send(&who, 70, now) && !door.may_send(&who, 71, now));
        drop(first);
        assert!(door.may_send(&who, 100, now));
    }

    /// A client alone may take everything; beside another one the last quarter is for who sends less.
    #[test]
    fn a_noisy_client_leaves_room_for_quiet_ones() {
        let mib = 1 << 20;
        let door = Door::new(Budget::new(100 * mib));
        let (noisy, quiet, other) = (client("noisy"), client("quiet"), client("other"));
        let start = Instant::now();
        let mut holds = Vec::new();
        let mut take = |who: &Client, n_max: usize, now| {
            let taken = (0..n_max).map_while(|_| door.may_send(who, mib, now).then(|| door.admit(mib)).flatten());
            holds.extend(taken);
            holds.len()
        };
        assert_eq!(take(&quiet, 1, start), 1);
        assert_eq!(take(&noisy, 1_000, start), 75, "three quarters are the noisy one's");
        assert_eq!(take(&quiet, 10, start), 85);
        assert_eq!(take(&other, 10, start), 95);
        drop(holds);
        let holds: Vec<_> = (0..1_000).map_while(|_| door.may_send(&noisy, mib, start + 40 * HALF_LIFE).then(|| door.admit(mib)).flatten()).collect();
        assert_eq!(holds.len(), 100, "what was long ago is forgotten, and alone it may take everything");
    }
}
