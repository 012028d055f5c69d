//! The report of a run: the verdict, every metric and every case. A baseline file is such a report.

mod github;
mod html;
mod junit;
mod markdown;
mod shared;
mod text;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::checks::Outcome;
use crate::fairness::FairnessReport;
use crate::judge::JudgeReport;
use crate::spec::Better;

pub use github::github;
pub use html::html;
pub use junit::junit;
pub use markdown::markdown;
pub use text::text;

/// Name and version of the report's shape.
pub const SCHEMA: &str = "karat.report/1";

/// A run with its verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// What was run.
    pub run: RunInfo,
    /// How it ended.
    pub verdict: Verdict,
    /// The metrics, in the suite's order.
    pub metrics: Vec<MetricReport>,
    /// The slices.
    #[serde(default)]
    pub slices: Vec<SliceReport>,
    /// How groups differ, where the suite names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fairness: Vec<FairnessReport>,
    /// The cases, in the dataset's order.
    pub cases: Vec<CaseReport>,
    /// What changed since the baseline.
    #[serde(default)]
    pub changes: Changes,
    /// Sums of the named metrics, as promptfoo counts them, with what is derived from them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sums: Vec<NamedSums>,
    /// What the judges were worth.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub judges: Vec<JudgeReport>,
}

impl Report {
    /// A report that knows nothing but its run and its cases: something to compare with.
    pub(crate) fn of_cases(run: RunInfo, cases: Vec<CaseReport>) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            run,
            verdict: Verdict { outcome: RunOutcome::Pass, exit_code: 0, summary: String::new() },
            metrics: Vec::new(),
            slices: Vec::new(),
            fairness: Vec::new(),
            cases,
            changes: Changes::default(),
            sums: Vec::new(),
            judges: Vec::new(),
        }
    }
}

/// Sums of the named metrics over the answers of one prompt and provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedSums {
    /// The prompt's label.
    pub prompt: String,
    /// The provider's label.
    pub provider: String,
    /// The sums, by metric.
    pub sums: BTreeMap<String, f64>,
}

/// What was run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RunInfo {
    /// Id of the run, sortable by time.
    pub id: String,
    /// The suite's path.
    pub suite: String,
    /// When it began, in RFC 3339.
    pub started_at: String,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// Commit that was checked out.
    pub git_commit: Option<String>,
    /// Branch that was checked out.
    pub git_branch: Option<String>,
    /// Hashes of what the scores depend on.
    #[serde(default)]
    pub hashes: Hashes,
    /// What it cost in dollars; nothing where no price is known.
    pub cost_usd: Option<f64>,
    /// Cases of the dataset.
    pub n_cases: usize,
    /// Repeats of each case.
    pub n_repeats: u32,
    /// How many cases of the suite were left out, and by what; such a run is no baseline, and is not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// The baseline that it was compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<BaselineInfo>,
}

/// Hashes of what the scores depend on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hashes {
    /// Of the suite file.
    pub suite: String,
    /// Of the dataset file.
    pub dataset: String,
    /// Of each prompt, by its label.
    #[serde(default)]
    pub prompts: BTreeMap<String, String>,
    /// Of each judge, by its metric.
    #[serde(default)]
    pub judges: BTreeMap<String, String>,
}

/// The baseline that a run was compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaselineInfo {
    /// The file.
    pub file: String,
    /// Id of its run.
    pub run: String,
    /// When that run began.
    pub started_at: String,
    /// Its age in whole days.
    pub age_days: Option<i64>,
    /// Runs that were averaged into it.
    #[serde(default = "one_run")]
    pub n_runs: u64,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The outcome.
    pub outcome: RunOutcome,
    /// The process's exit code.
    pub exit_code: i32,
    /// The verdict in a sentence.
    pub summary: String,
}

/// The outcome of a run, or of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RunOutcome {
    /// Nothing fell, and a fall would have been seen.
    Pass,
    /// A metric fell, or a critical case fails that passed.
    Regressed,
    /// An assertion failed without a baseline, or a threshold was missed.
    Fail,
    /// It cannot be told.
    Inconclusive,
    /// Nothing can be judged.
    Error,
}

impl RunOutcome {
    /// Returns the word that reports and tables hold.
    pub fn name(self) -> &'static str {
        match self {
            RunOutcome::Pass => "PASS",
            RunOutcome::Regressed => "REGRESSED",
            RunOutcome::Fail => "FAIL",
            RunOutcome::Inconclusive => "INCONCLUSIVE",
            RunOutcome::Error => "ERROR",
        }
    }
}

/// Which rule decides a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It must not have fallen, and a fall would have been seen.
    Guard,
    /// It is shown not to have fallen by the margin.
    Prove,
    /// No case fails that passed before.
    Critical,
}

/// One metric of a run. Numbers are missing where there is nothing to say, such as a difference without a baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricReport {
    /// Its name.
    pub name: String,
    /// The rule that decides it.
    pub mode: Mode,
    /// What the rule says; nothing where the metric does not gate.
    pub outcome: Option<RunOutcome>,
    /// Why, in a sentence.
    #[serde(default)]
    pub reason: String,
    /// Which direction is better.
    #[serde(default = "more_is_better")]
    pub better: Better,
    /// Mean of the baseline over the paired cases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<f64>,
    /// Mean of this run: over the paired cases, without a baseline over all.
    pub candidate: Option<f64>,
    /// Interval of the candidate's mean, without a baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate_interval: Option<[f64; 2]>,
    /// Candidate less baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<f64>,
    /// Interval of the difference; an end is missing where the data set no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[Option<f64>; 2]>,
    /// Level of the intervals.
    #[serde(default = "usual_level")]
    pub level: f64,
    /// One-sided p-value of a fall.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p: Option<f64>,
    /// The same, corrected for the number of tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_adjusted: Option<f64>,
    /// The test that gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// Smallest fall that would have been caught four times in five; missing where none would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mde: Option<f64>,
    /// Margin of `prove`, in the metric's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// Lower bound of `prove`: less than minus the margin proves nothing. Negative means worse, whichever direction is better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower_bound: Option<f64>,
    /// Where the difference (without a baseline the value) would be if every unscored case were at its lowest, and at its highest (Manski).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<[f64; 2]>,
    /// Cases that would decide what this run does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_needed: Option<usize>,
    /// Clusters that these cases would make up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clusters_needed: Option<usize>,
    /// Repeats of each case that would decide instead; missing where they would not, or where one answer a case does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats_needed: Option<u32>,
    /// Unscored cases that need a score before the metric can be judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_missing: Option<usize>,
    /// Cases in which the two runs differ most, where it cannot be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub most_different: Vec<String>,
    /// Paired cases, without a baseline the scored ones.
    #[serde(default)]
    pub n: usize,
    /// Clusters among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_clusters: Option<usize>,
    /// Cases that could not be scored.
    #[serde(default)]
    pub n_unscored: usize,
    /// Cases that the baseline does not have.
    #[serde(default)]
    pub n_new: usize,
    /// Cases that only the baseline has.
    #[serde(default)]
    pub n_removed: usize,
    /// Cases that fail and passed before, for critical metrics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub newly_failing: Vec<String>,
}

/// One metric in one slice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SliceReport {
    /// The slice's column.
    pub column: String,
    /// Its value.
    pub value: String,
    /// The metric.
    pub metric: String,
    /// Candidate less baseline.
    pub difference: f64,
    /// One-sided p-value of a fall.
    pub p: Option<f64>,
    /// The same, corrected.
    pub p_adjusted: Option<f64>,
    /// The smallest fall that would have been caught, where it gates and one would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mde: Option<f64>,
    /// Paired cases.
    #[serde(default)]
    pub n: usize,
    /// Whether it can make the run regress.
    pub gating: bool,
    /// What it says, where it gates: regressed or not, or too little to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<RunOutcome>,
    /// Why it cannot tell.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// One answer to one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseReport {
    /// The case's id.
    pub id: String,
    /// What its test is about, where the suite says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Number of the repeat, from 0.
    pub repeat: u32,
    /// The prompt's label.
    pub prompt: Option<String>,
    /// The provider's label.
    pub provider: String,
    /// How it went.
    pub outcome: CaseOutcome,
    /// Weighted mean of the scores of its checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Trace of the call.
    pub trace_id: Option<String>,
    /// How long the call took.
    pub latency_ms: Option<f64>,
    /// What it cost in dollars.
    pub cost_usd: Option<f64>,
    /// What was answered.
    pub output: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
    /// Hash of the case without its answer: another hash is another case under the same id.
    #[serde(default)]
    pub hash: Option<String>,
    /// What the checks said.
    pub scores: Vec<ScoreReport>,
}

/// How one case went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CaseOutcome {
    /// Every assertion passed.
    Pass,
    /// One failed.
    Fail,
    /// There are values, but nothing that passes or fails.
    Scored,
    /// There is no answer, or a check could not check.
    Error,
}

impl CaseOutcome {
    /// Returns the word that reports and tables hold.
    pub fn name(self) -> &'static str {
        match self {
            CaseOutcome::Pass => "pass",
            CaseOutcome::Fail => "fail",
            CaseOutcome::Scored => "scored",
            CaseOutcome::Error => "error",
        }
    }
}

/// What one check said about one answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreReport {
    /// Metric that it counts for.
    pub metric: String,
    /// The check's name.
    pub check: String,
    /// The assertion's id in the suite.
    pub assertion: String,
    /// Its value.
    pub value: Option<f64>,
    /// What it counts in the case's mean, where that is not the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Whether it passed, where it decides.
    pub passed: Option<bool>,
    /// Whether it could say something.
    pub outcome: Outcome,
    /// The label of a judge's verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// What the score depends on, beside the data.
    #[serde(default)]
    pub signature: String,
    /// Its weight within the metric.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub weight: f64,
}

fn one() -> f64 {
    1.0
}

fn more_is_better() -> Better {
    Better::Higher
}

fn usual_level() -> f64 {
    0.95
}

fn one_run() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it by reference")]
fn is_one(weight: &f64) -> bool {
    *weight == 1.0
}

/// What changed since the baseline, by case ids.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Changes {
    /// Passed before, fail now.
    pub newly_failing: Vec<String>,
    /// Failed before, pass now.
    pub fixed: Vec<String>,
    /// Pass in some repeats and fail in others.
    pub flaky: Vec<String>,
    /// Could not be judged now.
    pub errored: Vec<String>,
    /// Not in the baseline.
    pub new: Vec<String>,
    /// Only in the baseline.
    pub removed: Vec<String>,
    /// Another case under the same id.
    pub edited: Vec<String>,
    /// Metrics that the baseline scored and this run does not know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dropped_metrics: Vec<String>,
}
