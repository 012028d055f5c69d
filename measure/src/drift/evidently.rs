//! What Evidently 0.7.23 computes, bug for bug, for those who compare: these are not the measures that karat decides by.
//!
//! Known flaws that are kept: numeric bins are Sturges' over both sides together, whatever is asked for, once the reference has more than 20
//! distinct values; an empty bin is filled with 1e-4, so that PSI and KL jump with rare categories; χ² takes the reference for the truth and
//! rejects in 22 to 81 % of the cases where nothing changed; one unseen category gives p 0; Hellinger's bins hang on the number of distinct
//! values; Mann-Whitney is one-sided, so that a fall never shows; the G-test does not scale the counts that it expects, and has none where the sides
//! differ in size. Nulls are left out, as Evidently does before it calls these.

use crate::error::Error;
use crate::moments::Moments;
use crate::shift::{merged, two_sides};
use crate::sorted::{Sample, Sorted};
use crate::special::{chi_square_survival, normal_survival};

/// Distinct values of the reference up to which numbers are categories.
const CATEGORIES_MAX: usize = 20;

/// The shares of both sides in bins, reference first.
pub type Shares = Vec<(f64, f64)>;

/// Shares of numbers: in Sturges' bins over both sides, or by value where the reference has at most 20 distinct ones. Errors if a side is empty.
pub fn shares<A: Sample + ?Sized, B: Sample + ?Sized>(reference: &A, current: &B) -> Result<Shares, Error> {
    let (reference, current) = two_sides("evidently", reference, current)?;
    if reference.runs().nth(CATEGORIES_MAX).is_none() {
        return shares_of_categories(&pairs(&reference, &current));
    }
    let (r, c) = (reference.values(), current.values());
    let edges = sturges(r[0].min(c[0]), r[r.len() - 1].max(c[c.len() - 1]), r.len() + c.len())?;
    Ok(histogram(r, &edges).into_iter().zip(histogram(c, &edges)).collect())
}

/// Lists how often each distinct number occurs in the reference and on the current side.
pub fn pairs(reference: &Sorted, current: &Sorted) -> Vec<(u64, u64)> {
    let mut pairs = Vec::new();
    merged(reference.values(), current.values(), |_, r, c| pairs.push((r as u64, c as u64)));
    pairs
}

/// Shares of categories, out of how often each occurs in the reference and in the current side. Errors if a side is empty.
pub fn shares_of_categories(pairs: &[(u64, u64)]) -> Result<Shares, Error> {
    let (n, m) = totals(pairs)?;
    Ok(pairs.iter().map(|(r, c)| (*r as f64 / n as f64, *c as f64 / m as f64)).collect())
}

/// Evidently's PSI.
pub fn psi(shares: &Shares) -> f64 {
    filled(shares).iter().map(|(r, c)| (r - c) * (r / c).ln()).sum()
}

/// Evidently's Kullback-Leibler divergence: of the reference from the current side, both brought to a sum of 1 after the filling.
pub fn kl_div(shares: &Shares) -> f64 {
    let filled = filled(shares);
    let (n, m) = filled.iter().fold((0.0, 0.0), |(n, m), (r, c)| (n + r, m + c));
    filled.iter().map(|(r, c)| r / n * (r / n / (c / m)).ln()).sum()
}

/// Evidently's Jensen-Shannon distance, natural logarithm, empty bins left empty.
pub fn jensenshannon(shares: &Shares) -> f64 {
    let term = |x: f64, middle: f64| if x > 0.0 { x * (x / middle).ln() } else { 0.0 };
    let sum: f64 = shares.iter().map(|(r, c)| term(*r, f64::midpoint(*r, *c)) + term(*c, f64::midpoint(*r, *c))).sum();
    (sum / 2.0).max(0.0).sqrt()
}

/// Evidently's Hellinger distance of numbers, in Sturges' bins over the distinct values. Errors if a side is empty.
pub fn hellinger<A: Sample + ?Sized, B: Sample + ?Sized>(reference: &A, current: &B) -> Result<f64, Error> {
    let (reference, current) = two_sides("evidently", reference, current)?;
    let (mut low, mut high, mut n_distinct) = (f64::INFINITY, f64::NEG_INFINITY, 0);
    merged(reference.values(), current.values(), |x, _, _| (low, high, n_distinct) = (low.min(x), high.max(x), n_distinct + 1));
    let edges = sturges(low, high, n_distinct)?;
    let (r, c) = (histogram(reference.values(), &edges), histogram(current.values(), &edges));
    Ok(hellinger_of(&r.into_iter().zip(c).collect()))
}

/// Evidently's Hellinger distance of shares.
pub fn hellinger_of(shares: &Shares) -> f64 {
    (1.0 - shares.iter().map(|(r, c)| (r * c).sqrt()).sum::<f64>().clamp(0.0, 1.0)).sqrt()
}

/// Evidently's normed Wasserstein distance: over the reference's standard deviation (n in the denominator), at least 0.001. Errors if a side
/// is empty.
pub fn wasserstein<A: Sample + ?Sized, B: Sample + ?Sized>(reference: &A, current: &B) -> Result<f64, Error> {
    let (reference, current) = two_sides("evidently", reference, current)?;
    let moments = Moments::of(reference.values());
    Ok(crate::shift::wasserstein(&*reference, &*current)? / (moments.m2 / moments.n as f64).sqrt().max(0.001))
}

/// Evidently's χ² p-value: of the current counts against those of the reference, taken for the truth. Errors if a side is empty.
pub fn chisquare(pairs: &[(u64, u64)]) -> Result<f64, Error> {
    let (n, m) = totals(pairs)?;
    let scale = m as f64 / n as f64;
    let statistic: f64 = pairs.iter().map(|(r, c)| (*c as f64 - *r as f64 * scale).powi(2) / (*r as f64 * scale)).sum();
    Ok(chi_square_survival(statistic, pairs.len() as f64 - 1.0))
}

/// Evidently's Mann-Whitney p-value: scipy's, one-sided, that the reference is not the smaller one. Errors if a side is empty.
pub fn mann_whitney<A: Sample + ?Sized, B: Sample + ?Sized>(reference: &A, current: &B) -> Result<f64, Error> {
    crate::shift::mann_whitney_less_p_value(reference, current)
}

/// Evidently's G p-value: of the current counts against those of the reference as they are. NaN for a single category, 0 with an unseen one.
///
/// Errors if a side is empty, or where the sides differ in size: scipy refuses them there.
pub fn g_test(pairs: &[(u64, u64)]) -> Result<f64, Error> {
    let (n, m) = totals(pairs)?;
    if n != m {
        let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        return Err(Error::Lengths { measure: "evidently_g_test", left: size(n), right: size(m) });
    }
    let term =
        |(expected, observed): &(u64, u64)| if *observed > 0 { 2.0 * *observed as f64 * (*observed as f64 / *expected as f64).ln() } else { 0.0 };
    let statistic: f64 = pairs.iter().map(term).sum();
    Ok(if pairs.len() < 2 { f64::NAN } else { chi_square_survival(statistic, pairs.len() as f64 - 1.0) })
}

/// Evidently's z-test: p that both sides have the same share of values other than the first one in order. Errors if a side is empty.
pub fn z_test(pairs: &[(u64, u64)]) -> Result<f64, Error> {
    let (n, m) = totals(pairs)?;
    if pairs.len() < 2 {
        return Ok(1.0);
    }
    let (n, m) = (n as f64, m as f64);
    let (r, c) = (1.0 - pairs[0].0 as f64 / n, 1.0 - pairs[0].1 as f64 / m);
    let both = (r * n + c * m) / (n + m);
    let z = (r - c) / (both * (1.0 - both) * (1.0 / n + 1.0 / m)).sqrt();
    Ok(2.0 * normal_survival(z.abs()))
}

/// How many values either side has. Errors if one is empty.
fn totals(pairs: &[(u64, u64)]) -> Result<(u64, u64), Error> {
    let (n, m) = pairs.iter().fold((0, 0), |(n, m), (r, c)| (n + r, m + c));
    crate::error::at_least("evidently", "values a side", 1, usize::from(n.min(m) > 0))?;
    Ok((n, m))
}

/// numpy's `histogram_bin_edges(bins="sturges")`, which refuses an infinite range.
fn sturges(low: f64, high: f64, n: usize) -> Result<Vec<f64>, Error> {
    if let Some(value) = [low, high].into_iter().find(|end| end.is_infinite()) {
        return Err(Error::Range { measure: "evidently", parameter: "value", wants: "finite numbers in a histogram", value });
    }
    let (low, high, n_bins) = if low == high {
        (low - 0.5, high + 0.5, 1.0)
    } else {
        let width = (high - low) / ((n as f64).log2() + 1.0);
        (low, high, ((high - low) / width).ceil().max(1.0))
    };
    let step = (high - low) / n_bins;
    let mut edges = Vec::new();
    let mut k = 0.0;
    while k < n_bins {
        edges.push(k * step + low);
        k += 1.0;
    }
    edges.push(high);
    Ok(edges)
}

/// Shares of ascending numbers between edges, the last bin closed on both sides.
fn histogram(sorted: &[f64], edges: &[f64]) -> Vec<f64> {
    let last = edges.len() - 1;
    let below = |k: usize| if k == last { sorted.len() } else { sorted.partition_point(|x| *x < edges[k]) };
    (0..last).map(|k| (below(k + 1) - below(k)) as f64 / sorted.len() as f64).collect()
}

/// Fills empty bins with 1e-4, or with a millionth of the smallest share where that is not larger.
fn filled(shares: &Shares) -> Shares {
    let fill = |side: fn(&(f64, f64)) -> f64| {
        let least = shares.iter().map(side).filter(|share| *share > 0.0).fold(f64::INFINITY, f64::min);
        if least <= 1e-4 { least / 1e6 } else { 1e-4 }
    };
    let (reference, current) = (fill(|pair| pair.0), fill(|pair| pair.1));
    shares.iter().map(|(r, c)| (if *r == 0.0 { reference } else { *r }, if *c == 0.0 { current } else { *c })).collect()
}
