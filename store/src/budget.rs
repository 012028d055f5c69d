//! A bound on bytes in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts bytes that are in use, up to a limit.
#[derive(Debug)]
pub struct Budget {
    used: AtomicUsize,
    limit: usize,
}

/// Bytes of a budget, given back when it is dropped.
#[derive(Debug)]
pub struct Permit {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// Makes a budget of `limit` bytes.
    pub fn new(limit: usize) -> Arc<Budget> {
        Arc::new(Budget { used: AtomicUsize::new(0), limit })
    }

    /// Takes bytes if they fit.
    pub fn take(self: &Arc<Self>, bytes: usize) -> Option<Permit> {
        let mut permit = Permit { budget: Arc::clone(self), bytes: 0 };
        permit.grow(bytes).then_some(permit)
    }

    /// Takes bytes whether they fit or not.
    pub(crate) fn force(self: &Arc<Self>, bytes: usize) -> Permit {
        self.owe(bytes);
        Permit { budget: Arc::clone(self), bytes }
    }

    /// Counts bytes that are there whether they fit or not: what was acked is kept.
    pub(crate) fn owe(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Counts bytes that are there no more.
    pub(crate) fn settle(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// Returns the bytes in use.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Acquire)
    }

    /// Returns the limit.
    pub fn limit(&self) -> usize {
        self.limit
    }
}

impl Permit {
    /// Takes more bytes if they fit; says whether they do.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let fits = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.budget.limit);
        let is_taken = self.budget.used.try_update(Ordering::AcqRel, Ordering::Acquire, fits).is_ok();
        self.bytes += if is_taken { bytes } else { 0 };
        is_taken
    }

    /// Gives back what is held above `bytes`: much is asked for in steps that turn out too large.
    pub fn shrink_to(&mut self, bytes: usize) {
        let spare = self.bytes.saturating_sub(bytes);
        self.budget.settle(spare);
        self.bytes -= spare;
    }

    /// Returns how many bytes are held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.budget.settle(self.bytes);
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
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_permit_grows_and_shrinks() {
        let budget = Budget::new(100);
        let mut permit = budget.take(60).unwrap();
        assert!(budget.take(41).is_none());
        assert!(permit.grow(40) && !permit.grow(1) && !permit.grow(usize::MAX));
        permit.shrink_to(30);
        permit.shrink_to(50);
        assert_eq!((permit.bytes(), budget.used()), (30, 30));
        budget.owe(200);
        assert!(!permit.grow(1), "what is owed counts");
        budget.settle(200);
        assert!(permit.grow(70));
    }
}
