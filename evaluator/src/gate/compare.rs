//! Paired differences of one metric, tested.

use measure::Interval;
use measure::Seed;
use measure::interval::bonett_price;
use measure::test::{ClusterSignFlip, PairedT, Plan, clustered_error, mde, mde_planted, paired_t, variance_floor};

use crate::checks::Scale;
use crate::error::Error;
use crate::spec::Better;

/// Level of displayed intervals.
pub(crate) const LEVEL: f64 = 0.95;

/// Clusters up to which the smallest visible fall is found by planting falls.
const PLANTED_MAX: usize = 16;

/// Clusters from which on signs are flipped; a t-test on their sums below.
pub(crate) const FLIPPED_MIN: usize = 9;

/// Paired values of one metric.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Pairs {
    pub baseline: Vec<f64>,
    pub candidate: Vec<f64>,
    /// The cluster of each pair, from 0 without gaps; nothing where cases are independent.
    pub clusters: Option<Vec<usize>>,
    /// The case of each pair.
    pub ids: Vec<String>,
}

/// A tested comparison. Differences are turned so that a fall means worse.
#[derive(Debug, Clone)]
pub(crate) struct Comparison {
    pub pairs: Pairs,
    pub better: Better,
    pub scale: Scale,
    pub differences: Vec<f64>,
    pub test: Test,
    pub variance: f64,
    pub design_effect: f64,
    pub seed: Seed,
}

/// The test that fits the data.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    /// There is too little to test, and why.
    None(&'static str),
    /// Independent cases.
    PairedT(PairedT),
    /// Two to eight clusters: a t-test on their sums.
    SumsT { test: PairedT, sums: Vec<f64>, sizes: Vec<f64> },
    /// Nine clusters and more.
    SignFlip { test: ClusterSignFlip, sums: Vec<f64>, sizes: Vec<f64> },
}

impl Comparison {
    /// Tests whether the metric fell.
    pub(crate) fn new(pairs: Pairs, better: Better, scale: Scale, seed: Seed) -> Result<Self, Error> {
        let sign = if better == Better::Higher { 1.0 } else { -1.0 };
        let differences: Vec<f64> = pairs.baseline.iter().zip(&pairs.candidate).map(|(old, new)| sign * (new - old)).collect();
        let (test, mut variance, mut design_effect) = (test_of(&differences, pairs.clusters.as_deref(), seed)?, 0.0, 1.0_f64);
        if let Ok(naive) = paired_t(&differences) {
            variance = naive.error * naive.error * differences.len() as f64;
            if let (Some(clusters), true) = (&pairs.clusters, naive.error > 0.0 && !matches!(test, Test::None(_))) {
                design_effect = (clustered_error(&differences, clusters)? / naive.error).powi(2).max(1.0);
            }
        }
        Ok(Self { pairs, better, scale, differences, test, variance, design_effect, seed })
    }

    pub(crate) fn n(&self) -> usize {
        self.differences.len()
    }

    pub(crate) fn n_clusters(&self) -> Option<usize> {
        self.pairs.clusters.as_ref().map(|clusters| clusters.iter().max().map_or(0, |last| last + 1))
    }

    /// Mean of the differences; below 0 is worse.
    pub(crate) fn mean(&self) -> f64 {
        mean(&self.differences)
    }

    pub(crate) fn baseline(&self) -> f64 {
        mean(&self.pairs.baseline)
    }

    pub(crate) fn candidate(&self) -> f64 {
        mean(&self.pairs.candidate)
    }

    /// One-sided p-value of a fall.
    pub(crate) fn p(&self) -> Result<Option<f64>, Error> {
        Ok(match &self.test {
            Test::None(_) => None,
            Test::PairedT(test) | Test::SumsT { test, .. } => Some(test.p_fall),
            Test::SignFlip { test, sums, .. } => Some(test.p_fall(sums)?),
        })
    }

    /// Whether every value is a plain pass or fail, with no averaging in it.
    pub(crate) fn is_whole(&self) -> bool {
        let whole = |value: &f64| *value == 0.0 || *value == 1.0;
        self.scale == Scale::Rate && self.pairs.baseline.iter().chain(&self.pairs.candidate).all(whole)
    }

    /// Pairs that became better, and pairs that became worse.
    pub(crate) fn discordant(&self) -> (usize, usize) {
        let count = |better: bool| self.differences.iter().filter(|d| if better { **d > 0.0 } else { **d < 0.0 }).count();
        (count(true), count(false))
    }

    /// The interval of the difference, candidate less baseline, with its name.
    pub(crate) fn interval(&self, level: f64) -> Result<Option<(Interval, &'static str)>, Error> {
        let (interval, name) = match &self.test {
            Test::None(_) => return Ok(None),
            Test::PairedT(_) if self.is_whole() => {
                let (gained, lost) = self.discordant();
                (bonett_price(self.n() as f64, gained as f64, lost as f64, level)?, "Bonett-Price")
            }
            Test::PairedT(test) => (test.interval(level), "paired t"),
            Test::SumsT { test, .. } => {
                let error = self.clustered_error()?;
                (PairedT { mean: self.mean(), error, ..*test }.interval(level), "clustered t")
            }
            Test::SignFlip { test, sums, sizes } => (test.interval(sums, sizes, level)?, "inverted sign-flip"),
        };
        let turned = if self.better == Better::Higher { interval } else { Interval { low: -interval.high, high: -interval.low } };
        // What is between 0 and 1 differs by 1 at most.
        let bounded = self.scale != Scale::Unbounded;
        Ok(Some((if bounded { Interval { low: turned.low.max(-1.0), high: turned.high.min(1.0) } } else { turned }, name)))
    }

    pub(crate) fn clustered_error(&self) -> Result<f64, Error> {
        Ok(match &self.pairs.clusters {
            Some(clusters) => clustered_error(&self.differences, clusters)?,
            None => 0.0,
        })
    }

    /// The unit in which `max_mde` and floors are shares: 1 for rates and scores, the baseline's mean for metrics without a range, its mean size where
    /// values on both sides of 0 add up to nothing.
    pub(crate) fn unit(&self) -> f64 {
        match (self.scale, self.baseline().abs()) {
            (Scale::Unbounded, 0.0) => mean(&self.pairs.baseline.iter().map(|value| value.abs()).collect::<Vec<_>>()),
            (Scale::Unbounded, mean) => mean,
            _ => 1.0,
        }
    }

    /// Whether a metric without a range is 0 in every case of both runs, so that there is no unit to measure a fall in.
    pub(crate) fn is_idle(&self) -> bool {
        self.scale == Scale::Unbounded && self.pairs.baseline.iter().chain(&self.pairs.candidate).all(|value| *value == 0.0)
    }

    /// Variance of the differences, no less than what an unchanged metric of this kind has to reckon with.
    pub(crate) fn floored_variance(&self, n: usize) -> f64 {
        self.floored(self.variance, n)
    }

    /// The same for another variance.
    pub(crate) fn floored(&self, variance: f64, n: usize) -> f64 {
        variance.max(variance_floor(n, floor_unit(self.scale, self.unit())))
    }

    /// What the test could have seen at this level.
    pub(crate) fn mde(&self, level: f64) -> Result<f64, Error> {
        let plan = self.plan(self.n(), self.variance, level);
        match &self.test {
            Test::None(_) => Ok(f64::INFINITY),
            Test::PairedT(_) => Ok(mde(&plan)),
            Test::SumsT { sizes, .. } => Ok(mde_planted(&plan, sizes, self.seed)?),
            Test::SignFlip { sizes, .. } if sizes.len() <= PLANTED_MAX => Ok(mde_planted(&plan, sizes, self.seed)?),
            Test::SignFlip { test, .. } if test.resolution() > level => Ok(f64::INFINITY),
            Test::SignFlip { .. } => Ok(mde(&plan)),
        }
    }

    /// What the test of `n` such cases would see at this level, were the variance of the differences `variance`.
    pub(crate) fn plan(&self, n: usize, variance: f64, level: f64) -> Plan {
        // More cases are thought of as more clusters of the same sizes.
        let units = self.n_clusters().map_or(n as f64, |clusters| clusters as f64 * n as f64 / self.n().max(1) as f64);
        Plan {
            n,
            variance: self.floored(variance, n),
            binary: self.scale == Scale::Rate,
            design_effect: self.design_effect,
            df: units - 1.0,
            q: level,
            n_tests: 1,
        }
    }

    /// The test in words, for the report.
    pub(crate) fn test_name(&self) -> Option<String> {
        match &self.test {
            Test::None(_) => None,
            Test::PairedT(_) => Some(format!("paired t, {} pairs", self.n())),
            Test::SumsT { sizes, .. } => Some(format!("t on the sums of {} clusters", sizes.len())),
            Test::SignFlip { test, sizes, .. } if test.is_exact() => {
                Some(format!("cluster sign-flip, {} clusters, all {} patterns", sizes.len(), test.n_draws()))
            }
            Test::SignFlip { test, sizes, .. } => {
                Some(format!("cluster sign-flip, {} clusters, {} draws, seed {}", sizes.len(), test.n_draws(), self.seed))
            }
        }
    }
}

/// The `r` of [`variance_floor`]: 1 for rates, a tenth of the range for scores, a twentieth of the mean for what has no range.
pub(crate) fn floor_unit(scale: Scale, mean: f64) -> f64 {
    match scale {
        Scale::Rate => 1.0,
        Scale::Score => 0.1,
        Scale::Unbounded => 0.05 * mean,
    }
}

fn test_of(differences: &[f64], clusters: Option<&[usize]>, seed: Seed) -> Result<Test, Error> {
    if differences.len() < 2 {
        return Ok(Test::None(match differences.len() {
            0 => "no case is in both runs; two could be tested",
            _ => "one case is in both runs; two could be tested",
        }));
    }
    let Some(clusters) = clusters else { return Ok(Test::PairedT(paired_t(differences)?)) };
    let n_clusters = clusters.iter().max().map_or(0, |last| last + 1);
    let (mut sums, mut sizes) = (vec![0.0; n_clusters], vec![0.0; n_clusters]);
    for (difference, cluster) in differences.iter().zip(clusters) {
        sums[*cluster] += difference;
        sizes[*cluster] += 1.0;
    }
    match n_clusters {
        0 | 1 => Ok(Test::None("all cases are in one cluster; two clusters could be tested, and nine without a doubt about their shape")),
        FLIPPED_MIN.. => Ok(Test::SignFlip { test: ClusterSignFlip::new(n_clusters, seed)?, sums, sizes }),
        _ => Ok(Test::SumsT { test: paired_t(&sums)?, sums, sizes }),
    }
}

fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}
