//! Where randomness comes from: a seed made of what is measured.

use std::fmt;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};

/// A seed for ChaCha8, made out of names and ids, so that the same data always draws the same numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Seed {
    /// Hashes the parts in their order (SHA-256, each with its length before it).
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hash.update(part.as_bytes());
        }
        Self(hash.finalize().into())
    }

    /// Starts the stream of random numbers.
    pub fn rng(self) -> ChaCha8Rng {
        ChaCha8Rng::from_seed(self.0)
    }

    /// Returns the first number of the stream, evenly spread over `0.0..1.0`: for a decision that has to fall the same way again.
    pub fn unit(self) -> f64 {
        (self.rng().next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Writes the first eight hex digits, which is what reports show.
impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seed({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(Seed::of(["ab", "c"]), Seed::of(["a", "bc"]));
        assert_eq!(Seed::of(["ab", "c"]), Seed::of(["ab", "c"]));
    }
}
