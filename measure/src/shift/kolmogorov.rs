//! The distribution of the one-sample, two-sided Kolmogorov statistic, as scipy's `kstwo` evaluates it.
//!
//! Source of the choice between the methods: Simard and L'Ecuyer, "Computing the two-sided Kolmogorov-Smirnov distribution",
//! Journal of Statistical Software 39 (2011).

use std::f64::consts::PI;

use crate::special::binomial_pmf;

/// `P(D_n ≥ x)` for a whole `n ≥ 1`.
pub(crate) fn survival(n: f64, x: f64) -> f64 {
    let t = n * x;
    if x >= 1.0 || x <= 0.0 || t <= 0.5 {
        return if x >= 1.0 { 0.0 } else { 1.0 };
    }
    if t <= 1.0 {
        return 1.0 - smallest_steps(n, t);
    }
    if t >= n - 1.0 {
        return 2.0 * (n * (-x).ln_1p()).exp();
    }
    let nxx = t * x;
    if nxx >= 370.0 {
        return 0.0;
    }
    let one_sided_is_enough = x >= 0.5 || nxx > if n <= 140.0 { 4.0 } else { 2.2 };
    if one_sided_is_enough {
        return 2.0 * one_sided(n, x);
    }
    if n <= 140.0 || (n <= 100_000.0 && n * x.powf(1.5) <= 1.4) { 1.0 - durbin(n, x) } else { 1.0 - pelz_good(n, x) }
}

/// `n! ((2t − 1)/n)^n` for `½ < t ≤ 1` (Ruben and Gambino, 1982).
fn smallest_steps(n: f64, t: f64) -> f64 {
    let mut product = 1.0;
    let mut i = 1.0;
    while i <= n && product > 0.0 {
        product *= i / n * (2.0 * t - 1.0);
        i += 1.0;
    }
    product
}

/// `P(D⁺_n ≥ x)` by the sum of Birnbaum and Tingey (1951); beyond a million values by Maag and Dicaire's approximation, as scipy.
fn one_sided(n: f64, x: f64) -> f64 {
    if n > 1e6 {
        return (-(6.0 * n * x + 1.0).powi(2) / (18.0 * n)).exp();
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "n is a whole number of at most a million")]
    let (n_whole, last) = (n as u64, (n * (1.0 - x)).floor() as u64);
    (0..=last)
        .map(|v| {
            let p = x + v as f64 / n;
            if p >= 1.0 { 0.0 } else { binomial_pmf(v, n_whole, p) * x / p }
        })
        .sum()
}

/// `P(D_n < x)` by Durbin's matrix (Marsaglia, Tsang and Wang, "Evaluating Kolmogorov's distribution", 2003).
fn durbin(n: f64, x: f64) -> f64 {
    let t = n * x;
    let k = t.ceil();
    let h = k - t;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "k is a small whole number: n x is bounded by the caller")]
    let k = k as usize;
    let step = Matrix::of_durbin(k, h);
    let (mut power, mut base) = (Matrix::identity(step.size), step);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "n is a whole number of at most 100,000")]
    let mut left = n as u64;
    while left > 0 {
        if left & 1 == 1 {
            power = power.times(&base);
        }
        base = base.times(&base);
        left >>= 1;
    }
    let mut p = power.at(k - 1, k - 1);
    let mut exponent = power.exponent;
    let mut i = 1.0;
    while i <= n {
        p *= i / n;
        if p < 1e-140 {
            p *= 1e140;
            exponent -= 140;
        }
        i += 1.0;
    }
    (p * 10_f64.powi(exponent)).clamp(0.0, 1.0)
}

/// A square matrix times a power of ten, so that its powers do not overflow.
struct Matrix {
    size: usize,
    cells: Vec<f64>,
    exponent: i32,
}

impl Matrix {
    fn identity(size: usize) -> Self {
        let cells = (0..size * size).map(|at| if at / size == at % size { 1.0 } else { 0.0 }).collect();
        Self { size, cells, exponent: 0 }
    }

    fn of_durbin(k: usize, h: f64) -> Self {
        let size = 2 * k - 1;
        let mut cells = vec![0.0; size * size];
        let mut inverse_factorials = vec![1.0];
        for j in 1..=size {
            inverse_factorials.push(inverse_factorials[j - 1] / j as f64);
        }
        let mut power = 1.0;
        let mut edge = Vec::with_capacity(size);
        for inverse in &inverse_factorials[1..] {
            power *= h;
            edge.push((1.0 - power) * inverse);
        }
        edge[size - 1] = (1.0 - 2.0 * power + (2.0 * h - 1.0).max(0.0).powi(i32::try_from(size).unwrap_or(i32::MAX))) * inverse_factorials[size];
        for row in 0..size {
            for column in 1..size.min(row + 2) {
                cells[row * size + column] = inverse_factorials[row + 1 - column];
            }
        }
        for (i, value) in edge.into_iter().enumerate() {
            cells[i * size] = value;
            cells[(size - 1) * size + (size - 1 - i)] = value;
        }
        Self { size, cells, exponent: 0 }
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        self.cells[row * self.size + column]
    }

    fn times(&self, other: &Self) -> Self {
        let size = self.size;
        let mut cells = vec![0.0; size * size];
        for row in 0..size {
            for inner in 0..size {
                let left = self.cells[row * size + inner];
                if left != 0.0 {
                    for column in 0..size {
                        cells[row * size + column] += left * other.cells[inner * size + column];
                    }
                }
            }
        }
        let mut product = Self { size, cells, exponent: self.exponent + other.exponent };
        if product.at(size / 2, size / 2) > 1e140 {
            product.cells.iter_mut().for_each(|cell| *cell *= 1e-140);
            product.exponent += 140;
        }
        product
    }
}

/// `P(D_n < x)` by four terms in `1/√n` (Pelz and Good, "Approximating the lower tail-areas of the Kolmogorov-Smirnov statistic", 1976).
fn pelz_good(n: f64, x: f64) -> f64 {
    let z = n.sqrt() * x;
    let z2 = z * z;
    let (z4, z6) = (z2 * z2, z2 * z2 * z2);
    let (pi2, pi4, pi6) = (PI.powi(2), PI.powi(4), PI.powi(6));
    let mut odd = [0.0_f64; 4];
    let mut whole = [0.0_f64; 2];
    let mut k = 1.0_f64;
    while k <= (16.0 * z / PI).ceil() {
        let m2 = (2.0 * k - 1.0).powi(2);
        let weight = (-pi2 * m2 / (8.0 * z2)).exp();
        let (m4, m6) = (m2 * m2, m2 * m2 * m2);
        odd[0] += weight;
        odd[1] += weight * (pi2 / 4.0 * m2 - z2);
        odd[2] += weight * (6.0 * z6 + 2.0 * z4 + (2.0 * z4 - 5.0 * z2) * pi2 / 4.0 * m2 + pi4 * (1.0 - 2.0 * z2) / 16.0 * m4);
        odd[3] += weight
            * (-30.0 * z6 - 90.0 * z4 * z4
                + pi2 * (135.0 * z4 - 96.0 * z6) / 4.0 * m2
                + pi4 * (212.0 * z4 - 60.0 * z2) / 16.0 * m4
                + pi6 * (5.0 - 30.0 * z2) / 64.0 * m6);
        let (k2, weight) = (k * k, (-pi2 * k * k / (2.0 * z2)).exp());
        whole[0] += k2 * weight;
        whole[1] += (3.0 * z2 - pi2 * k2) * k2 * weight;
        k += 1.0;
    }
    let root = (2.0 * PI).sqrt();
    let terms = [
        odd[0] * root / z,
        odd[1] * root / (6.0 * z4),
        odd[2] * root / (72.0 * z4 * z2 * z) - whole[0] * pi2 * root / (36.0 * z2 * z),
        odd[3] * root / (6480.0 * z4 * z4 * z2) + whole[1] * pi2 * root / (216.0 * z6),
    ];
    terms[0] + terms[1] / n.sqrt() + terms[2] / n + terms[3] / n.powf(1.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every branch against `scipy.stats.kstwo.sf` 1.17.
    #[test]
    fn equals_scipy() {
        const CASES: [(f64, f64, f64); 19] = [
            (5.0, 0.11, 0.999999616),
            (5.0, 0.15, 0.9988),
            (300.0, 0.0025, 1.0),
            (5.0, 0.9, 1.9999999999999978e-05),
            (10.0, 0.6, 0.0005681672000000003),
            (30.0, 0.1, 0.8960782680050898),
            (86.0, 0.07666666666666672, 0.6641593898566643),
            (100.0, 0.15, 0.019839242125643017),
            (140.0, 0.2, 2.1981563302200222e-05),
            (200.0, 0.3, 1.8482195753126875e-16),
            (1000.0, 0.02, 0.8108971656895577),
            (1000.0, 0.06, 0.001428597887952891),
            (5000.0, 0.004, 0.9999977369528622),
            (50000.0, 0.0005, 1.0),
            (50000.0, 0.006, 0.05442749636006261),
            (200000.0, 0.002, 0.39995085369038097),
            (1000000.0, 0.0016, 0.011939282537735608),
            (2000000.0, 0.0012, 0.006297183259583361),
            (40.0, 0.45, 6.527887471764175e-08),
        ];
        for (n, x, expect) in CASES {
            let found = survival(n, x);
            assert!((found - expect).abs() <= 1e-10 * expect.max(1e-4), "n {n}, x {x}: {found} is not {expect}");
        }
    }
}
