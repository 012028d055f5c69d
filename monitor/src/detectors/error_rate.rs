//! `watch: error_rate`: is the share of rows whose `value` is true larger than it was?
//!
//! Fisher's exact test on counts that are divided by the dispersion of the past windows, `mean (kᵢ − nᵢp)² / (nᵢp(1−p))` without the
//! tenth that lies furthest off, where that is above 1; counts are rounded against the alarm. Where the rule names a
//! cluster, the share of clusters with at least one such row must have changed as well, and the larger p counts: one
//! session that fails ten times over is one failure.

use std::collections::BTreeMap;

use super::{Blind, Evidence, Reading, enough, tail, whole};
use crate::baseline::Sample;
use crate::rule::{Direction, Rule};
use crate::series::Series;

pub(super) fn read(rule: &Rule, series: &Series, sample: &Sample) -> Result<Reading, Blind> {
    enough(rule, sample)?;
    let by_row = Counts::of(sample, |rows| rows_hit(series, rows));
    let mut p = by_row.p_value(rule.direction());
    if series.has_clusters() {
        p = p.max(Counts::of(sample, |rows| clusters_hit(series, rows)).p_value(rule.direction()));
    }
    let (rate, usual) = (by_row.now.rate(), by_row.total().rate());
    Ok(Reading { value: rate, baseline: Some(usual), effect: rate - usual, evidence: Evidence::P(p) })
}

/// How many of how many.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    hits: f64,
    n: f64,
}

impl Share {
    fn rate(self) -> f64 {
        self.hits / self.n
    }
}

fn rows_hit(series: &Series, rows: &[usize]) -> Share {
    Share { hits: rows.iter().map(|row| series.number(*row).clamp(0.0, 1.0)).sum(), n: rows.len() as f64 }
}

fn clusters_hit(series: &Series, rows: &[usize]) -> Share {
    let mut worst: BTreeMap<u32, f64> = BTreeMap::new();
    for row in rows {
        let hit = worst.entry(series.clusters.codes[*row]).or_default();
        *hit = hit.max(series.number(*row).clamp(0.0, 1.0));
    }
    Share { hits: worst.values().sum(), n: worst.len() as f64 }
}

fn total(windows: &[Share]) -> Share {
    windows.iter().fold(Share::default(), |sum, window| Share { hits: sum.hits + window.hits, n: sum.n + window.n })
}

/// The share in the window and in each window of the past.
struct Counts {
    now: Share,
    past: Vec<Share>,
    /// Of the windows that say how much one varies from the next.
    spread: Vec<Share>,
}

impl Counts {
    fn of(sample: &Sample, count: impl Fn(&[usize]) -> Share) -> Self {
        let each = |windows: &[Vec<usize>]| windows.iter().map(|window| count(window)).collect();
        Self { now: count(&sample.current), past: each(&sample.past), spread: each(sample.spread()) }
    }

    fn total(&self) -> Share {
        total(&self.past)
    }

    fn p_value(&self, direction: Direction) -> f64 {
        let (now, past, scale) = (self.now, self.total(), self.dispersion());
        let down = |count: f64| whole((count / scale).floor()) as u64;
        let up = |count: f64| whole((count / scale).ceil()) as u64;
        let fewer = || tail::fisher(up(now.hits).min(up(now.n)), up(now.n), down(past.hits), down(past.n).max(1), Direction::Down);
        let more = || tail::fisher(down(now.hits), down(now.n).max(1), up(past.hits), up(past.n), Direction::Up);
        match direction {
            Direction::Up => more(),
            Direction::Down => fewer(),
            Direction::Both => (2.0 * more().min(fewer())).min(1.0),
        }
    }

    /// How much more the past windows vary than independent rows would; 1 or more.
    fn dispersion(&self) -> f64 {
        let usual = total(&self.spread).rate();
        if usual <= 0.0 || usual >= 1.0 {
            return 1.0;
        }
        let pearson = |window: &Share| (window.hits - window.n * usual).powi(2) / (window.n * usual * (1.0 - usual));
        let mut squares: Vec<f64> = self.spread.iter().map(pearson).collect();
        squares.sort_unstable_by(f64::total_cmp);
        squares.truncate(squares.len() - squares.len() / 10);
        (squares.iter().sum::<f64>() / squares.len() as f64).max(1.0)
    }
}
