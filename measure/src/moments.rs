//! Count, mean and spread of numbers, which merge.

/// Count, mean and sum of squared deviations of numbers; two of them merge exactly into that of both.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Moments {
    /// How many numbers.
    pub n: u64,
    /// Their mean; 0 without any.
    pub mean: f64,
    /// Sum of squared deviations from the mean.
    pub m2: f64,
}

impl Moments {
    /// Counts numbers; NaN is null and left out.
    pub fn of(values: &[f64]) -> Self {
        let mut moments = Self::default();
        values.iter().for_each(|x| moments.add(*x));
        moments
    }

    /// Adds a number (Welford, 1962); NaN is null and left out.
    pub fn add(&mut self, x: f64) {
        if x.is_nan() {
            return;
        }
        self.n += 1;
        let delta = x - self.mean;
        self.mean += delta / self.n as f64;
        self.m2 += delta * (x - self.mean);
    }

    /// Adds all numbers of another (Chan, Golub and LeVeque, 1979).
    pub fn merge(&mut self, other: &Self) {
        if other.n == 0 {
            return;
        }
        let (n, m) = (self.n as f64, other.n as f64);
        let delta = other.mean - self.mean;
        self.n += other.n;
        self.mean += delta * m / (n + m);
        self.m2 += other.m2 + delta * delta * n * m / (n + m);
    }

    /// Returns the variance, n − 1 in the denominator; 0 below two numbers, NaN where one is infinite.
    pub fn variance(&self) -> f64 {
        if self.n < 2 { 0.0 } else { self.m2 / (self.n as f64 - 1.0) }
    }

    /// Returns the standard deviation, n − 1 in the denominator.
    pub fn sd(&self) -> f64 {
        self.variance().sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_merge_into_the_whole() {
        let values: Vec<f64> = (0..100).map(|i| (f64::from(i) * 0.37).sin() + 1e6).collect();
        let (whole, mut left) = (Moments::of(&values), Moments::of(&values[..33]));
        left.merge(&Moments::of(&values[33..]));
        left.merge(&Moments::default());
        assert_eq!(left.n, 100);
        assert!((left.mean - whole.mean).abs() < 1e-9 && (left.variance() - whole.variance()).abs() < 1e-9);
        assert_eq!(Moments::of(&[3.0, f64::NAN]).variance(), 0.0);
        assert!(Moments::of(&[1.0, f64::INFINITY]).variance().is_nan());
    }

    /// A constant column has no spread, whatever its mean rounds to.
    #[test]
    fn a_constant_has_no_variance() {
        assert_eq!(Moments::of(&[0.1; 1000]).variance(), 0.0);
    }
}
