//! `watch: drift`: do the window's values come from where the baseline's came from?
//!
//! What is compared follows the data (science: `drift()` picks). Categories, and numbers with at most ten distinct values
//! in the baseline: effect is the Jensen-Shannon distance, p the homogeneity χ²'s. Other numbers: effect is Wasserstein-1 in
//! standard deviations of the baseline, p is Kolmogorov-Smirnov's. Both effects are less what chance alone gives. Where the
//! rule names a cluster and the p-value would count, or an expected count is below 5, it is computed again by permuting
//! whole clusters: `(1 + #) / (draws + 1)`, so never below one in ten thousand.

use measure::drift::{Counts, bin_categories, bin_numbers, js_distance_counts, js_distance_null_mean};
use measure::shift::{ks_p_value, wasserstein};
use statrs::function::gamma::gamma_ur;

use super::permutation::{Pooled, Statistic, permuted_p};
use super::{Blind, Evidence, Reading, enough};
use crate::baseline::Sample;
use crate::rule::{Direction, Rule};
use crate::series::{Series, Values};

/// Distinct values in the baseline up to which numbers are taken as categories.
const CATEGORIES_MAX: usize = 10;
/// Expected count below which χ² is not trusted.
const EXPECTED_MIN: f64 = 5.0;

pub(super) fn read(rule: &Rule, series: &Series, sample: &Sample) -> Result<Reading, Blind> {
    enough(rule, sample)?;
    let past: Vec<usize> = sample.past.iter().flatten().copied().collect();
    match &series.values {
        Values::Categories(values) => {
            let side = |rows: &[usize]| rows.iter().map(|row| Some(values.codes[*row])).collect::<Vec<_>>();
            let counts = bin_categories(side(&past), side(&sample.current)).map_err(|_| learning(sample))?;
            let shift = categories_shift(rule, series, sample, &past, &counts, |row| f64::from(values.codes[row]));
            Ok(Reading { value: shift.distance, baseline: None, effect: shift.effect, evidence: Evidence::P(shift.p) })
        }
        Values::Numbers(_) => numbers(rule, series, sample, &past),
    }
}

fn learning(sample: &Sample) -> Blind {
    Blind::Learning { n_past: sample.n_past(), n_windows: sample.past.len() }
}

struct Shift {
    distance: f64,
    effect: f64,
    p: f64,
}

fn numbers(rule: &Rule, series: &Series, sample: &Sample, past: &[usize]) -> Result<Reading, Blind> {
    let side = |rows: &[usize]| rows.iter().map(|row| series.number(*row)).collect::<Vec<_>>();
    let (current, reference) = (side(&sample.current), side(past));
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (value, baseline) = (mean(&current), mean(&reference));

    let shift = if distinct(&reference) <= CATEGORIES_MAX {
        let counts = bin_numbers(&reference, &current).map_err(|_| learning(sample))?;
        categories_shift(rule, series, sample, past, &counts, |row| series.number(row))
    } else {
        numbers_shift(rule, series, sample, past, &current, &reference).map_err(|_| learning(sample))?
    };
    let sign = if value < baseline { -1.0 } else { 1.0 };
    // A fall is no news to a rule that watches for a rise, however different the distributions are.
    let wanted = match rule.direction() {
        Direction::Both => true,
        Direction::Up => sign > 0.0,
        Direction::Down => sign < 0.0,
    };
    let p = if wanted { shift.p } else { 1.0 };
    Ok(Reading { value, baseline: Some(baseline), effect: sign * shift.effect, evidence: Evidence::P(p) })
}

fn distinct(values: &[f64]) -> usize {
    let mut seen: Vec<u64> = Vec::with_capacity(CATEGORIES_MAX + 1);
    for value in values {
        if !seen.contains(&value.to_bits()) {
            seen.push(value.to_bits());
            if seen.len() > CATEGORIES_MAX {
                break;
            }
        }
    }
    seen.len()
}

fn numbers_shift(rule: &Rule, series: &Series, sample: &Sample, past: &[usize], current: &[f64], reference: &[f64]) -> Result<Shift, measure::Error> {
    let distance = wasserstein(reference, current)?;
    let sd = deviation(reference);
    let effect = ((distance - wasserstein_by_chance(reference, current)) / sd).max(0.0);
    let mut p = ks_p_value(reference, current)?;
    if series.has_clusters() && p <= rule.q {
        p = p.max(permuted_p(&Pooled::of(series, &sample.current, past, |row| series.number(row)), Statistic::Gap, &rule.name));
    }
    Ok(Shift { distance, effect, p })
}

fn deviation(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64).sqrt()
}

/// `E[W₁] = √(2/π) √(1/n + 1/m) ∫ √(F(1 − F)) dx` when nothing changed, with F of both sides together.
fn wasserstein_by_chance(reference: &[f64], current: &[f64]) -> f64 {
    let mut pooled: Vec<f64> = reference.iter().chain(current).copied().collect();
    pooled.sort_unstable_by(f64::total_cmp);
    let n = pooled.len() as f64;
    let area: f64 = pooled
        .windows(2)
        .enumerate()
        .map(|(i, pair)| {
            let share = (i + 1) as f64 / n;
            (share * (1.0 - share)).sqrt() * (pair[1] - pair[0])
        })
        .sum();
    std::f64::consts::FRAC_2_PI.sqrt() * (1.0 / reference.len() as f64 + 1.0 / current.len() as f64).sqrt() * area
}

fn categories_shift(rule: &Rule, series: &Series, sample: &Sample, past: &[usize], counts: &Counts, key: impl Fn(usize) -> f64) -> Shift {
    let distance = js_distance_counts(counts);
    let effect = (distance - js_distance_null_mean(counts.reference.len(), past.len(), sample.current.len())).max(0.0);
    let (mut p, least_expected) = homogeneity(counts);
    if least_expected < EXPECTED_MIN || (series.has_clusters() && p <= rule.q) {
        let permuted = permuted_p(&Pooled::of(series, &sample.current, past, key), Statistic::ChiSquare, &rule.name);
        p = if least_expected < EXPECTED_MIN { permuted } else { p.max(permuted) };
    }
    Shift { distance, effect, p }
}

/// Pearson's χ² that both sides share one distribution: the p-value, and the smallest expected count.
fn homogeneity(counts: &Counts) -> (f64, f64) {
    let total = |side: &[u64]| side.iter().sum::<u64>() as f64;
    let (n, m) = (total(&counts.reference), total(&counts.current));
    let (mut statistic, mut least, mut n_bins) = (0.0, f64::INFINITY, 0_u32);
    for (r, c) in counts.reference.iter().zip(&counts.current) {
        let (r, c) = (*r as f64, *c as f64);
        if r + c == 0.0 {
            continue;
        }
        n_bins += 1;
        for (observed, side) in [(r, n), (c, m)] {
            let expected = (r + c) * side / (n + m);
            statistic += (observed - expected).powi(2) / expected;
            least = least.min(expected);
        }
    }
    if n_bins < 2 {
        return (1.0, f64::INFINITY);
    }
    (if statistic > 0.0 { gamma_ur(f64::from(n_bins - 1) / 2.0, statistic / 2.0) } else { 1.0 }, least)
}
