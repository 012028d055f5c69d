//! The bodies that a reading of a stream has met of late, by which what a sender repeated is told apart.

use std::collections::{HashSet, VecDeque};

use schema::{Micros, Tenant};
use twox_hash::XxHash3_128;

use crate::config::StoreConfig;

/// Remembers bodies for a while; the oldest go first.
pub(crate) struct Recent {
    window_us: i64,
    entries_max: usize,
    seen: HashSet<u128>,
    order: VecDeque<(Micros, u128)>,
}

impl Recent {
    /// Remembers as long and as many as the log of this node does.
    pub(crate) fn new(config: &StoreConfig) -> Recent {
        let window_us = i64::try_from(config.dedup_window_s).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        Recent { window_us, entries_max: config.dedup_entries_max, seen: HashSet::new(), order: VecDeque::new() }
    }

    /// Notes a body; tells whether the tenant sent the same one before.
    pub(crate) fn is_repeated(&mut self, tenant: &Tenant, body: &[u8], now: Micros) -> bool {
        while self.order.front().is_some_and(|(at, _)| now.0 - at.0 > self.window_us || self.order.len() >= self.entries_max.max(1)) {
            self.order.pop_front().map(|(_, hash)| self.seen.remove(&hash));
        }
        let hash = XxHash3_128::oneshot(body) ^ XxHash3_128::oneshot(tenant.as_str().as_bytes()).rotate_left(1);
        let is_new = self.window_us > 0 && self.seen.insert(hash);
        if is_new {
            self.order.push_back((now, hash));
        }
        !is_new && self.window_us > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_known_for_a_while() {
        let mut recent = Recent::new(&StoreConfig { dedup_window_s: 10, dedup_entries_max: 2, ..StoreConfig::default() });
        let tenant = Tenant::default();
        let mut ask = |body: &str, second: i64| recent.is_repeated(&tenant, body.as_bytes(), Micros(second * 1_000_000));
        assert!(!ask("a", 0) && ask("a", 5));
        assert!(!ask("a", 11), "it is forgotten by now");
        assert!(!ask("b", 11) && !ask("c", 11) && !ask("a", 11), "the oldest went first");
        let mut off = Recent::new(&StoreConfig { dedup_window_s: 0, ..StoreConfig::default() });
        assert!(!off.is_repeated(&tenant, b"a", Micros(0)) && !off.is_repeated(&tenant, b"a", Micros(0)));
    }

    #[test]
    fn tenants_are_told_apart() {
        let mut recent = Recent::new(&StoreConfig::default());
        assert!(!recent.is_repeated(&Tenant::default(), b"a", Micros(0)));
        assert!(!recent.is_repeated(&Tenant::new("other").unwrap(), b"a", Micros(0)));
    }
}
