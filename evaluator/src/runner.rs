//! Asks for every answer, and checks it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures::future::join_all;
use schema::{Micros, NanoUsd};
use serde_json::Value;
use sha2::{Digest, Sha256};
use store::Scratch;
use tokio::sync::OnceCell;

use crate::archive::Archive;
use crate::budget::Budget;
use crate::cases::Plan;
use crate::checks::{Assertion, Check, Scale, Subject, Verdict};
use crate::dataset::{Case, Vars, hash_of, hex};
use crate::error::Error;
use crate::journal::Line;
use crate::js;
use crate::judge::{Call, Note};
use crate::metrics::metric_name;
use crate::promptfoo::{Test, render_prompt, tree};
use crate::providers::Provider;
use crate::report::CaseReport;
use crate::run::Options;
use crate::suite::{Prompt, Suite};
use crate::target::{Answer, Ask, Limits};
use crate::trace::{Span, load};

/// One answer to be had.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    /// Place of the case in the dataset.
    pub case: usize,
    repeat: u32,
    provider: &'a Provider,
    prompt: Option<&'a Prompt>,
}

/// An answer that was had, with its verdicts.
pub(crate) struct Done {
    /// Place of the case in the dataset.
    pub case: usize,
    pub report: CaseReport,
    /// What judges were asked for it.
    pub calls: Vec<Call>,
    /// What is worth knowing about their verdicts, by metric.
    pub notes: Vec<(String, Note)>,
    pub cost: NanoUsd,
    /// Whether a part of it was refused because the budget was spent.
    pub was_refused: bool,
}

impl Done {
    /// What an earlier run did; it costs nothing, and its judges are not paid again.
    pub(crate) fn taken_over(case: usize, line: &Line) -> Self {
        let (report, notes) = (line.report.clone(), line.notes.clone());
        Self { case, report, calls: Vec::new(), notes, cost: NanoUsd(0), was_refused: false }
    }
}

/// How the reasons of what was refused end.
const SPENT: &str = "the budget is spent";

/// A verdict with what it took.
struct Judged {
    verdict: Verdict,
    calls: Vec<Call>,
    note: Option<Note>,
}

impl From<Verdict> for Judged {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, calls: Vec::new(), note: None }
    }
}

/// What every case of a run is asked and checked with.
pub(crate) struct Runner<'a> {
    suite: &'a Suite,
    budget: Budget,
    limits: Limits,
    archive: Archive<'a>,
    run_id: &'a str,
    /// Where checks in SQL run, once there is one.
    scratch: OnceCell<Scratch>,
    now: Micros,
}

/// The spans of an answer, where there are some, or why nobody can tell.
type Spans = Result<Option<Vec<Span>>, String>;

/// A question that was filled in, and its answer.
struct Asked {
    prompt: String,
    vars: Vars,
    answer: Answer,
}

impl<'a> Runner<'a> {
    pub(crate) fn new(suite: &'a Suite, options: &'a Options<'_>, run_id: &'a str, begun: Instant, now: Micros) -> Self {
        let config = &options.config;
        let limits = Limits { timeout: Duration::from_secs(config.call_timeout_s), bytes_max: config.answer_bytes_max };
        Self {
            suite,
            budget: Budget::of(suite, &config.calls, begun, now.day()),
            limits,
            archive: options.archive,
            run_id,
            scratch: OnceCell::new(),
            now,
        }
    }

    /// Whether the budget was spent before the end.
    pub(crate) fn was_cut_short(&self) -> bool {
        self.budget.was_spent()
    }

    /// Every answer to be had, in promptfoo's order: test, repeat, variables, provider, prompt.
    pub(crate) fn jobs(&self) -> Vec<Job<'a>> {
        let mut jobs = Vec::new();
        let places: Vec<usize> = (0..self.suite.plans.len()).collect();
        let of_one_test = |a: &usize, b: &usize| self.suite.has_tests && self.suite.plans[*a].test.index == self.suite.plans[*b].test.index;
        for group in places.chunk_by(of_one_test) {
            let test = &self.suite.plans[group[0]].test;
            for repeat in 0..test.repeat.unwrap_or(self.suite.repeat) {
                for case in group {
                    self.add_jobs(*case, repeat, test, &mut jobs);
                }
            }
        }
        jobs
    }

    /// One more repeat of every case, after `extra` of them were added.
    pub(crate) fn extra_jobs(&self, extra: u32) -> Vec<Job<'a>> {
        let mut jobs = Vec::new();
        for (case, plan) in self.suite.plans.iter().enumerate() {
            self.add_jobs(case, plan.test.repeat.unwrap_or(self.suite.repeat) + extra, &plan.test, &mut jobs);
        }
        jobs
    }

    fn add_jobs(&self, case: usize, repeat: u32, test: &Test, jobs: &mut Vec<Job<'a>>) {
        let allowed = |list: &Option<Vec<String>>, names: &[&str]| list.as_ref().is_none_or(|list| list.iter().any(|name| is_meant(name, names)));
        for provider in self.suite.providers.iter().filter(|provider| allowed(&test.providers, &[&provider.id, &provider.label])) {
            if !provider.target.needs_prompt() {
                jobs.push(Job { case, repeat, provider, prompt: None });
                continue;
            }
            let prompts =
                self.suite.prompts.iter().filter(|prompt| allowed(&provider.prompts, &[&prompt.label]) && allowed(&test.prompts, &[&prompt.label]));
            jobs.extend(prompts.map(|prompt| Job { case, repeat, provider, prompt: Some(prompt) }));
        }
    }

    /// The order in which jobs are begun, by their places: those whose judges read the same documents follow each other, so that a server finds the
    /// beginning of their prompts still in its memory.
    pub(crate) fn order(&self, jobs: &[Job<'a>]) -> Vec<usize> {
        let mut first: HashMap<String, usize> = HashMap::new();
        let mut keyed: Vec<(usize, usize)> = (0..jobs.len())
            .map(|place| match self.prefix(&jobs[place]) {
                Some(prefix) => (*first.entry(prefix).or_insert(place), place),
                None => (place, place),
            })
            .collect();
        keyed.sort_unstable();
        keyed.into_iter().map(|(_, place)| place).collect()
    }

    /// The documents that the first judge of a case reads.
    fn prefix(&self, job: &Job<'a>) -> Option<String> {
        let assertions = self.suite.plans[job.case].nodes.iter().flat_map(|node| node.assertions());
        let mut columns = assertions.filter_map(|assertion| match &assertion.check {
            Check::Judge(judge) => judge.sources(),
            _ => None,
        });
        columns.next().and_then(|column| self.suite.dataset.cases[job.case].vars.get(column)).map(Value::to_string)
    }

    /// Answers one case and checks the answer; what goes wrong with it stays with it.
    pub(crate) async fn case(&self, job: Job<'a>) -> Result<Done, Error> {
        let (case, plan) = (&self.suite.dataset.cases[job.case], &self.suite.plans[job.case]);
        let traceparent = self.traceparent(&job, case);
        let open = self.budget.begin_case().await;
        let asked = if open.is_none() { Err(format!("not run: {SPENT}")) } else { self.ask(&job, case, &plan.test, &traceparent).await };
        let spans = match &asked {
            Ok(asked) => self.spans(plan.nodes.iter().flat_map(|node| node.assertions()), &asked.answer).await,
            Err(_) => Ok(None),
        };
        let (mut calls, mut notes, mut verdicts, mut metrics) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        // Answers are compared with each other once all are there.
        let nodes: Vec<_> =
            plan.nodes.iter().filter(|node| !node.assertions().iter().any(|assertion| assertion.comparing().is_some())).cloned().collect();
        let assertions: Vec<&Assertion> = nodes.iter().flat_map(|node| node.assertions()).collect();
        // Judges of one case do not wait for each other.
        let judged = join_all(assertions.iter().map(|assertion| self.verdict(assertion, &asked, &case.vars, &spans))).await;
        for (assertion, judged) in assertions.into_iter().zip(judged) {
            let judged = judged?;
            let metric = metric_name(&assertion.metric, asked.as_ref().map_or(&case.vars, |asked| &asked.vars));
            calls.extend(judged.calls.into_iter().map(|call| Call { purpose: metric.clone(), ..call }));
            notes.extend(judged.note.map(|note| (metric.clone(), note)));
            verdicts.push(self.as_averaged(judged.verdict, assertion, &metric));
            metrics.push(metric);
        }
        let graded = tree::grade(&nodes, verdicts, &metrics, plan.test.threshold);
        let (error, asked) = match asked {
            Ok(asked) => (None, Some(asked)),
            Err(error) => (Some(error), None),
        };
        let answer = asked.map(|asked| asked.answer);
        let cost = cost_of(answer.as_ref(), &calls);
        if let Some(open) = open {
            open.end(cost.unwrap_or_default());
        }
        let mut reasons = graded.scores.iter().map(|score| &score.reason).chain(&error);
        let was_refused = reasons.any(|reason| reason.ends_with(SPENT));
        let report = CaseReport {
            id: case.id.clone(),
            description: plan.test.description.clone(),
            repeat: job.repeat,
            prompt: job.prompt.map(|prompt| prompt.label.clone()),
            provider: job.provider.label.clone(),
            outcome: if error.is_some() { crate::report::CaseOutcome::Error } else { graded.outcome },
            score: graded.score.filter(|_| error.is_none()),
            trace_id: answer.as_ref().and_then(|answer| answer.trace_id.clone()),
            latency_ms: answer.as_ref().and_then(|answer| answer.latency_ms).map(|ms| (ms * 1e3).round() / 1e3),
            cost_usd: cost.map(|cost| cost.0 as f64 / 1e9),
            output: answer.map(|answer| js::coerce(&answer.output)),
            error,
            hash: Some(hash_of(&case.vars, &self.answer_columns(plan))),
            scores: graded.scores,
        };
        Ok(Done { case: job.case, report, calls, notes, cost: cost.unwrap_or_default(), was_refused })
    }

    /// Fills in the prompt, asks for the answer and makes of it what the suite says.
    async fn ask(&self, job: &Job<'_>, case: &Case, test: &Test, traceparent: &str) -> Result<Asked, String> {
        if let Some(fault) = &test.fault {
            return Err(fault.clone());
        }
        let (prompt, vars) = self.prompt(job, case, test)?;
        let wants_log_probs = self.suite.plans[job.case].nodes.iter().flat_map(|node| node.assertions()).any(Assertion::reads_log_probs);
        let ask = Ask { vars: &vars, prompt: &prompt, repeat: job.repeat, traceparent, wants_log_probs, archive: self.archive };
        let mut answer = match &test.provider_output {
            Some(output) => Answer { output: output.clone(), ..Answer::default() },
            None => self.suite.target_of(test.index, &job.provider.target).answer(&ask, self.limits).await?,
        };
        for transform in [&job.provider.transform, &test.transform].into_iter().flatten() {
            answer.output = transform.run("output", &answer.output, &vars, self.limits.timeout).await?;
        }
        Ok(Asked { prompt, vars, answer })
    }

    /// The prompt, and the variables as checks see them: promptfoo's may name each other, rows of data are never read as templates.
    fn prompt(&self, job: &Job<'_>, case: &Case, test: &Test) -> Result<(String, Vars), String> {
        let Some(prompt) = job.prompt else { return Ok((String::new(), case.vars.clone())) };
        if !self.suite.has_tests {
            return Ok((prompt.template.render(&case.vars)?, case.vars.clone()));
        }
        render_prompt(&format!("{}{}{}", test.prefix, prompt.text, test.suffix), &case.vars, prompt.template.env())
    }

    /// What one assertion says about an answer, or about there being none.
    async fn verdict(&self, assertion: &Assertion, asked: &Result<Asked, String>, vars: &Vars, spans: &Spans) -> Result<Judged, Error> {
        let asked = match asked {
            Ok(asked) => asked,
            Err(_) if !assertion.applies(vars) => return Ok(Verdict::not_applicable("the case is not one that `when` names").into()),
            Err(error) => return Ok(Verdict::failed(error.clone()).into()),
        };
        let output = match &asked.answer.output {
            Value::Null => String::new(),
            other => js::coerce(other),
        };
        let answer = &asked.answer;
        let subject = Subject {
            vars: &asked.vars,
            output: &output,
            value: &answer.output,
            prompt: &asked.prompt,
            latency_ms: answer.latency_ms,
            cost_usd: answer.usage.cost.map(|cost| cost.0 as f64 / 1e9).or(answer.recorded_cost_usd),
            usage: answer.usage,
            finish_reason: answer.finish_reason.as_deref(),
            log_probs: answer.log_probs.as_deref(),
            tools: answer.tools.as_deref(),
            spans: spans.as_ref().ok().and_then(Option::as_deref),
        };
        if !assertion.applies(&asked.vars) {
            return Ok(assertion.verdict(&subject).into());
        }
        if let Err(why) = spans
            && assertion.looks_at_spans()
        {
            return Ok(Verdict::failed(why.clone()).into());
        }
        match &assertion.check {
            Check::Script(script) => Ok(script.verdict(&subject, self.limits.timeout).await.into()),
            Check::Sql(check) => {
                let scratch = self.scratch.get_or_try_init(async || Scratch::start(self.now)).await?;
                Ok(assertion.settle(check.verdict(&subject, scratch, self.limits.timeout).await).into())
            }
            Check::Semantic(check) => Ok(assertion.settle(check.verdict(&subject).await).into()),
            Check::Similar(check) => Ok(check.verdict(&subject).await.into()),
            Check::Judge(_) if self.budget.is_spent() => Ok(Verdict::failed(format!("not judged: {SPENT}")).into()),
            Check::Judge(judge) => {
                let asked = judge.verdict(&subject).await?;
                Ok(Judged { verdict: assertion.settle(asked.verdict), calls: asked.calls, note: Some(asked.note) })
            }
            _ => Ok(assertion.verdict(&subject).into()),
        }
    }

    /// A metric that joins milliseconds with passes is one of scores.
    fn as_averaged(&self, verdict: Verdict, assertion: &Assertion, metric: &str) -> Verdict {
        let joined = self.suite.metrics.iter().find(|known| known.name == metric).is_some_and(|known| known.scale != Scale::Unbounded);
        if joined && assertion.check.scale() == Scale::Unbounded { Verdict { value: verdict.score, ..verdict } } else { verdict }
    }

    /// The spans of the answer's trace, where a check looks at them and they are kept.
    async fn spans(&self, mut assertions: impl Iterator<Item = &Assertion>, answer: &Answer) -> Spans {
        match &answer.trace_id {
            Some(trace_id) if self.archive.is_somewhere() && assertions.any(Assertion::looks_at_spans) => {
                load(self.archive, trace_id).await.map_err(|error| format!("the trace of the answer cannot be read: {error}"))
            }
            _ => Ok(None),
        }
    }

    /// Whether the budget is spent, asked by somebody who can do without it.
    pub(crate) fn has_spent(&self) -> bool {
        self.budget.has_spent()
    }

    /// Whether the budget is spent.
    pub(crate) fn is_spent(&self) -> bool {
        self.budget.is_spent()
    }

    /// Counts what calls beside the cases cost.
    pub(crate) fn spend_on(&self, calls: &[Call]) {
        self.budget.spend(NanoUsd(calls.iter().filter_map(|call| call.usage.cost).map(|cost| cost.0).sum()));
    }

    /// A trace of its own for every answer, the same when the same run is made again.
    fn traceparent(&self, job: &Job<'_>, case: &Case) -> String {
        let prompt = job.prompt.map_or("", |prompt| prompt.label.as_str());
        let digest = hex(&Sha256::digest([self.run_id, &case.id, &job.repeat.to_string(), prompt, &job.provider.label].join("\u{0}")));
        format!("00-{}-{}-01", &digest[..32], &digest[32..48])
    }

    /// Columns that hold what the candidate did, recorded: its answer with what it took, its tool calls, what it retrieved. They are no part of the
    /// case, which stays the same when the candidate does better.
    fn answer_columns(&self, plan: &'a Plan) -> Vec<&'a str> {
        let answers = self.suite.providers.iter().flat_map(|provider| provider.target.answer_columns());
        let checked = plan.nodes.iter().flat_map(|node| node.assertions()).filter_map(|assertion| assertion.check.recorded_column());
        checked.chain(answers).collect()
    }
}

/// What a case cost, where a price is known.
fn cost_of(answer: Option<&Answer>, calls: &[Call]) -> Option<NanoUsd> {
    let of_answer = answer.and_then(|answer| answer.usage.cost).into_iter();
    of_answer.chain(calls.iter().filter_map(|call| call.usage.cost)).map(|cost| cost.0).reduce(|sum, cost| sum + cost).map(NanoUsd)
}

/// Whether a name of a test's list means one of these: the same, with a `*`, or the beginning of it up to a colon.
fn is_meant(name: &str, names: &[&str]) -> bool {
    names.iter().any(|known| match name.strip_suffix('*') {
        Some(start) => known.starts_with(start),
        None => *known == name || known.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')),
    })
}
