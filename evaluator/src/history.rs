//! Runs that are kept in the tables: as baselines, and to be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use store::Param;

use crate::archive::{Archive, RunRecord};
use crate::checks::Outcome;
use crate::config::EvaluatorConfig;
use crate::error::Error;
use crate::judge::{AnchorVerdict, JudgeReport, is_judged};
use crate::report::{CaseOutcome, CaseReport, Hashes, Report, RunInfo, SCHEMA, ScoreReport};
use crate::spec::BaselineSpec;

/// Runs of a branch that are averaged at most.
const LAST_MAX: u32 = 20;
/// Numbers of repeats that are kept apart for each averaged run.
const REPEATS_OF_A_RUN: u32 = 1_000;
/// Answers of one run that are read.
const RESULTS_MAX: usize = 1_000_000;

/// Who reads.
const BASELINE: &str = "baseline: a run or a branch";

/// A row of `runs.sql`.
#[derive(Deserialize)]
struct RunRow {
    id: String,
    started_at: String,
    suite: String,
    hashes: Option<String>,
    git_commit: Option<String>,
    git_branch: Option<String>,
    n_cases: i64,
    n_repeats: i64,
    duration_ms: Option<i64>,
    cost_nanousd: Option<i64>,
    metrics: Option<String>,
}

impl RunRow {
    fn hashes(&self) -> Hashes {
        self.hashes.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }
}

/// A row of `anchors.sql`.
#[derive(Deserialize)]
struct AnchorRow {
    evaluator: String,
    value: Option<f64>,
    metadata: Option<String>,
}

/// A row of `results.sql`.
#[derive(Deserialize)]
struct ResultRow {
    case_id: String,
    case_hash: Option<String>,
    repeat: i64,
    prompt: Option<String>,
    provider: Option<String>,
    outcome: String,
    trace_id: Option<String>,
    latency_ms: Option<i64>,
    output: Option<String>,
    error: Option<String>,
    scores: Option<String>,
}

/// Finds a run that was made before, and says where: a file with it or with its report, else the run of this id, out of the tables or of what could
/// not be kept in the work directory.
pub async fn find_run(archive: Archive<'_>, named: &str, config: &EvaluatorConfig) -> Result<(PathBuf, Report), Error> {
    let file = Path::new(named);
    let unkept = config.calls.work_dir.join("unkept").join(format!("{named}.json"));
    let is_id = !named.is_empty() && named.chars().all(|c| c.is_ascii_alphanumeric());
    if !is_id || file.is_file() {
        return Ok((file.to_owned(), report_in(file)?));
    }
    if unkept.is_file() {
        return Ok((unkept.clone(), report_in(&unkept)?));
    }
    if !archive.is_somewhere() {
        let what = format!("{named:?} is no file, and no run that waits in {}", config.calls.work_dir.join("unkept").display());
        return Err(Error::config(format!("{what}; say where runs are kept: --data <directory>, or --url for a running karat")));
    }
    let spec = BaselineSpec { file: None, run: Some(named.to_owned()), branch: None, last: None };
    Ok((file.to_owned(), read(archive, &spec, "").await?))
}

fn report_in(file: &Path) -> Result<Report, Error> {
    let report = RunRecord::read(file)?.report;
    match report.schema == SCHEMA {
        true => Ok(report),
        false => Err(Error::config(format!("{} has schema {:?}; this karat reads {SCHEMA:?}", file.display(), report.schema))),
    }
}

/// Reads the baseline that a suite names: one run, or the last ones of a branch, averaged as repeats.
///
/// A frozen run carries its luck into every later comparison, and the best of several is no fair one; several are averaged instead.
pub(crate) async fn read(archive: Archive<'_>, spec: &BaselineSpec, suite: &str) -> Result<Report, Error> {
    let last = spec.last.unwrap_or(1).clamp(1, LAST_MAX);
    let params = [("run", spec.run.clone().unwrap_or_default()), ("branch", spec.branch.clone().unwrap_or_default()), ("suite", suite.to_owned())];
    let params = params.map(|(name, value)| (name.to_owned(), Param::Text(value))).to_vec();
    let runs: Vec<RunRow> = archive.query(BASELINE, include_str!("runs.sql"), params, usize::try_from(last).unwrap_or(1)).await?.rows()?;
    let Some(newest) = runs.first() else {
        let what = spec.run.as_ref().map_or_else(
            || format!("no run of {suite:?} on branch {:?}", spec.branch.as_deref().unwrap_or_default()),
            |run| format!("no run {run:?}"),
        );
        let advice = if suite.is_empty() {
            "`karat sql \"select id, suite, time from runs\"` names those that there are"
        } else {
            "run it once with --no-baseline"
        };
        let place = if suite.is_empty() { "" } else { "baseline: " };
        return Err(Error::config(format!("{place}there is {what} in the tables; {advice}")));
    };
    let info = RunInfo {
        id: runs.iter().map(|run| run.id.as_str()).collect::<Vec<_>>().join(", "),
        suite: newest.suite.clone(),
        started_at: newest.started_at.clone(),
        git_commit: newest.git_commit.clone(),
        git_branch: newest.git_branch.clone(),
        hashes: newest.hashes(),
        duration_ms: newest.duration_ms.unwrap_or_default(),
        cost_usd: newest.cost_nanousd.map(|cost| cost as f64 / 1e9),
        n_cases: usize::try_from(newest.n_cases).unwrap_or_default(),
        n_repeats: u32::try_from(newest.n_repeats).unwrap_or(1),
        ..RunInfo::default()
    };
    let mut cases = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let first = u32::try_from(index).unwrap_or(0) * REPEATS_OF_A_RUN;
        cases.extend(results(archive, &run.id, first).await?);
    }
    // A case that the newest run does not have any more was taken out of the dataset since.
    let known: BTreeSet<String> = cases.iter().filter(|case| case.repeat < REPEATS_OF_A_RUN).map(|case| case.id.clone()).collect();
    cases.retain(|case| known.contains(&case.id));
    let metrics = newest.metrics.as_deref().map_or_else(|| Ok(Vec::new()), serde_json::from_str)?;
    let judges = judges(archive, &runs).await?.into_iter().map(|judge| counted(judge, &cases)).collect();
    Ok(Report { metrics, judges, ..Report::of_cases(info, cases) })
}

/// The judges of the runs, as far as a later run is held against them: which they were, and what they said about their anchors. Where the runs had
/// several judges of a metric, none of them is the one that all values are from.
async fn judges(archive: Archive<'_>, runs: &[RunRow]) -> Result<Vec<JudgeReport>, Error> {
    let mut hashes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (metric, hash) in runs.iter().flat_map(|run| run.hashes().judges) {
        let known = hashes.entry(metric).or_default();
        if !known.contains(&hash) {
            known.push(hash);
        }
    }
    let mut verdicts: BTreeMap<(String, String), Vec<f64>> = BTreeMap::new();
    for run in runs.iter().filter(|_| !hashes.is_empty()) {
        for row in anchors(archive, &run.id).await? {
            let anchor = row.metadata.as_deref().and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
            let id = anchor.as_ref().and_then(|anchor| anchor.get("anchor")?.as_str()).unwrap_or_default().to_owned();
            verdicts.entry((row.evaluator, id)).or_default().extend(row.value);
        }
    }
    let mean = |values: &[f64]| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    let judge = |(metric, hashes): (String, Vec<String>)| {
        let own = verdicts.iter().filter(|((name, _), _)| *name == metric);
        let anchors = own.map(|((_, id), values)| AnchorVerdict { id: id.clone(), value: mean(values), label: None }).collect();
        JudgeReport { metric, hash: hashes.join(", "), anchors, ..JudgeReport::default() }
    };
    Ok(hashes.into_iter().map(judge).collect())
}

/// Counts the answers that a judge judged.
fn counted(judge: JudgeReport, cases: &[CaseReport]) -> JudgeReport {
    let own = |score: &&ScoreReport| score.metric == judge.metric && is_judged(&score.check) && score.outcome != Outcome::NotApplicable;
    let scores: Vec<&ScoreReport> = cases.iter().flat_map(|case| &case.scores).filter(own).collect();
    let n_judged = scores.iter().filter(|score| score.value.is_some()).count();
    JudgeReport { n_judged, n_unjudged: scores.len() - n_judged, ..judge }
}

async fn anchors(archive: Archive<'_>, run: &str) -> Result<Vec<AnchorRow>, Error> {
    let params = vec![("run".to_owned(), Param::Text(run.to_owned()))];
    Ok(archive.query(BASELINE, include_str!("anchors.sql"), params, RESULTS_MAX).await?.rows()?)
}

async fn results(archive: Archive<'_>, run: &str, first_repeat: u32) -> Result<Vec<CaseReport>, Error> {
    let params = vec![("run".to_owned(), Param::Text(run.to_owned()))];
    let answer = archive.query(BASELINE, include_str!("results.sql"), params, RESULTS_MAX).await?;
    if answer.truncated {
        let what = format!("baseline: run {run:?} has more than the {} results that can be read at once", answer.n_rows());
        return Err(Error::config(format!("{what}; raise dashboard.sql_rows_max and store.query.answer_bytes_max where it is kept")));
    }
    let rows: Vec<ResultRow> = answer.rows()?;
    rows.into_iter()
        .map(|row| {
            let outcome = serde_json::from_value::<CaseOutcome>(serde_json::Value::String(row.outcome))?;
            Ok::<_, Error>(CaseReport {
                id: row.case_id,
                description: None,
                repeat: first_repeat + u32::try_from(row.repeat).unwrap_or(0),
                prompt: row.prompt,
                provider: row.provider.unwrap_or_default(),
                outcome,
                score: None,
                trace_id: row.trace_id,
                latency_ms: row.latency_ms.map(|ms| ms as f64),
                cost_usd: None,
                output: row.output,
                error: row.error,
                hash: row.case_hash,
                scores: row.scores.as_deref().map_or_else(|| Ok(Vec::new()), serde_json::from_str)?,
            })
        })
        .collect()
}
