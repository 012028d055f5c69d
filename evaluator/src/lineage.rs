//! A run in the tables: `runs`, `results`, `scores`, `spend`.

use futures::future::BoxFuture;
use schema::{CaseResult, Micros, NanoUsd, Run, Score, Spend, Tenant};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use store::{Param, Store};

use crate::archive::{Kept, RunRecord};
use crate::checks::Outcome;
use crate::dataset::hex;
use crate::error::Error;
use crate::judge::{AnchorVerdict, Call, JudgeReport};
use crate::report::{CaseReport, Report, SCHEMA, ScoreReport};
use crate::suite::Suite;

/// Characters that the id of a run may have, and the path of a suite.
const ID_MAX: usize = 64;
const SUITE_MAX: usize = 4_096;

/// Rows of a run that are there already: a row of `kept.sql`.
#[derive(Deserialize)]
struct Before {
    runs: i64,
    results: i64,
    scores: i64,
    spend: i64,
}

/// Appends a run with everything in it, unless it is there; two that keep the same run must not do it at once.
pub(crate) fn keep<'a>(store: &'a Store, tenant: &'a Tenant, record: &'a RunRecord, now: Micros) -> BoxFuture<'a, Result<Kept, Error>> {
    Box::pin(async move {
        let RunRecord { report, calls } = record;
        let time = began(report)?.min(now);
        let id = report.run.id.clone();
        let options = store.query_options().with("run", Param::Text(id.clone()));
        let before: Vec<Before> = store.query(tenant, include_str!("kept.sql"), &options).await?.rows()?;
        let Before { runs, results, scores, spend } = before.into_iter().next().unwrap_or(Before { runs: 0, results: 0, scores: 0, spend: 0 });
        if runs > 0 {
            return Ok(Kept { id, kept: false });
        }
        if results == 0 {
            let rows = report.cases.iter().map(|case| result(report, case, time)).collect::<Result<Vec<_>, _>>()?;
            store.append(tenant, &rows, now).await?;
        }
        if scores == 0 {
            let of_cases = report.cases.iter().flat_map(|case| case.scores.iter().map(move |score| row(report, case, score, time)));
            let of_anchors = report.judges.iter().flat_map(|judge| judge.anchors.iter().map(move |anchor| of_anchor(report, judge, anchor, time)));
            store.append(tenant, &of_cases.chain(of_anchors).collect::<Vec<_>>(), now).await?;
        }
        if spend == 0 {
            store.append(tenant, &calls.iter().map(|call| spent(report, call, time)).collect::<Vec<_>>(), now).await?;
        }
        // The run comes last: who sees it sees everything in it.
        store.append(tenant, &[run(report, time)?], now).await?;
        Ok(Kept { id, kept: true })
    })
}

/// When a run began; an error where it is no run that can be kept.
fn began(report: &Report) -> Result<Micros, Error> {
    let info = &report.run;
    let wrong = |what: String| Err(Error::config(format!("this is no run that can be kept: {what}")));
    if report.schema != SCHEMA {
        return wrong(format!("its schema is {:?}, and not {SCHEMA:?}", report.schema));
    }
    let plain = |text: &str, max: usize| !text.trim().is_empty() && text.chars().count() <= max && !text.chars().any(char::is_control);
    if !plain(&info.id, ID_MAX) {
        return wrong(format!("run.id is to have 1 to {ID_MAX} characters"));
    }
    if !plain(&info.suite, SUITE_MAX) {
        return wrong(format!("run.suite is to have 1 to {SUITE_MAX} characters"));
    }
    if let Some(part) = &info.part {
        return wrong(format!("it is of a part of its suite ({part}); run the whole suite"));
    }
    let values = report.cases.iter().flat_map(|case| case.scores.iter().map(|score| score.value).chain([case.latency_ms, case.cost_usd]));
    if values.flatten().chain(info.cost_usd).any(|value| !value.is_finite()) {
        return wrong("a value, a latency or a cost in it is no number".to_owned());
    }
    match chrono::DateTime::parse_from_rfc3339(&info.started_at) {
        Ok(time) => Ok(Micros(time.timestamp_micros())),
        Err(error) => wrong(format!("run.started_at is no time such as 2026-11-21T09:00:00Z: {error}")),
    }
}

/// An id for a run that sorts by time (ULID's alphabet and layout), made out of what is run and when.
pub(crate) fn run_id(suite: &Suite, now: Micros) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut hash = Sha256::new();
    for part in [suite.path.to_string_lossy().as_ref(), &suite.hash, &suite.dataset.hash, &now.0.to_string()] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let millis = u128::try_from(now.0.div_euclid(1000)).unwrap_or(0) & 0xffff_ffff_ffff;
    let random = digest[..10].iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    let bits = millis << 80 | random;
    (0..26).rev().map(|place| char::from(ALPHABET[usize::try_from(bits >> (5 * place) & 31).unwrap_or(0)])).collect()
}

fn run(report: &Report, now: Micros) -> Result<Run, Error> {
    let info = &report.run;
    Ok(Run {
        id: info.id.clone(),
        time: now,
        date: now.day(),
        suite: info.suite.clone(),
        duration_ms: info.duration_ms,
        git_commit: info.git_commit.clone(),
        git_branch: info.git_branch.clone(),
        hashes: Some(serde_json::to_string(&info.hashes)?),
        outcome: report.verdict.outcome.name().to_owned(),
        exit_code: i64::from(report.verdict.exit_code),
        summary: report.verdict.summary.clone(),
        n_cases: i64::try_from(info.n_cases).unwrap_or(i64::MAX),
        n_repeats: i64::from(info.n_repeats),
        cost_nanousd: nanousd(info.cost_usd),
        metrics: Some(serde_json::to_string(&report.metrics)?),
    })
}

fn result(report: &Report, case: &CaseReport, now: Micros) -> Result<CaseResult, Error> {
    Ok(CaseResult {
        run_id: report.run.id.clone(),
        time: now,
        date: now.day(),
        case_id: case.id.clone(),
        case_hash: case.hash.clone(),
        repeat: i64::from(case.repeat),
        prompt: case.prompt.clone(),
        provider: Some(case.provider.clone()),
        outcome: case.outcome.name().to_owned(),
        trace_id: case.trace_id.as_ref().and_then(|id| id.parse().ok()),
        latency_ms: case.latency_ms.map(whole),
        cost_nanousd: nanousd(case.cost_usd),
        output: case.output.clone(),
        error: case.error.clone(),
        scores: Some(serde_json::to_string(&case.scores)?),
    })
}

fn row(report: &Report, case: &CaseReport, score: &ScoreReport, now: Micros) -> Score {
    let (repeat, prompt) = (case.repeat.to_string(), case.prompt.as_deref().unwrap_or_default());
    let judged = crate::judge::is_judged(&score.check);
    Score {
        id: id_of(&[&report.run.id, &case.id, &repeat, prompt, &case.provider, &score.assertion, &score.signature]),
        time: now,
        date: now.day(),
        target_time: now,
        evaluator: score.metric.clone(),
        evaluator_version: score.signature.clone(),
        trace_id: case.trace_id.as_ref().and_then(|id| id.parse().ok()),
        run_id: Some(report.run.id.clone()),
        outcome: score.outcome.name().to_owned(),
        value: score.value,
        label: score.label.clone(),
        passed: score.passed,
        reason: Some(score.reason.clone()).filter(|reason| !reason.is_empty()),
        source: if judged { "judge" } else { "check" }.to_owned(),
        metadata: Some(serde_json::json!({"case_id": case.id, "repeat": case.repeat, "assertion": score.assertion}).to_string()),
        ..Score::default()
    }
}

/// The verdict on an answer that never changes: `anchor_set` tells it from those on the run's own, so that a judge that moved is known as one.
fn of_anchor(report: &Report, judge: &JudgeReport, anchor: &AnchorVerdict, now: Micros) -> Score {
    let outcome = if anchor.value.is_some() { Outcome::Value } else { Outcome::Failed };
    Score {
        id: id_of(&[&report.run.id, "anchor", &judge.metric, &judge.hash, &anchor.id]),
        time: now,
        date: now.day(),
        target_time: now,
        evaluator: judge.metric.clone(),
        evaluator_version: judge.hash.clone(),
        run_id: Some(report.run.id.clone()),
        outcome: outcome.name().to_owned(),
        value: anchor.value,
        source: "judge".to_owned(),
        judge_model: Some(judge.models.join(", ")),
        metadata: Some(serde_json::json!({"anchor_set": true, "anchor": anchor.id}).to_string()),
        ..Score::default()
    }
}

/// Hash of what makes a score the one that it is.
fn id_of(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())[..32].to_owned()
}

fn spent(report: &Report, call: &Call, now: Micros) -> Spend {
    Spend {
        time: now,
        date: now.day(),
        purpose: call.purpose.clone(),
        run_id: Some(report.run.id.clone()),
        model: call.model.clone(),
        input_tokens: call.usage.input_tokens,
        output_tokens: call.usage.output_tokens,
        cost_nanousd: call.usage.cost,
        outcome: call.outcome.clone(),
    }
}

fn nanousd(dollars: Option<f64>) -> Option<NanoUsd> {
    dollars.map(|dollars| NanoUsd(whole(dollars * 1e9)))
}

#[expect(clippy::cast_possible_truncation, reason = "saturates, and neither times nor costs come near the limit")]
fn whole(number: f64) -> i64 {
    number.round() as i64
}
