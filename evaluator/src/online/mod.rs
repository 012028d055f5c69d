//! Checks on landing spans: every model call that a rule picks gets its scores, once.

mod check;
mod progress;
mod rules;

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use schema::{Micros, Score, SpanId, Tenant, TraceId};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use store::{Param, QueryOptions, Store};

use crate::dataset::hex;
use crate::error::Error;

pub use check::OnlineCheck;
pub use progress::Progress;
pub use rules::{Rule, Rules};

const UNSCORED: &str = include_str!("unscored.sql");
const RULE: &str = "select trace_id, span_id from llm_calls /* the rule */";
const BATCH: &str = "2000 /* the batch */";

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;

/// What one pass did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scored {
    /// Model calls that got a score.
    pub n_targets: usize,
    /// Scores that were given, those that say `not_applicable` among them.
    pub n_scores: usize,
    /// Whether there may be more to do: a rule filled its batch.
    pub more: bool,
}

impl Scored {
    fn add(&mut self, other: &Self) {
        self.n_targets += other.n_targets;
        self.n_scores += other.n_scores;
        self.more = other.more;
    }
}

/// A call of a model, as far as the checks look at it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(crate) struct ModelCall {
    pub trace_id: String,
    pub span_id: String,
    pub start_unix_nano: i64,
    pub ingested_us: i64,
    pub session_id: Option<String>,
    pub status: Option<String>,
    pub error_type: Option<String>,
    pub finish_reason: Option<String>,
    pub attributes: Option<String>,
    pub output_messages: Option<String>,
    pub output_text: Option<String>,
    pub tool_calls: Option<String>,
    pub documents: Option<String>,
}

/// Gives the model calls that arrived lately and have no score yet their scores, a bounded batch a rule.
///
/// A call waits `settle_s` for the rest of its trace. One that was scored by the same version of a check is not scored again, so that a pass repeated changes nothing. A call that has nothing to check
/// gets a score that says so: what is missing can be counted.
pub fn score_new<'a>(store: &'a Store, tenant: &'a Tenant, rules: &'a Rules, now: Micros) -> BoxFuture<'a, Result<Scored, Error>> {
    Box::pin(async move { Ok(score_from(store, tenant, rules, lookback(rules, now), now).await?.0) })
}

/// The same over and over, up to `rules.batches` times, looking only at what arrived since the last pass.
pub fn score_on<'a>(
    store: &'a Store,
    tenant: &'a Tenant,
    rules: &'a Rules,
    progress: &'a Progress,
    now: Micros,
) -> BoxFuture<'a, Result<Scored, Error>> {
    Box::pin(async move {
        let mut since = progress.since(tenant, lookback(rules, now), now);
        let mut all = Scored::default();
        for _ in 0..rules.batches.max(1) {
            let (scored, reached) = score_from(store, tenant, rules, since, now).await?;
            all.add(&scored);
            progress.reached(tenant, reached);
            if !scored.more {
                break;
            }
            since = reached;
        }
        Ok(all)
    })
}

fn lookback(rules: &Rules, now: Micros) -> Micros {
    Micros(now.0 - i64::from(rules.lookback_h) * HOUR)
}

/// Calls that arrived later wait for the rest of their trace.
fn settled(rules: &Rules, now: Micros) -> Micros {
    Micros(now.0 - i64::from(rules.settle_s) * SECOND)
}

/// Scores a batch a rule of what arrived since; returns with it up to when every rule has scored everything.
async fn score_from(store: &Store, tenant: &Tenant, rules: &Rules, since: Micros, now: Micros) -> Result<(Scored, Micros), Error> {
    let mut scored = Scored::default();
    let mut targets = BTreeMap::new();
    let mut reached = settled(rules, now);
    for rule in &rules.checks {
        let calls = unscored(store, tenant, rules, rule, since, now).await?;
        if calls.is_empty() {
            continue;
        }
        if let Some(last) = calls.last().filter(|_| calls.len() >= rules.batch) {
            scored.more = true;
            reached = reached.min(Micros(last.ingested_us));
        }
        let (check, text_bytes_max) = (rule.check, rules.text_bytes_max);
        // Reading long answers takes longer than a runtime's thread may be held.
        let rows = tokio::task::spawn_blocking(move || calls.iter().map(|call| row(check, call, text_bytes_max, now)).collect::<Vec<_>>()).await;
        let rows: Vec<Score> = rows.map_err(|error| Error::Task(error.to_string()))?.into_iter().flatten().collect();
        store.append(tenant, &rows, now).await?;
        scored.n_scores += rows.len();
        targets.extend(rows.iter().map(|row| ((row.trace_id, row.span_id.map(|id| id.0)), ())));
    }
    scored.n_targets = targets.len();
    if scored.n_scores > 0 {
        tracing::debug!(tenant = %tenant, n_targets = scored.n_targets, n_scores = scored.n_scores, "scored landing spans");
    }
    Ok((scored, reached))
}

async fn unscored(store: &Store, tenant: &Tenant, rules: &Rules, rule: &Rule, since: Micros, now: Micros) -> Result<Vec<ModelCall>, Error> {
    // A rule is a select of the person who runs this server; everything that comes from data is a parameter.
    let sql = UNSCORED.replace(RULE, rule.spans.trim().trim_end_matches(';')).replace(BATCH, &rules.batch.max(1).to_string());
    let options = QueryOptions { max_rows: rules.batch.max(1), ..store.query_options() }
        .with("evaluator", Param::Text(rule.check.name().to_owned()))
        .with("version", Param::Text(rule.check.version()))
        .with("since", Param::Time(since))
        .with("until", Param::Time(settled(rules, now)))
        // The clock that wrote a score may stand a little before the one that took the span.
        .with("scored_since", Param::Time(Micros(since.0 - 24 * HOUR)))
        .with("sample", Param::Text(rule.sample()));
    Ok(store.query(tenant, &sql, &options).await?.rows()?)
}

/// The score of one call; nothing where its ids cannot be read.
fn row(check: OnlineCheck, call: &ModelCall, text_bytes_max: usize, now: Micros) -> Option<Score> {
    let trace_id: TraceId = call.trace_id.parse().ok()?;
    let span_id: SpanId = call.span_id.parse().ok()?;
    let verdict = check.verdict(call, text_bytes_max);
    Some(Score {
        id: score_id(check, call),
        time: now,
        date: now.day(),
        target_time: Micros::from_nanos(call.start_unix_nano),
        evaluator: check.name().to_owned(),
        evaluator_version: check.version(),
        trace_id: Some(trace_id),
        span_id: Some(span_id),
        session_id: call.session_id.clone(),
        outcome: verdict.outcome.name().to_owned(),
        value: verdict.value,
        passed: verdict.passed,
        label: verdict.label,
        reason: Some(verdict.reason).filter(|reason| !reason.is_empty()),
        source: "check".to_owned(),
        ..Score::default()
    })
}

/// Hash of evaluator, version, target and input: the same verdict on the same thing has the same id.
fn score_id(check: OnlineCheck, call: &ModelCall) -> String {
    let mut hash = Sha256::new();
    let version = check.version();
    let parts = [check.name(), &version, &call.trace_id, &call.span_id].into_iter().map(Some);
    for part in parts.chain(check.inputs(call)) {
        hash.update(part.map_or(u64::MAX, |part| u64::try_from(part.len()).unwrap_or(u64::MAX)).to_le_bytes());
        hash.update(part.unwrap_or_default());
    }
    hex(&hash.finalize())[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The two places that are filled in must stay findable in the SQL file.
    #[test]
    fn the_query_has_its_places() {
        assert_eq!(UNSCORED.matches(RULE).count(), 1);
        assert_eq!(UNSCORED.matches(BATCH).count(), 1);
    }

    #[test]
    fn ids_follow_the_input() {
        let call = ModelCall { trace_id: "a".to_owned(), output_text: Some("x".to_owned()), ..ModelCall::default() };
        let other = ModelCall { output_text: Some("y".to_owned()), ..call.clone() };
        assert_eq!(score_id(OnlineCheck::Answered, &call), score_id(OnlineCheck::Answered, &call.clone()));
        assert_ne!(score_id(OnlineCheck::Answered, &call), score_id(OnlineCheck::Answered, &other));
        assert_ne!(score_id(OnlineCheck::Answered, &call), score_id(OnlineCheck::JsonValid, &call));
    }
}
