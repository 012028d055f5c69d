//! Runs that are kept in the tables, as baselines.

use serde::Deserialize;
use store::Param;

use crate::archive::Archive;
use crate::error::Error;
use crate::report::{CaseOutcome, CaseReport, Report, RunInfo};
use crate::spec::BaselineSpec;

/// Runs of a branch that are averaged at most.
const LAST_MAX: u32 = 20;
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
        return Err(Error::config(format!("baseline: there is {what} in the tables; run it once, or with --no-baseline")));
    };
    let info = RunInfo {
        id: runs.iter().map(|run| run.id.as_str()).collect::<Vec<_>>().join(", "),
        suite: newest.suite.clone(),
        started_at: newest.started_at.clone(),
        git_commit: newest.git_commit.clone(),
        git_branch: newest.git_branch.clone(),
        hashes: newest.hashes.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default(),
        n_cases: usize::try_from(newest.n_cases).unwrap_or_default(),
        n_repeats: u32::try_from(newest.n_repeats).unwrap_or(1),
        ..RunInfo::default()
    };
    let mut cases = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let first = u32::try_from(index).unwrap_or(0) * 1_000;
        cases.extend(results(archive, &run.id, first).await?);
    }
    Ok(Report::of_cases(info, cases))
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
