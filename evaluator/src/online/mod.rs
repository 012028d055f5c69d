//! Checks on landing spans: every model call that a rule picks gets its scores, once.

mod check;
mod progress;
mod rules;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use schema::{Micros, Score, SpanId, Tenant, TraceId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use store::{Param, QueryOptions, Store};

use crate::dataset::hex;
use crate::error::Error;

pub use check::OnlineCheck;
pub use progress::Progress;
pub use rules::{Rule, Rules};

const OPEN: &str = include_str!("open.sql");
const EARLIEST: &str = include_str!("earliest.sql");
const CALLS: &str = include_str!("calls.sql");
const WINDOW: &str = include_str!("window.sql");
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
    /// Whether there may be more to do.
    pub more: bool,
}

impl Scored {
    fn add(&mut self, other: &Self) {
        self.n_targets += other.n_targets;
        self.n_scores += other.n_scores;
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
    Box::pin(async move {
        let pass = Pass { store, tenant, rules, now };
        let lookback = pass.lookback();
        let Some(since) = pass.earliest_unscored(lookback, pass.settled()).await? else { return Ok(Scored::default()) };
        let Some(until) = pass.window(since).await? else { return Ok(Scored::default()) };
        let (mut scored, next) = pass.score(since, until, Some(lookback)).await?;
        scored.more = pass.window(next).await?.is_some();
        Ok(scored)
    })
}

/// The same over and over, up to `rules.batches` times, looking only at what arrived since the last pass.
///
/// What comes in is walked through once, in the order of its arrival. Only where nothing waits is it looked whether a call came late.
pub fn score_on<'a>(
    store: &'a Store,
    tenant: &'a Tenant,
    rules: &'a Rules,
    progress: &'a Progress,
    now: Micros,
) -> BoxFuture<'a, Result<Scored, Error>> {
    Box::pin(async move {
        let pass = Pass { store, tenant, rules, now };
        let begin = progress.begin(tenant, pass.lookback(), pass.settled(), now);
        let mut since = begin.since;
        if let Some(from) = begin.look_from.filter(|from| *from < since) {
            since = pass.earliest_unscored(from, Micros(since.0 - 1)).await?.unwrap_or(since);
        }
        progress.looked(tenant, &begin, since);
        let mut all = Scored::default();
        for _ in 0..rules.batches.max(1) {
            let Some(until) = pass.window(since).await? else {
                progress.caught_up(tenant, since.max(pass.settled()));
                all.more = false;
                break;
            };
            let scored_since = progress.scored_since(tenant, since, until);
            let (scored, next) = pass.score(since, until, scored_since).await?;
            all.add(&scored);
            all.more = true;
            since = next;
            progress.reached(tenant, since);
        }
        Ok(all)
    })
}

/// One pass over a tenant's calls.
struct Pass<'a> {
    store: &'a Store,
    tenant: &'a Tenant,
    rules: &'a Rules,
    now: Micros,
}

#[derive(Deserialize)]
struct Arrived {
    ingested_us: Option<i64>,
}

impl Pass<'_> {
    /// Calls that arrived earlier are not looked at.
    fn lookback(&self) -> Micros {
        Micros(self.now.0 - i64::from(self.rules.lookback_h) * HOUR)
    }

    /// Calls that arrived later wait for the rest of their trace.
    fn settled(&self) -> Micros {
        Micros(self.now.0 - i64::from(self.rules.settle_s) * SECOND)
    }

    fn batch(&self) -> usize {
        self.rules.batch.max(1)
    }

    /// Returns when the last one of half a batch of calls arrived, scored or not, of which the first arrived at `since` or later.
    ///
    /// Half of one, because others may have arrived in the same moment.
    async fn window(&self, since: Micros) -> Result<Option<Micros>, Error> {
        if since > self.settled() {
            return Ok(None);
        }
        let sql = WINDOW.replace(BATCH, &self.batch().div_ceil(2).to_string());
        let options = self.store.query_options().with("since", Param::Time(since)).with("until", Param::Time(self.settled()));
        let rows: Vec<Arrived> = self.store.query(self.tenant, &sql, &options).await?.rows()?;
        Ok(rows.first().and_then(|row| row.ingested_us).map(Micros))
    }

    /// Returns when the first call without the score of any rule arrived, among those that arrived between.
    async fn earliest_unscored(&self, since: Micros, until: Micros) -> Result<Option<Micros>, Error> {
        let mut earliest: Option<Micros> = None;
        for rule in &self.rules.checks {
            // No rule needs to be looked at beyond the first call that another one found.
            let until = earliest.unwrap_or(until);
            let rows: Vec<Arrived> = self.ask(rule, EARLIEST, since, until, Some(since)).await?;
            earliest = rows.first().and_then(|row| row.ingested_us).map(Micros).or(earliest);
        }
        Ok(earliest)
    }

    /// Scores what arrived between, a batch a rule, where no score says that it was done; returns with it before when every rule has scored everything.
    async fn score(&self, since: Micros, until: Micros, scored_since: Option<Micros>) -> Result<(Scored, Micros), Error> {
        let mut scored = Scored::default();
        let mut targets = BTreeMap::new();
        let mut next = Micros(until.0 + 1);
        for rules in self.alike(scored_since.is_none()) {
            let calls: Arc<[ModelCall]> = self.ask::<ModelCall>(rules[0], CALLS, since, until, scored_since).await?.into();
            // So many came in one moment that the batch does not hold them.
            if let Some(last) = calls.last().filter(|_| calls.len() >= self.batch()) {
                next = next.min(Micros(last.ingested_us));
            }
            for rule in rules.iter().filter(|_| !calls.is_empty()) {
                let (check, text_bytes_max, now, calls) = (rule.check, self.rules.text_bytes_max, self.now, Arc::clone(&calls));
                // Reading long answers takes longer than a runtime's thread may be held.
                let rows = tokio::task::spawn_blocking(move || calls.iter().map(|call| row(check, call, text_bytes_max, now)).collect::<Vec<_>>());
                let rows: Vec<Score> = rows.await.map_err(|error| Error::Task(error.to_string()))?.into_iter().flatten().collect();
                self.store.append(self.tenant, &rows, now).await?;
                scored.n_scores += rows.len();
                targets.extend(rows.iter().map(|row| ((row.trace_id, row.span_id.map(|id| id.0)), ())));
            }
        }
        scored.n_targets = targets.len();
        if scored.n_scores > 0 {
            tracing::debug!(tenant = %self.tenant, n_targets = scored.n_targets, n_scores = scored.n_scores, "scored landing spans");
        }
        Ok((scored, next))
    }

    /// Returns the rules, together where they pick the same calls: of calls without any score these are read once for all of them.
    fn alike(&self, is_new: bool) -> Vec<Vec<&Rule>> {
        let mut groups: Vec<Vec<&Rule>> = Vec::new();
        for rule in &self.rules.checks {
            let same = groups.iter_mut().find(|group| is_new && group[0].spans == rule.spans && group[0].sample() == rule.sample());
            match same {
                Some(group) => group.push(rule),
                None => groups.push(vec![rule]),
            }
        }
        groups
    }

    /// Asks about the calls that a rule picks and that have no score of it yet.
    async fn ask<T: DeserializeOwned>(
        &self,
        rule: &Rule,
        select: &str,
        since: Micros,
        until: Micros,
        scored_since: Option<Micros>,
    ) -> Result<Vec<T>, Error> {
        // A rule is a select of the person who runs this server; everything that comes from data is a parameter.
        let open = OPEN.replace(RULE, rule.spans.trim().trim_end_matches(';'));
        let sql = format!("{open}{}", select.replace(BATCH, &self.batch().to_string()));
        let scored_since = match scored_since {
            // The clock that wrote a score may stand a little before the one that took the span.
            Some(since) => Micros(since.0 - 24 * HOUR),
            None => Micros(self.now.0 + 366 * 24 * HOUR),
        };
        let options = QueryOptions { max_rows: self.batch(), ..self.store.query_options() }
            .with("evaluator", Param::Text(rule.check.name().to_owned()))
            .with("version", Param::Text(rule.check.version()))
            .with("since", Param::Time(since))
            .with("until", Param::Time(until))
            .with("scored_since", Param::Time(scored_since))
            .with("sample", Param::Text(rule.sample()));
        Ok(self.store.query(self.tenant, &sql, &options).await?.rows()?)
    }
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

    /// The places that are filled in must stay findable in the SQL files.
    #[test]
    fn the_query_has_its_places() {
        assert_eq!([OPEN.matches(RULE).count(), CALLS.matches(BATCH).count(), WINDOW.matches(BATCH).count()], [1; 3]);
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
