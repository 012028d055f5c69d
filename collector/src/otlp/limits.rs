//! What reading one request may cost: memory, depth, and who is asked for more of it.

use super::Malformed;

/// Values may nest this deep in each other; real ones stay below 20.
pub const DEPTH_MAX: u32 = 64;

/// Memory is asked for in steps of this size, so that the asking costs nothing.
const STEP_BYTES: usize = 64 * 1024;

/// Gives memory out for a request that is being read; `false` means that there is none left for now.
pub trait Lender {
    /// Lends `bytes` more, for as long as the request lives.
    fn lend(&mut self, bytes: usize) -> bool;
}

/// A lender without a bound of its own, for bodies that were admitted before: the replay of the log.
pub struct Admitted;

impl Lender for Admitted {
    fn lend(&mut self, _: usize) -> bool {
        true
    }
}

/// Counts what a request costs while it is read, so that no short body can become a large structure.
pub struct Meter<'a> {
    lender: &'a mut dyn Lender,
    bytes_max: usize,
    used: usize,
    lent: usize,
    depth: u32,
    /// Strings that were not UTF-8 and have been repaired.
    pub n_repaired: usize,
    /// Why reading stopped, where the JSON parser's own error could not carry it.
    pub fault: Option<Malformed>,
}

impl<'a> Meter<'a> {
    /// Starts at nothing used, with a limit for this request.
    pub fn new(lender: &'a mut dyn Lender, bytes_max: usize) -> Self {
        Self { lender, bytes_max, used: 0, lent: 0, depth: 0, n_repaired: 0, fault: None }
    }

    /// Forgets what was read, but keeps what was lent, to read the same body again.
    pub fn restart(&mut self) {
        (self.used, self.depth, self.n_repaired, self.fault) = (0, 0, 0, None);
    }

    /// Counts `bytes` of memory that is about to be used.
    pub fn charge(&mut self, bytes: usize) -> Result<(), Malformed> {
        self.used += bytes;
        if self.used <= self.lent {
            return Ok(());
        }
        if self.used > self.bytes_max {
            return Err(Malformed::TooLarge { bytes_max: self.bytes_max });
        }
        let more = (self.used - self.lent).max(STEP_BYTES);
        if !self.lender.lend(more) {
            return Err(Malformed::NoMemory);
        }
        self.lent += more;
        Ok(())
    }

    /// Returns how much memory was counted.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Goes one value deeper.
    pub fn enter(&mut self) -> Result<(), Malformed> {
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err(Malformed::TooDeep) } else { Ok(()) }
    }

    /// Comes back out of a value.
    pub fn leave(&mut self) {
        self.depth -= 1;
    }
}
