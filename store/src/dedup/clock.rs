//! The window's own clock, by which the age of a body is counted.

use schema::Micros;

/// A clock that is never set back, in microseconds.
#[derive(Debug, Default)]
pub(super) struct OwnClock {
    now: i64,
    /// The latest time of the machine's clock.
    wall: Option<i64>,
}

impl OwnClock {
    /// Goes on with the machine's clock. That one is taken to have been set back when it shows a time more than `window` before the
    /// latest; less than that are requests that overtook each other, or a small step that it will have caught up with in time.
    pub(super) fn advance(&mut self, wall: Micros, window: i64) -> i64 {
        let latest = self.wall.unwrap_or(wall.0);
        let step = wall.0.saturating_sub(latest);
        if step >= 0 || step < -window {
            self.wall = Some(wall.0);
        }
        self.now = self.now.saturating_add(step.max(0));
        self.now
    }
}
