//! `watch: error_rate`: is the share of rows whose `value` is true larger than it was?
//!
//! Fisher's exact test on counts that are divided by how much more they vary than independent rows would: the larger of
//! the clusters' design effect (Rao and Scott, 1992) and the windows' dispersion, `mean (kᵢ − nᵢp)² / (nᵢp(1−p))` over the past
//! windows without the tenth that lies furthest off. Counts are rounded against the alarm.

use super::spread::{ClusterSums, cluster_squares};
use super::{Blind, Evidence, Reading, enough, tail, whole};
use crate::baseline::Sample;
use crate::rule::{Direction, Rule};
use crate::series::Series;

pub(super) fn read(rule: &Rule, series: &Series, sample: &Sample) -> Result<Reading, Blind> {
    enough(rule, sample)?;
    let hits = |rows: &[usize]| rows.iter().map(|row| series.number(*row).clamp(0.0, 1.0)).sum::<f64>();
    let (n, n_past) = (sample.n() as f64, sample.n_past() as f64);
    let (k, k_past) = (hits(&sample.current), sample.past.iter().map(|window| hits(window)).sum::<f64>());
    let (rate, usual) = (k / n, k_past / n_past);

    let scale = dispersion(sample, usual, hits).max(design_effect(series, sample, rate, usual));
    let down = |count: f64| whole((count / scale).floor()) as u64;
    let up = |count: f64| whole((count / scale).ceil()) as u64;
    let fewer = || tail::fisher(up(k).min(up(n)), up(n), down(k_past), down(n_past).max(1), Direction::Down);
    let more = || tail::fisher(down(k), down(n).max(1), up(k_past), up(n_past), Direction::Up);
    let p = match rule.direction() {
        Direction::Up => more(),
        Direction::Down => fewer(),
        Direction::Both => (2.0 * more().min(fewer())).min(1.0),
    };
    Ok(Reading { value: rate, baseline: Some(usual), effect: rate - usual, evidence: Evidence::P(p) })
}

/// How much more the past windows vary than independent rows would; 1 or more.
fn dispersion(sample: &Sample, usual: f64, hits: impl Fn(&[usize]) -> f64) -> f64 {
    if usual <= 0.0 || usual >= 1.0 {
        return 1.0;
    }
    let pearson = |window: &Vec<usize>| {
        let n = window.len() as f64;
        (hits(window) - n * usual).powi(2) / (n * usual * (1.0 - usual))
    };
    let mut squares: Vec<f64> = sample.past.iter().map(pearson).collect();
    squares.sort_unstable_by(f64::total_cmp);
    squares.truncate(squares.len() - squares.len() / 10);
    (squares.iter().sum::<f64>() / squares.len() as f64).max(1.0)
}

/// How much more a rate varies because the rows of a cluster are alike; 1 or more.
fn design_effect(series: &Series, sample: &Sample, rate: f64, usual: f64) -> f64 {
    let (mut squares, mut clustered) = (0.0, 0.0);
    let mut scratch = ClusterSums::default();
    let windows = sample.past.iter().map(|window| (window, usual)).chain(std::iter::once((&sample.current, rate)));
    for (rows, rate) in windows {
        let deviations: Vec<f64> = rows.iter().map(|row| series.number(*row).clamp(0.0, 1.0) - rate).collect();
        squares += deviations.iter().map(|deviation| deviation * deviation).sum::<f64>();
        clustered += cluster_squares(series, rows, &deviations, &mut scratch).1;
    }
    if squares > 0.0 { (clustered / squares).clamp(1.0, 50.0) } else { 1.0 }
}
