//! Distribution functions that several measures need, to the last digits.

use statrs::distribution::{Beta, ChiSquared, Continuous, ContinuousCDF, Normal, StudentsT};
use statrs::function::beta::beta_reg;
use statrs::function::gamma::{gamma_ur, ln_gamma};

/// Quantile of the standard normal distribution.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}

/// `P(Z > z)` of the standard normal distribution, which keeps its digits far out.
pub(crate) fn normal_survival(z: f64) -> f64 {
    statrs::function::erf::erfc(z / std::f64::consts::SQRT_2) / 2.0
}

/// `P(X >= x)` of a chi-square distribution with `df` degrees of freedom.
pub(crate) fn chi_square_survival(x: f64, df: f64) -> f64 {
    if df <= 0.0 || x <= 0.0 {
        return 1.0;
    }
    if x.is_infinite() { 0.0 } else { gamma_ur(df / 2.0, x / 2.0) }
}

/// Quantile of the chi-square distribution with `df` degrees of freedom.
pub(crate) fn chi_square_quantile(p: f64, df: f64) -> f64 {
    ChiSquared::new(df).map_or(f64::NAN, |chi_square| chi_square.inverse_cdf(p))
}

/// `e^x K₁/₄(x)` of the modified Bessel function of the second kind, by the trapezoid rule on `∫ e^(x − x cosh t) cosh(t/4) dt`, which
/// converges faster than any power of the step.
pub(crate) fn scaled_bessel_k_quarter(x: f64) -> f64 {
    const STEP: f64 = 1.0 / 64.0;
    let mut sum = 0.5;
    for k in 1..2_000_u32 {
        let t = f64::from(k) * STEP;
        let term = (x * (1.0 - t.cosh())).exp() * (t / 4.0).cosh();
        sum += term;
        if term < 1e-18 {
            break;
        }
    }
    sum * STEP
}

/// `P(T <= t)` of Student's t with `df` degrees of freedom.
pub(crate) fn t_cdf(t: f64, df: f64) -> f64 {
    if t.is_infinite() {
        return if t > 0.0 { 1.0 } else { 0.0 };
    }
    StudentsT::new(0.0, 1.0, df).map_or(f64::NAN, |student| student.cdf(t))
}

/// Quantile of Student's t; one Newton step beyond the library's, which stops early.
pub(crate) fn t_quantile(p: f64, df: f64) -> f64 {
    let Ok(student) = StudentsT::new(0.0, 1.0, df) else { return f64::NAN };
    // The lower tail keeps its digits, the upper one loses them to `1 - p`.
    let (tail, sign) = if p > 0.5 { (1.0 - p, 1.0) } else { (p, -1.0) };
    if tail == 0.5 {
        return 0.0;
    }
    let mut t = -student.inverse_cdf(tail).abs();
    for _ in 0..3 {
        let step = (student.cdf(t) - tail) / student.pdf(t);
        if !step.is_finite() {
            break;
        }
        t -= step;
    }
    -sign * t
}

/// Quantile of the beta distribution, by bisection of its distribution function to the last digits of a double.
pub(crate) fn beta_quantile(a: f64, b: f64, p: f64) -> f64 {
    let Ok(beta) = Beta::new(a, b) else { return f64::NAN };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if beta.cdf(middle) < p { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// `P(X <= k)` of a binomial with `n` trials of probability `p`; 0 below, 1 from `n` on.
pub(crate) fn binomial_cdf(k: i64, n: u64, p: f64) -> f64 {
    let Ok(k) = u64::try_from(k) else { return 0.0 };
    if k >= n || p <= 0.0 {
        return 1.0;
    }
    if p >= 1.0 {
        return 0.0;
    }
    beta_reg((n - k) as f64, k as f64 + 1.0, 1.0 - p)
}

/// `P(X = k)` of a binomial, by Loader's saddle-point expansion (2000), which keeps its digits for any `n`.
pub(crate) fn binomial_pmf(k: u64, n: u64, p: f64) -> f64 {
    let (k, n, q) = (k as f64, n as f64, 1.0 - p);
    if p <= 0.0 {
        return if k == 0.0 { 1.0 } else { 0.0 };
    }
    if q <= 0.0 {
        return if k == n { 1.0 } else { 0.0 };
    }
    if k == 0.0 {
        return (n * (-p).ln_1p()).exp();
    }
    if k == n {
        return (n * p.ln()).exp();
    }
    let log = stirling_error(n) - stirling_error(k) - stirling_error(n - k) - deviance(k, n * p) - deviance(n - k, n * q);
    log.exp() * (n / (2.0 * std::f64::consts::PI * k * (n - k))).sqrt()
}

/// `P(X = k)` hits among `drawn` of `total`, of which `hits` are hits, by three binomials (as R's `dhyper`).
pub(crate) fn hypergeometric_pmf(k: u64, drawn: u64, hits: u64, total: u64) -> f64 {
    if k > drawn || k > hits || drawn - k > total - hits {
        return 0.0;
    }
    let p = drawn as f64 / total as f64;
    binomial_pmf(k, hits, p) * binomial_pmf(drawn - k, total - hits, p) / binomial_pmf(drawn, total, p)
}

/// `ln n! − ln(√(2πn) (n/e)^n)`.
fn stirling_error(n: f64) -> f64 {
    if n < 16.0 {
        return ln_gamma(n + 1.0) - (n + 0.5) * n.ln() + n - 0.5 * (2.0 * std::f64::consts::PI).ln();
    }
    let square = n * n;
    (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / (1188.0 * square)) / square) / square) / square) / n
}

/// `x ln(x/m) + m − x`, without the cancellation near `x = m`.
fn deviance(x: f64, m: f64) -> f64 {
    let v = (x - m) / (x + m);
    if v.abs() > 0.1 {
        return x * (x / m).ln() + m - x;
    }
    let mut sum = (x - m) * v;
    let mut term = 2.0 * x * v;
    for j in 1..1000_u32 {
        term *= v * v;
        let next = sum + term / f64::from(2 * j + 1);
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-12 * expected.abs().max(1e-3), "{found} is not {expected}");
    }

    /// Values of scipy 1.17 (`stats.t.ppf`, `stats.binom.pmf`).
    #[test]
    fn known_values() {
        near(t_quantile(0.995, 199.0), 2.600_760_216_058_516);
        near(t_quantile(0.8, 7.0), 0.896_029_644_313_765_3);
        near(t_quantile(0.05, 1.0), -6.313_751_514_675_044);
        near(binomial_pmf(3, 10, 0.3), 0.266_827_932);
        near(binomial_pmf(300_123, 1_000_000, 0.3), 8.396_663_387_525_925e-4);
        near(binomial_cdf(2, 5, 0.5), 0.5);
    }
}
