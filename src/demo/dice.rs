//! Seeded randomness, in the shapes that traffic has.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// A source of random numbers; the same seed and stream give the same ones.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// Opens a stream of its own, so that what one session draws does not move another.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// Returns true with probability `share`.
    pub fn chance(&mut self, share: f64) -> bool {
        self.0.random::<f64>() < share
    }

    /// Draws from `low..high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.0.random::<f64>()
    }

    /// Draws an index below `n`; 0 where there is nothing to choose from.
    pub fn index(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { self.0.random_range(0..n) }
    }

    /// Draws from `low..=high`.
    pub fn int(&mut self, low: u64, high: u64) -> u64 {
        self.0.random_range(low..=high.max(low))
    }

    /// Picks one of several; the list is not empty.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }

    /// Picks one of several where it stands; the list is not empty.
    pub fn pick_from<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.index(from.len())]
    }

    /// Draws an index with a probability in proportion to its weight.
    pub fn weighted(&mut self, weights: impl Iterator<Item = f64> + Clone) -> usize {
        let mut left = self.0.random::<f64>() * weights.clone().sum::<f64>();
        let found = weights.clone().position(|weight| {
            left -= weight;
            left < 0.0
        });
        found.unwrap_or_else(|| weights.count().saturating_sub(1))
    }

    /// Draws from the standard normal distribution (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.0.random::<f64>()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.0.random::<f64>()).cos()
    }

    /// Draws from the log-normal distribution with this median.
    pub fn skewed(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.normal()).exp()
    }

    /// Draws the bytes of an id.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        self.0.random()
    }

    /// Draws `n` hex digits.
    pub fn hex(&mut self, n: usize) -> String {
        (0..n).map(|_| char::from(self.pick(b"0123456789abcdef"))).collect()
    }
}
