//! `karat eval aa`: a suite against itself, for the rate at which its gate raises false alarms.

use std::path::Path;

use measure::interval::{clopper_pearson, wilson};
use schema::Micros;
use serde::Serialize;

use crate::error::Error;
use crate::report::{Report, RunOutcome};
use crate::run::{Options, run_suite};
use crate::suite::{Compare, Suite, load_from};

/// What a suite says about itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AaReport {
    /// Pairs of runs that were compared.
    pub n_pairs: u64,
    /// Pairs that ended as REGRESSED, with nothing changed.
    pub n_alarms: u64,
    /// Wilson's interval of the rate, at 95 %.
    pub interval: [f64; 2],
    /// Pairs that could not be told.
    pub n_inconclusive: u64,
    /// The metrics.
    pub metrics: Vec<AaMetric>,
    /// Whether every run gave the same scores: then nothing here is random, and the rate says nothing.
    pub is_deterministic: bool,
    /// Whether the lower end of the runs' own 99 % interval is above the level that the gate keeps.
    pub is_flaky: bool,
}

/// False alarms of one metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AaMetric {
    /// Its name.
    pub name: String,
    /// Pairs in which it regressed.
    pub n_alarms: u64,
    /// Whether the lower end of the rate's 99 % interval is above the level that the gate keeps.
    pub is_flaky: bool,
}

/// Runs a suite twice for every pair and compares the two, each run in one pair alone, so that the pairs are independent.
pub async fn aa(path: &Path, n_pairs: u32, options: &Options<'_>, now: Micros) -> Result<AaReport, Error> {
    // Answers that are kept would be the same each time.
    let mut config = options.config.clone();
    config.calls.cache_bytes_max = 0;
    let mut suite = load_from(options.archive, path, &Compare::Nothing, &config, options.env).await?;
    let mut pairs = Vec::new();
    for _ in 0..n_pairs.max(1) {
        suite.baseline = None;
        let first = run_suite(&suite, options, now).await?.report;
        let scores = first.cases.clone();
        suite.compare_with(path, first);
        let second = run_suite(&suite, options, now).await?.report;
        let same = scores.iter().zip(&second.cases).all(|(a, b)| a.scores == b.scores);
        pairs.push((second, same));
    }
    summarize(&suite, &pairs)
}

fn summarize(suite: &Suite, pairs: &[(Report, bool)]) -> Result<AaReport, Error> {
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let n_pairs = count(pairs.len());
    let ended = |outcome: RunOutcome| count(pairs.iter().filter(|(report, _)| report.verdict.outcome == outcome).count());
    let n_alarms = ended(RunOutcome::Regressed);
    let interval = wilson(n_alarms, n_pairs, 0.95)?;
    // A plain "rate above twice the level" would hit some healthy metric of ten in half of all months.
    let is_flaky = |n_alarms: u64| Ok::<_, Error>(clopper_pearson(n_alarms, n_pairs, 0.99)?.low > suite.gate.q);
    let mut metrics = Vec::new();
    for metric in &suite.metrics {
        let regressed =
            |report: &Report| report.metrics.iter().any(|found| found.name == metric.name && found.outcome == Some(RunOutcome::Regressed));
        let n_alarms = count(pairs.iter().filter(|(report, _)| regressed(report)).count());
        metrics.push(AaMetric { name: metric.name.clone(), n_alarms, is_flaky: is_flaky(n_alarms)? });
    }
    Ok(AaReport {
        n_pairs,
        n_alarms,
        interval: [interval.low, interval.high],
        n_inconclusive: ended(RunOutcome::Inconclusive),
        metrics,
        is_deterministic: pairs.iter().all(|(_, same)| *same),
        is_flaky: is_flaky(n_alarms)?,
    })
}

impl AaReport {
    /// Returns the exit code: 100 where the gate, or a metric of it, raises more false alarms than it promises beyond doubt, else 0.
    pub fn exit_code(&self) -> u8 {
        if self.is_flaky || self.metrics.iter().any(|metric| metric.is_flaky) { 100 } else { 0 }
    }

    /// Writes the report for a terminal.
    pub fn text(&self) -> String {
        let [low, high] = self.interval;
        let mut out = format!(
            "{} of {} pairs of runs raised a false alarm: {:.1} % (95 %: {:.1} to {:.1} %); {} inconclusive\n",
            self.n_alarms,
            self.n_pairs,
            100.0 * self.n_alarms as f64 / self.n_pairs as f64,
            100.0 * low,
            100.0 * high,
            self.n_inconclusive
        );
        for metric in self.metrics.iter().filter(|metric| metric.n_alarms > 0) {
            let flaky = if metric.is_flaky { "; flaky: quarantine it" } else { "" };
            out.push_str(&format!("  {}: {} alarms{flaky}\n", metric.name, metric.n_alarms));
        }
        if self.is_flaky {
            out.push_str("  that is more than the gate promises: its cases or clusters are not what the suite says they are\n");
        }
        if self.is_deterministic {
            out.push_str("  every run gave the same scores, so nothing here is random and the rate says nothing\n");
        }
        out
    }
}
