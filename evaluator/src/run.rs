//! A run: every case answered, every answer checked, the whole decided.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt;
use schema::{Micros, NanoUsd, Tenant};
use store::Store;

use crate::checks::{Assertion, Check, Outcome, Subject, Verdict};
use crate::config::EvaluatorConfig;
use crate::dataset::{Case, hash_of};
use crate::error::Error;
use crate::gate::{Ended, decide};
use crate::git::Git;
use crate::judge::Call;
use crate::lineage;
use crate::report::{BaselineInfo, CaseOutcome, CaseReport, Hashes, Report, RunInfo, SCHEMA, ScoreReport};
use crate::suite::{Compare, Prompt, Provider, Suite, load};
use crate::target::{Answer, Limits};
use crate::template::Env;

/// What a run is given beside its suite.
pub struct Options<'a> {
    /// Settings.
    pub config: EvaluatorConfig,
    /// Where `{{env.NAME}}` comes from.
    pub env: Env<'a>,
    /// What the run is compared with.
    pub compare: Compare,
    /// What is checked out.
    pub git: Git,
    /// Where runs, results, scores and judge calls are kept, where they are.
    pub store: Option<(&'a Store, &'a Tenant)>,
}

/// Loads a suite, runs it and decides.
pub async fn run(path: &Path, options: &Options<'_>, now: Micros) -> Result<Report, Error> {
    let suite = load(path, &options.compare, &options.config, options.env)?;
    run_suite(&suite, options, now).await
}

/// Runs a loaded suite and decides.
pub async fn run_suite(suite: &Suite, options: &Options<'_>, now: Micros) -> Result<Report, Error> {
    let begun = Instant::now();
    let runner = Runner { suite, budget: Budget::of(suite, begun), limits: limits(&options.config) };
    let jobs = runner.jobs();
    let done: Vec<Result<(CaseReport, Vec<Call>), Error>> =
        futures::stream::iter(jobs).map(|job| runner.case(job)).buffered(options.config.concurrency.max(1)).collect().await;
    let done = done.into_iter().collect::<Result<Vec<_>, _>>()?;
    let calls: Vec<Call> = done.iter().flat_map(|(_, calls)| calls.clone()).collect();
    let cases: Vec<CaseReport> = done.into_iter().map(|(case, _)| case).collect();
    let ended = if runner.budget.was_spent() { Ended::BudgetSpent } else { Ended::Whole };
    let decision = decide(suite, &cases, ended)?;
    let report = Report {
        schema: SCHEMA.to_owned(),
        run: info(suite, options, &cases, begun.elapsed(), now),
        verdict: decision.verdict,
        metrics: decision.metrics,
        slices: decision.slices,
        cases,
        changes: decision.changes,
    };
    if let Some((store, tenant)) = options.store {
        lineage::append(store, tenant, &report, &calls, now).await?;
    }
    Ok(report)
}

fn limits(config: &EvaluatorConfig) -> Limits {
    Limits { timeout: Duration::from_secs(config.call_timeout_s), bytes_max: config.answer_bytes_max }
}

/// One answer to be had.
#[derive(Clone, Copy)]
struct Job<'a> {
    case: &'a Case,
    repeat: u32,
    provider: &'a Provider,
    prompt: Option<&'a Prompt>,
}

struct Runner<'a> {
    suite: &'a Suite,
    budget: Budget,
    limits: Limits,
}

impl<'a> Runner<'a> {
    /// Every answer to be had, in promptfoo's order: case, repeat, provider, prompt.
    fn jobs(&self) -> Vec<Job<'a>> {
        let mut jobs = Vec::new();
        for case in &self.suite.dataset.cases {
            for repeat in 0..self.suite.repeat {
                for provider in &self.suite.providers {
                    if provider.target.needs_prompt() {
                        jobs.extend(self.suite.prompts.iter().map(|prompt| Job { case, repeat, provider, prompt: Some(prompt) }));
                    } else {
                        jobs.push(Job { case, repeat, provider, prompt: None });
                    }
                }
            }
        }
        jobs
    }

    /// Answers one case and checks the answer; what goes wrong with it stays with it.
    async fn case(&self, job: Job<'a>) -> Result<(CaseReport, Vec<Call>), Error> {
        let prompt = job.prompt.map(|prompt| prompt.template.render(&job.case.vars)).unwrap_or_default();
        let answered = if self.budget.is_spent() {
            Err("not run: the budget is spent".to_owned())
        } else {
            job.provider.target.answer(&job.case.vars, &prompt, job.repeat, self.limits).await
        };
        let mut calls = Vec::new();
        let mut scores = Vec::with_capacity(self.suite.assertions.len());
        for assertion in &self.suite.assertions {
            let verdict = match &answered {
                Ok(answer) => self.verdict(assertion, job.case, answer, &mut calls).await?,
                Err(_) if !assertion.applies(&job.case.vars) => Verdict::not_applicable("the case is not one that `when` names"),
                Err(error) => Verdict::failed(error.clone()),
            };
            scores.push(score(assertion, verdict));
        }
        let spent: i64 = calls.iter().filter_map(|call| call.usage.cost).map(|cost| cost.0).sum();
        let cost = answered.as_ref().ok().and_then(|answer| answer.usage.cost);
        self.budget.spend(NanoUsd(spent + cost.map_or(0, |cost| cost.0)));
        let priced = cost.is_some() || calls.iter().any(|call| call.usage.cost.is_some());
        let total = priced.then(|| (spent + cost.map_or(0, |cost| cost.0)) as f64 / 1e9);
        let report = CaseReport {
            id: job.case.id.clone(),
            repeat: job.repeat,
            prompt: job.prompt.map(|prompt| prompt.label.clone()),
            provider: job.provider.label.clone(),
            outcome: outcome(answered.is_err(), &scores),
            trace_id: None,
            latency_ms: answered.as_ref().ok().and_then(|answer| answer.latency_ms).map(|ms| (ms * 1e3).round() / 1e3),
            cost_usd: total,
            output: answered.as_ref().ok().map(|answer| answer.output.clone()),
            error: answered.err(),
            hash: Some(hash_of(&job.case.vars, &self.answer_columns())),
            scores,
        };
        Ok((report, calls))
    }

    async fn verdict(&self, assertion: &Assertion, case: &Case, answer: &Answer, calls: &mut Vec<Call>) -> Result<Verdict, Error> {
        let subject = Subject { vars: &case.vars, output: &answer.output, latency_ms: answer.latency_ms };
        let Check::Judge(judge) = &assertion.check else { return Ok(assertion.verdict(&subject)) };
        if !assertion.applies(&case.vars) {
            return Ok(assertion.verdict(&subject));
        }
        if self.budget.is_spent() {
            return Ok(Verdict::failed("not judged: the budget is spent"));
        }
        let asked = judge.verdict(&subject).await?;
        calls.extend(asked.calls.into_iter().map(|call| Call { purpose: assertion.metric.clone(), ..call }));
        Ok(assertion.settle(asked.verdict))
    }

    /// Columns that hold recorded answers: what the candidate says is no part of the case.
    fn answer_columns(&self) -> Vec<&str> {
        self.suite.providers.iter().filter_map(|provider| provider.target.answer_column()).collect()
    }
}

fn score(assertion: &Assertion, verdict: Verdict) -> ScoreReport {
    ScoreReport {
        metric: assertion.metric.clone(),
        check: assertion.name.clone(),
        assertion: assertion.id.clone(),
        value: verdict.value,
        passed: verdict.passed,
        outcome: verdict.outcome,
        label: verdict.label,
        reason: verdict.reason,
        signature: assertion.check.signature(),
        weight: assertion.weight,
    }
}

/// An answer that is missing, or a check that could not check, makes the case an error; the other scores are kept.
fn outcome(failed: bool, scores: &[ScoreReport]) -> CaseOutcome {
    if failed || scores.iter().any(|score| score.outcome == Outcome::Failed) {
        return CaseOutcome::Error;
    }
    // promptfoo: weight 0 is looked at, and forgives.
    let mut decided = scores.iter().filter(|score| score.weight > 0.0).filter_map(|score| score.passed).peekable();
    match (decided.peek().is_some(), decided.all(|passed| passed)) {
        (true, true) => CaseOutcome::Pass,
        (true, false) => CaseOutcome::Fail,
        (false, _) => CaseOutcome::Scored,
    }
}

/// How much a run may still take.
struct Budget {
    begun: Instant,
    time: Option<Duration>,
    nanousd: Option<i64>,
    spent: AtomicI64,
    refused: AtomicBool,
}

impl Budget {
    fn of(suite: &Suite, begun: Instant) -> Self {
        let time = suite.budget.and_then(|budget| budget.minutes).and_then(|minutes| Duration::try_from_secs_f64(60.0 * minutes).ok());
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and no budget is 9 billion dollars")]
        let nanousd = suite.budget.and_then(|budget| budget.usd).map(|usd| (usd * 1e9).round() as i64);
        Self { begun, time, nanousd, spent: AtomicI64::new(0), refused: AtomicBool::new(false) }
    }

    fn spend(&self, cost: NanoUsd) {
        self.spent.fetch_add(cost.0, Ordering::Relaxed);
    }

    /// Whether the next call would go beyond the budget; the run remembers that it was asked in vain.
    fn is_spent(&self) -> bool {
        let late = self.time.is_some_and(|time| self.begun.elapsed() >= time);
        let dear = self.nanousd.is_some_and(|limit| self.spent.load(Ordering::Relaxed) >= limit);
        if late || dear {
            self.refused.store(true, Ordering::Relaxed);
        }
        late || dear
    }

    fn was_spent(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }
}

fn info(suite: &Suite, options: &Options<'_>, cases: &[CaseReport], took: Duration, now: Micros) -> RunInfo {
    let prompts = suite.prompts.iter().map(|prompt| (prompt.label.clone(), prompt.hash.clone())).collect();
    let costs: Vec<f64> = cases.iter().filter_map(|case| case.cost_usd).collect();
    RunInfo {
        id: lineage::run_id(suite, now),
        suite: suite.path.display().to_string(),
        started_at: rfc3339(now),
        duration_ms: i64::try_from(took.as_millis()).unwrap_or(i64::MAX),
        git_commit: options.git.commit.clone(),
        git_branch: options.git.branch.clone(),
        hashes: Hashes { suite: suite.hash.clone(), dataset: suite.dataset.hash[..16].to_owned(), prompts, judges: suite.judge_hashes() },
        cost_usd: (!costs.is_empty()).then(|| costs.iter().sum()),
        n_cases: suite.dataset.cases.len(),
        n_repeats: suite.repeat,
        baseline: suite.baseline.as_ref().map(|baseline| BaselineInfo {
            // The name alone: reports are compared across machines.
            file: baseline.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            run: baseline.report.run.id.clone(),
            started_at: baseline.report.run.started_at.clone(),
            age_days: chrono::DateTime::parse_from_rfc3339(&baseline.report.run.started_at)
                .ok()
                .map(|begun| (now.to_datetime() - begun.to_utc()).num_days()),
        }),
    }
}

fn rfc3339(time: Micros) -> String {
    time.to_datetime().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
