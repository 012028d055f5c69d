//! Drift of embeddings: the maximum mean discrepancy by random Fourier features.

use rand_chacha::rand_core::RngCore;

use crate::error::{Error, at_least};
use crate::permute::{DRAWS, draw_to_front};
use crate::seed::Seed;

/// Random features a vector.
pub const N_FEATURES: usize = 256;
/// Bandwidths of the kernel, in units of vectors of length 1, each for a third of the features.
const BANDWIDTHS: [f64; 3] = [0.5, 1.0, 2.0];

/// Random Fourier features of vectors of one length: their inner products approximate a Gaussian kernel.
///
/// `φ(z) = √(2/D) (cos ωᵢ·z, sin ωᵢ·z)`, D = 256, with ω normal over a bandwidth of 0.5, 1 or 2 in turn. z is the vector's direction and,
/// as one more coordinate, the logarithm of its length: embeddings differ in direction, other lists also in size, and no bandwidth has to be
/// chosen from the data, so that states of different files merge. The frequencies come from a fixed seed.
/// Source: Rahimi and Recht, "Random features for large-scale kernel machines" (2007).
#[derive(Debug, Clone)]
pub struct RandomFeatures {
    /// A row a frequency, the length's coordinate last.
    frequencies: Vec<f32>,
    dimensions: usize,
}

impl RandomFeatures {
    /// Draws the frequencies for vectors with so many numbers.
    pub fn new(dimensions: usize) -> Self {
        let mut rng = Seed::of(["random fourier features"]).rng();
        let mut unit = || (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let mut normal = || (-2.0 * (1.0 - unit()).ln()).sqrt() * (std::f64::consts::TAU * unit()).cos();
        let frequencies = (0..N_FEATURES / 2).flat_map(|row| vec![BANDWIDTHS[row % BANDWIDTHS.len()]; dimensions + 1]);
        #[expect(clippy::cast_possible_truncation, reason = "a frequency needs no more digits")]
        let frequencies = frequencies.map(|bandwidth| (normal() / bandwidth) as f32).collect();
        Self { frequencies, dimensions }
    }

    /// Returns how many numbers a vector has.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Adds the features of a vector to sums of features; a vector with a number that is not finite adds nothing and returns false.
    pub fn add(&self, vector: &[f32], sums: &mut [f32]) -> bool {
        let length = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
        if !length.is_finite() || vector.len() != self.dimensions {
            return false;
        }
        #[expect(clippy::cast_possible_truncation, reason = "a vector of single precision has no more digits")]
        let (scale, size) = ((1.0 / length.max(1e-12)) as f32, length.max(1e-12).ln() as f32);
        let weight = (2.0 / N_FEATURES as f32).sqrt();
        for (frequency, sums) in self.frequencies.chunks_exact(self.dimensions + 1).zip(sums.chunks_exact_mut(2)) {
            let (direction, of_size) = frequency.split_at(self.dimensions);
            let angle = dot(direction, vector) * scale + of_size[0] * size;
            sums[0] += weight * angle.cos();
            sums[1] += weight * angle.sin();
        }
        true
    }
}

/// Eight sums side by side, which the compiler turns into vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    rest + sums.iter().sum::<f32>()
}

/// Vectors that are dealt out together: a row, a session, or a bucket of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    /// How many vectors.
    pub n: u64,
    /// The sums of their features.
    pub sums: Vec<f32>,
}

impl Default for Unit {
    fn default() -> Self {
        Self { n: 0, sums: vec![0.0; N_FEATURES] }
    }
}

impl Unit {
    /// Adds the vectors of another.
    pub fn merge(&mut self, other: &Self) {
        self.n += other.n;
        self.sums.iter_mut().zip(&other.sums).for_each(|(sum, more)| *sum += more);
    }
}

/// The outcome of the test of two sets of vectors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MmdTest {
    /// The discrepancy, `0.0..=1.42`.
    pub statistic: f64,
    /// The discrepancy less what chance alone gives: `√max(0, MMD² − E₀[MMD²])`.
    pub effect: f64,
    /// `(1 + #{MMD* ≥ MMD}) / (draws + 1)`.
    pub p_value: f64,
}

/// Maximum mean discrepancy of two sets of vectors, with its p-value by dealing units out again.
///
/// `MMD = ‖φ̄ₓ − φ̄ᵧ‖` over random Fourier features, 9,999 draws that leave each side its number of units. Errors if a side has no
/// unit. Source: Gretton and others, "A kernel two-sample test" (2012).
pub fn mmd(reference: &[Unit], current: &[Unit]) -> Result<MmdTest, Error> {
    at_least("mmd", "vectors a side", 1, reference.len().min(current.len()))?;
    let units: Vec<&Unit> = reference.iter().chain(current).collect();
    let mut all = Unit::default();
    units.iter().for_each(|unit| all.merge(unit));
    let square = |chosen: &mut dyn Iterator<Item = &Unit>| {
        let mut side = Unit::default();
        chosen.for_each(|unit| side.merge(unit));
        square_distance(&side, &all)
    };
    let observed = square(&mut reference.iter());
    let k = reference.len().min(current.len());
    let mut order = units.clone();
    let mut rng = Seed::of(["mmd"]).rng();
    let (mut reached, mut sum) = (0_usize, 0.0);
    for _ in 0..DRAWS {
        draw_to_front(&mut order, k, &mut rng);
        let drawn = square(&mut order[..k].iter().copied());
        reached += usize::from(drawn >= observed * (1.0 - 1e-6));
        sum += drawn;
    }
    let effect = (observed - sum / DRAWS as f64).max(0.0).sqrt();
    Ok(MmdTest { statistic: observed.sqrt(), effect, p_value: (1 + reached) as f64 / (DRAWS + 1) as f64 })
}

/// `‖mean of the side − mean of the rest‖²`.
fn square_distance(side: &Unit, all: &Unit) -> f64 {
    let (n, rest) = (1.0 / side.n as f32, 1.0 / (all.n - side.n) as f32);
    side.sums.iter().zip(&all.sums).map(|(side, all)| f64::from((side * n - (all - side) * rest).powi(2))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors that spread evenly around the origin, the first coordinate moved.
    fn cloud(n: u32, seed: u32, shift: f32) -> Vec<Unit> {
        let features = RandomFeatures::new(8);
        let mut rng = Seed::of(["cloud", &seed.to_string()]).rng();
        let vector = |_| {
            let mut vector: Vec<f32> = (0..8).map(|_| (0..4).map(|_| (rng.next_u32() >> 8) as f32 / (1 << 24) as f32 - 0.5).sum()).collect();
            vector[0] += shift;
            let mut unit = Unit { n: 1, ..Unit::default() };
            assert!(features.add(&vector, &mut unit.sums));
            unit
        };
        (0..n).map(vector).collect()
    }

    #[test]
    fn a_shift_in_one_coordinate_is_seen() {
        let found = mmd(&cloud(150, 1, 0.0), &cloud(150, 2, 0.6)).unwrap();
        assert!(found.p_value < 0.001 && found.effect > 0.1, "{found:?}");
        let found = mmd(&cloud(150, 1, 0.0), &cloud(150, 2, 0.0)).unwrap();
        assert!(found.p_value > 0.05 && found.effect < 0.1, "{found:?}");
    }

    /// The features' inner product is the mean of three Gaussian kernels, to the error of 128 frequencies.
    #[test]
    fn approximates_the_kernel() {
        let features = RandomFeatures::new(3);
        let of = |vector: [f32; 3]| {
            let mut sums = vec![0.0; N_FEATURES];
            features.add(&vector, &mut sums);
            sums
        };
        let (a, b) = (of([1.0, 0.0, 0.0]), of([0.6, 0.8, 0.0]));
        let product: f32 = a.iter().zip(&b).map(|(x, y)| x * y).sum();
        let square = 0.8_f64;
        let kernel = BANDWIDTHS.iter().map(|bandwidth| (-square / (2.0 * bandwidth * bandwidth)).exp()).sum::<f64>() / 3.0;
        assert!((f64::from(product) - kernel).abs() < 0.1, "{product} {kernel}");
    }

    #[test]
    fn what_is_not_finite_is_left_out() {
        let features = RandomFeatures::new(2);
        let mut sums = vec![0.0; N_FEATURES];
        assert!(!features.add(&[1.0, f32::NAN], &mut sums) && !features.add(&[1.0], &mut sums));
        assert!(sums.iter().all(|sum| *sum == 0.0));
        assert!(mmd(&[], &[Unit::default()]).is_err());
    }
}
