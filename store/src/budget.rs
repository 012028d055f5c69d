//! A bound on bytes in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts bytes that are in use, up to a limit.
#[derive(Debug)]
pub(crate) struct Budget {
    used: AtomicUsize,
    limit: usize,
}

/// Bytes of a budget, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// Makes a budget of `limit` bytes.
    pub(crate) fn new(limit: usize) -> Arc<Budget> {
        Arc::new(Budget { used: AtomicUsize::new(0), limit })
    }

    /// Takes bytes if they fit; a single taker always fits, so that nothing is too large for ever.
    pub(crate) fn take(self: &Arc<Self>, bytes: usize) -> Option<Permit> {
        let fits = |used: usize| (used == 0 || used.saturating_add(bytes) <= self.limit).then(|| used + bytes);
        self.used.try_update(Ordering::AcqRel, Ordering::Acquire, fits).ok()?;
        Some(Permit { budget: Arc::clone(self), bytes })
    }

    /// Returns the bytes in use.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Acquire)
    }

    /// Returns the limit.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back() {
        let budget = Budget::new(10);
        let first = budget.take(8).unwrap();
        assert!(budget.take(3).is_none());
        let second = budget.take(2).unwrap();
        drop(first);
        assert_eq!(budget.used(), 2);
        drop(second);
        assert!(budget.take(100).is_some(), "a single large body passes");
    }
}
