//! `watch: anomaly`: has the level moved further than levels move between windows?
//!
//! A robust z under random effects. Each past window has a level Lᵢ (mean or median of its residuals, after the median
//! of each `within` group is taken off). Levels differ by chance inside a window, s²·deff/n, and by what the windows do not
//! share, b²:
//!
//! `b² = max(0, (1.4826·MAD(Lᵢ))² − median(s²·deff/nᵢ))`, `c = median(Lᵢ)`
//! `t = (L − c) / √(s²·deff/n + b² + π/2·(b² + median(s²·deff/nᵢ))/R)`
//!
//! with Student's t, R the windows that c is of, and Satterthwaite's degrees of freedom over the two parts. The deff is the design effect of the
//! rule's clusters (Kish); the window's own spread counts where it is larger than the past's. Medians and MAD carry a
//! bad day in the baseline as long as it is in less than half of the windows. The spread of levels is floored at 1 % of the level
//! (science: `robust_z`), so that a constant series does not alarm at its first ripple.

use super::spread::{ClusterSums, MEDIAN_COST, cluster_squares, mad_sd, median};
use super::{Blind, Evidence, Reading, enough, tail};
use crate::baseline::Sample;
use crate::rule::{Level, Rule, Scale};
use crate::series::Series;

/// Rows of a group that the past must hold before rows of the window are compared with it.
const GROUP_MIN: usize = 5;

/// What is left of each row's value when the median of its `within` group in the past is taken off.
pub(super) struct Residuals {
    first: usize,
    /// NaN for rows outside of the samples, and for groups that the past does not know.
    of_row: Vec<f64>,
}

impl Residuals {
    /// Takes the groups' medians over the first sample, which is the whole, and takes them off its rows.
    pub fn of(series: &Series, samples: &[&Sample]) -> Self {
        let Some(whole) = samples.first() else { return Self { first: 0, of_row: Vec::new() } };
        let mut groups: Vec<Vec<f64>> = vec![Vec::new(); series.groups.names.len()];
        for row in whole.past.iter().chain(&whole.others).flatten() {
            groups[series.groups.codes[*row] as usize].push(series.number(*row));
        }
        let known = |values: &mut Vec<f64>| if values.len() < GROUP_MIN { f64::NAN } else { median(values) };
        let centres: Vec<f64> = groups.iter_mut().map(known).collect();
        let rows = || whole.past.iter().chain(&whole.others).chain(std::iter::once(&whole.current)).flatten().copied();
        let (first, last) = (rows().min().unwrap_or(0), rows().max().unwrap_or(0));
        let mut of_row = vec![f64::NAN; last - first + 1];
        for row in rows() {
            of_row[row - first] = series.number(row) - centres[series.groups.codes[row] as usize];
        }
        Self { first, of_row }
    }

    /// The rows that can be compared, with what is left of their values.
    fn known(&self, rows: &[usize]) -> (Vec<usize>, Vec<f64>) {
        rows.iter().map(|row| (*row, self.of_row[row - self.first])).filter(|(_, residual)| !residual.is_nan()).unzip()
    }
}

pub(super) fn read(rule: &Rule, series: &Series, residuals: &Residuals, sample: &Sample) -> Result<Reading, Blind> {
    enough(rule, sample)?;
    let (rows, current) = residuals.known(&sample.current);
    if (rows.len() as u64) < rule.min_n {
        // The window is full of groups that the past does not know, such as a model of today.
        return Err(Blind::Learning { n_past: sample.n_past(), n_windows: sample.past.len() });
    }
    let past = Past::of(rule, series, residuals, sample)?;
    Ok(compare(rule, series, &rows, current, &past))
}

fn level_of(rule: &Rule, residuals: &[f64]) -> f64 {
    match rule.level {
        Level::Median => median(&mut residuals.to_vec()),
        _ => residuals.iter().sum::<f64>() / residuals.len() as f64,
    }
}

/// What a level costs in variance, beside a mean.
fn cost_of(rule: &Rule) -> f64 {
    if rule.level == Level::Median { MEDIAN_COST } else { 1.0 }
}

/// What the baseline's windows say of levels. Of four windows the middle is known and the spread is not: where there are few, the spread is that of the
/// windows of other hours, which vary no less.
struct Past {
    /// Median of the levels.
    centre: f64,
    /// Robust variance of the levels.
    between: f64,
    /// Variance of a row around the level of its window.
    within: f64,
    /// How much more a mean varies because the rows of a cluster are alike; 1 or more.
    design_effect: f64,
    /// Median over the windows of the variance of a level that its own rows explain.
    sampling: f64,
    n_windows: f64,
    /// Windows that `between` is of.
    n_spread: f64,
}

impl Past {
    fn of(rule: &Rule, series: &Series, residuals: &Residuals, sample: &Sample) -> Result<Self, Blind> {
        let needed = usize::try_from(rule.min_n / 2).unwrap_or(usize::MAX).max(3);
        let known = |windows: &[Vec<usize>]| {
            let windows = windows.iter().map(|window| residuals.known(window));
            windows.filter(|(rows, _)| rows.len() >= needed).collect::<Vec<(Vec<usize>, Vec<f64>)>>()
        };
        let alike = known(&sample.past);
        if alike.len() < rule.baseline.min_windows {
            let n_rows: usize = alike.iter().map(|(rows, _)| rows.len()).sum();
            return Err(Blind::Learning { n_past: n_rows as u64, n_windows: alike.len() });
        }
        let levels: Vec<f64> = alike.iter().map(|(_, residuals)| level_of(rule, residuals)).collect();
        let mut windows = known(sample.spread());
        if windows.len() < alike.len() {
            windows = alike;
        }
        let centre = median(&mut levels.clone());
        Ok(Self { centre, n_windows: levels.len() as f64, ..Self::varying(rule, series, &mut windows) })
    }

    /// How levels vary within and between windows.
    fn varying(rule: &Rule, series: &Series, windows: &mut [(Vec<usize>, Vec<f64>)]) -> Self {
        let n_rows: usize = windows.iter().map(|(rows, _)| rows.len()).sum();
        let (mut levels, mut squares, mut clustered) = (Vec::with_capacity(windows.len()), 0.0, 0.0);
        let mut scratch = ClusterSums::default();
        for (rows, residuals) in windows.iter_mut() {
            let level = level_of(rule, residuals);
            residuals.iter_mut().for_each(|residual| *residual -= level);
            let (n_clusters, sum) = cluster_squares(series, rows, residuals, &mut scratch);
            squares += residuals.iter().map(|residual| residual * residual).sum::<f64>();
            clustered += sum * small_sample(n_clusters);
            levels.push(level);
        }
        let within = squares / (n_rows - windows.len()) as f64;
        let design_effect = if squares > 0.0 { (clustered / squares).clamp(1.0, 50.0) } else { 1.0 };
        let each = |(rows, _): &(Vec<usize>, Vec<f64>)| cost_of(rule) * within * design_effect / rows.len() as f64;
        let sampling = median(&mut windows.iter().map(each).collect::<Vec<_>>());
        let (centre, n_spread) = (median(&mut levels.clone()), levels.len() as f64);
        Self { centre, between: mad_sd(&levels, centre).powi(2), within, design_effect, sampling, n_windows: n_spread, n_spread }
    }
}

fn small_sample(n: usize) -> f64 {
    if n > 1 { n as f64 / (n - 1) as f64 } else { 1.0 }
}

fn compare(rule: &Rule, series: &Series, rows: &[usize], mut residuals: Vec<f64>, past: &Past) -> Reading {
    let level = level_of(rule, &residuals);
    let n = residuals.len() as f64;
    let actual = level_of(rule, &rows.iter().map(|row| series.number(*row)).collect::<Vec<_>>());
    let change = level - past.centre;

    residuals.iter_mut().for_each(|residual| *residual -= level);
    let (n_clusters, clustered) = cluster_squares(series, rows, &residuals, &mut ClusterSums::default());
    let own = clustered * small_sample(n_clusters) / (n * n);
    let sampling = cost_of(rule) * (past.within * past.design_effect / n).max(own);
    let shared = (past.between - past.sampling).max(0.0);
    let centre = MEDIAN_COST * (shared + past.sampling) / past.n_windows;
    let floor = match rule.scale {
        Scale::Linear => (0.01 * (actual - change).abs()).max(1e-9),
        Scale::Log => 0.01,
    };
    let variance = (sampling + shared + centre).max(floor * floor);

    let df_sampling = (n_clusters as f64 - 1.0).min(n / past.design_effect - 1.0).max(1.0);
    let df = variance.powi(2) / (sampling.powi(2) / df_sampling + (variance - sampling).powi(2) / (past.n_spread - 1.0));
    let p = tail::student(change / variance.sqrt(), df, rule.direction());
    match rule.scale {
        Scale::Linear => Reading { value: actual, baseline: Some(actual - change), effect: change, evidence: Evidence::P(p) },
        Scale::Log => Reading { value: actual.exp(), baseline: Some((actual - change).exp()), effect: change.exp() - 1.0, evidence: Evidence::P(p) },
    }
}
