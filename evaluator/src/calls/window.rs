//! How many calls are under way at an endpoint: additive increase, multiplicative decrease.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// Windows of successes that it takes to grow from nothing to the whole again.
const WINDOWS_TO_GROW: f64 = 32.0;

/// The open slots of an endpoint.
#[derive(Debug)]
pub(crate) struct Window {
    slots: Semaphore,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    size: Size,
    /// Slots that are taken away as soon as they are given back.
    owed: usize,
    /// Until when the endpoint asked to be left alone.
    resume_at: Option<Instant>,
}

/// The size of a window. A refusal halves it once, whatever number of calls was under way: they all tell of the same moment.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Size {
    slots: f64,
    max: f64,
    n_cuts: u64,
}

impl Size {
    fn new(max: usize) -> Self {
        let max = max.max(1) as f64;
        Self { slots: max, max, n_cuts: 0 }
    }

    fn grow(&mut self) {
        self.slots = (self.slots + (self.max / WINDOWS_TO_GROW).max(1.0) / self.slots).min(self.max);
    }

    /// Halves the window, unless that was done since the refused call began.
    fn cut(&mut self, n_cuts_then: u64) {
        if n_cuts_then == self.n_cuts {
            self.slots = (self.slots / 2.0).max(1.0);
            self.n_cuts += 1;
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "from 1 to the number of slots")]
    fn whole(self) -> usize {
        self.slots as usize
    }
}

/// A place among the calls under way; it is given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot<'a> {
    window: &'a Window,
    permit: Option<SemaphorePermit<'a>>,
    n_cuts: u64,
}

impl Window {
    pub(crate) fn new(in_flight: usize) -> Self {
        let size = Size::new(in_flight);
        Self { slots: Semaphore::new(size.whole()), state: Mutex::new(State { size, owed: 0, resume_at: None }) }
    }

    /// Waits for a slot, in the order of asking, and until the endpoint wants to be asked again.
    pub(crate) async fn enter(&self) -> Slot<'_> {
        let permit = self.slots.acquire().await.ok();
        loop {
            let (resume_at, n_cuts) = {
                let state = self.state.lock();
                (state.resume_at.filter(|time| *time > Instant::now()), state.size.n_cuts)
            };
            match resume_at {
                Some(time) => tokio::time::sleep_until(time).await,
                None => return Slot { window: self, permit, n_cuts },
            }
        }
    }

    /// Takes a slot that nobody waits for.
    pub(crate) fn enter_now(&self) -> Option<Slot<'_>> {
        let permit = self.slots.try_acquire().ok()?;
        Some(Slot { window: self, permit: Some(permit), n_cuts: self.state.lock().size.n_cuts })
    }

    fn resize(&self, state: &mut State, change: impl FnOnce(&mut Size)) {
        let before = state.size.whole();
        change(&mut state.size);
        let after = state.size.whole();
        if after > before {
            let more = after - before;
            let repaid = more.min(state.owed);
            state.owed -= repaid;
            self.slots.add_permits(more - repaid);
        } else {
            let fewer = before - after;
            state.owed += fewer - self.slots.forget_permits(fewer);
        }
    }
}

impl Slot<'_> {
    /// The call went well: there may be room for more.
    pub(crate) fn succeeded(&self) {
        let mut state = self.window.state.lock();
        self.window.resize(&mut state, Size::grow);
    }

    /// The endpoint said that this is too much, and perhaps for how long it wants nothing.
    pub(crate) fn refused(&self, pause: Option<Duration>) {
        let mut state = self.window.state.lock();
        self.window.resize(&mut state, |size| size.cut(self.n_cuts));
        if let Some(time) = pause.and_then(|pause| Instant::now().checked_add(pause)) {
            state.resume_at = state.resume_at.max(Some(time));
        }
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut state = self.window.state.lock();
        if state.owed > 0
            && let Some(permit) = self.permit.take()
        {
            state.owed -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_halves_once_however_many_calls_tell_of_it() {
        let mut size = Size::new(256);
        for _ in 0..200 {
            size.cut(0);
        }
        assert_eq!((size.whole(), size.n_cuts), (128, 1));
        size.cut(1);
        assert_eq!(size.whole(), 64);
        for n_cuts in 2..20 {
            size.cut(n_cuts);
        }
        assert_eq!(size.whole(), 1, "one call is always allowed");
    }

    #[test]
    fn success_grows_the_window_to_its_end() {
        let mut size = Size { slots: 1.0, max: 256.0, n_cuts: 0 };
        let mut n_calls = 0;
        while size.whole() < 256 {
            size.grow();
            n_calls += 1;
        }
        // Half of the window on average, times the windows that it may take.
        assert!((3_000..6_000).contains(&n_calls), "{n_calls}");
        size.grow();
        assert_eq!(size.whole(), 256);
    }

    /// Slots that are under way when the window shrinks must not come back as free ones.
    #[tokio::test]
    async fn slots_are_neither_lost_nor_doubled() {
        let window = Window::new(8);
        let mut slots = Vec::new();
        for _ in 0..8 {
            slots.push(window.enter().await);
        }
        slots[0].refused(None);
        slots[1].refused(None);
        assert_eq!((window.state.lock().owed, window.slots.available_permits()), (4, 0));
        slots.clear();
        assert_eq!((window.state.lock().owed, window.slots.available_permits()), (0, 4));
        while window.state.lock().size.whole() < 8 {
            window.enter().await.succeeded();
        }
        assert_eq!(window.slots.available_permits(), 8);
    }
}
