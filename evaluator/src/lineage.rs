//! A run in the tables: `runs`, `results`, `scores`, `spend`.

use schema::{CaseResult, Micros, NanoUsd, Run, Score, Spend, Tenant};
use sha2::{Digest, Sha256};
use store::Store;

use crate::dataset::hex;
use crate::error::Error;
use crate::judge::Call;
use crate::report::{CaseReport, Report, ScoreReport};
use crate::suite::Suite;

/// Appends a run with everything in it.
pub(crate) async fn append(store: &Store, tenant: &Tenant, report: &Report, calls: &[Call], now: Micros) -> Result<(), Error> {
    let results = report.cases.iter().map(|case| result(report, case, now)).collect::<Result<Vec<_>, _>>()?;
    let scores: Vec<Score> = report.cases.iter().flat_map(|case| case.scores.iter().map(|score| row(report, case, score, now))).collect();
    let spend: Vec<Spend> = calls.iter().map(|call| spent(report, call, now)).collect();
    store.append(tenant, &results, now).await?;
    store.append(tenant, &scores, now).await?;
    if !spend.is_empty() {
        store.append(tenant, &spend, now).await?;
    }
    // The run comes last: who sees it sees everything in it.
    store.append(tenant, &[run(report, now)?], now).await?;
    Ok(())
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
    let mut hash = Sha256::new();
    let (repeat, prompt) = (case.repeat.to_string(), case.prompt.as_deref().unwrap_or_default());
    for part in [&report.run.id, &case.id, &repeat, prompt, &case.provider, &score.assertion, &score.signature] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let judged = crate::judge::is_judged(&score.check);
    Score {
        id: hex(&hash.finalize())[..32].to_owned(),
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
