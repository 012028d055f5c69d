//! The one place that reads the wall clock.

use std::sync::Arc;

use schema::{Clock, Micros};

/// Returns the wall clock's time.
pub fn now() -> Micros {
    Micros::from(chrono::Utc::now())
}

/// Returns the wall clock, for the parts that need the time again and again.
pub fn wall_clock() -> Clock {
    Arc::new(now)
}
