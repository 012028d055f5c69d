//! Admission by bytes: a request holds its memory from the first byte of its body until its rows are made.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::otlp::limits::Lender;

/// Counts the memory of all requests under way, and lets none in beyond a limit.
#[derive(Debug, Clone)]
pub struct Door {
    in_use: Arc<AtomicUsize>,
    bytes_max: usize,
}

/// Memory that one request was let in with; it is given back when this is dropped.
#[derive(Debug)]
pub struct Hold {
    door: Door,
    bytes: usize,
}

impl Door {
    /// Opens a door for `bytes_max` at a time.
    pub fn new(bytes_max: usize) -> Self {
        Self { in_use: Arc::default(), bytes_max }
    }

    /// Lets a request in with `bytes`, or refuses it.
    pub fn admit(&self, bytes: usize) -> Option<Hold> {
        let mut hold = Hold { door: self.clone(), bytes: 0 };
        hold.lend(bytes).then_some(hold)
    }

    /// Tells whether `bytes` are free at this moment.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.in_use.load(Ordering::Relaxed).saturating_add(bytes) <= self.bytes_max
    }
}

impl Hold {
    /// Gives back what is held above `bytes`: much is asked for in steps that turn out too large.
    pub fn shrink_to(&mut self, bytes: usize) {
        let spare = self.bytes.saturating_sub(bytes);
        self.door.in_use.fetch_sub(spare, Ordering::Relaxed);
        self.bytes -= spare;
    }

    /// How many bytes the request holds.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Lender for Hold {
    fn lend(&mut self, bytes: usize) -> bool {
        let grown = |in_use: usize| in_use.checked_add(bytes).filter(|in_use| *in_use <= self.door.bytes_max);
        let is_lent = self.door.in_use.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_ok();
        if is_lent {
            self.bytes += bytes;
        }
        is_lent
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.door.in_use.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_comes_back() {
        let door = Door::new(100);
        let mut first = door.admit(60).unwrap();
        assert!(door.admit(41).is_none());
        assert!(first.lend(40));
        assert!(!first.lend(1));
        assert!(!door.has_room(1));
        first.shrink_to(30);
        first.shrink_to(50);
        assert!(door.has_room(70) && !door.has_room(71));
        drop(first);
        assert!(door.has_room(100));
        assert!(door.admit(usize::MAX).is_none());
    }
}
