//! A run: every case answered, every answer checked, the whole decided.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use futures::StreamExt;
use schema::Micros;

use crate::archive::{Archive, RunRecord};
use crate::baseline::Baseline;
use crate::config::EvaluatorConfig;
use crate::error::Error;
use crate::fairness::fairness;
use crate::gate::{Ended, decide, repeats_in};
use crate::git::{Git, name_in_repository};
use crate::history;
use crate::journal::{Journal, Line, Resume};
use crate::judge::Call;
use crate::judging::{judge_anchors, judge_reports};
use crate::lineage;
use crate::progress::Progress;
use crate::promptfoo::compare::max_score;
use crate::promptfoo::derived::named_sums;
use crate::report::{BaselineInfo, CaseOutcome, CaseReport, Hashes, Report, RunInfo, RunOutcome, SCHEMA};
use crate::runner::{Done, Job, Runner};
use crate::spec::OnInconclusive;
use crate::suite::{Compare, Suite, load_from};
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
    /// Where runs, results, scores and judge calls are kept, and what is read from there.
    pub archive: Archive<'a>,
    /// How the run goes on from another one, and who watches it.
    pub control: Control<'a>,
}

/// How a run goes on from another one, and who watches it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Control<'a> {
    /// What is taken over from the last run of the suite.
    pub resume: Resume,
    /// Whether the run can be resumed itself.
    pub journal: Journaling,
    /// Counters of how far it is.
    pub progress: Option<&'a Progress>,
}

/// Whether a run writes down what it has done as it goes, in the work directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Journaling {
    /// It does not.
    #[default]
    Off,
    /// It does where doing it again would cost something.
    On,
}

/// Loads a suite, runs it, decides and keeps the run.
pub async fn run(path: &Path, options: &Options<'_>, now: Micros) -> Result<Report, Error> {
    let mut suite = load_from(options.archive, path, &options.compare, &options.config, options.env).await?;
    read_kept_baseline(&mut suite, options).await?;
    let record = run_suite(&suite, options, now).await?;
    options.archive.keep(&record, now).await?;
    Ok(record.report)
}

/// Reads the baseline out of the tables, where the suite names a run or a branch.
pub async fn read_kept_baseline(suite: &mut Suite, options: &Options<'_>) -> Result<(), Error> {
    let Some(spec) = suite.kept_baseline.take() else { return Ok(()) };
    let (shown, named) = (suite.path.display().to_string(), name_in_repository(&suite.path));
    let report = history::read(options.archive, &spec, &named).await.map_err(|error| error.within(&shown))?;
    let name = spec.run.clone().or(spec.branch.clone()).unwrap_or_default();
    suite.compare_with(Path::new(&name), report);
    Ok(())
}

/// Runs a loaded suite and decides; what is returned is not kept yet.
pub async fn run_suite(suite: &Suite, options: &Options<'_>, now: Micros) -> Result<RunRecord, Error> {
    let begun = Instant::now();
    let run_id = lineage::run_id(suite, now);
    let runner = Runner::new(suite, options, &run_id, begun, now);
    let done = answer_all(suite, options, &runner).await?;
    let anchored = judge_anchors(suite, options, &runner).await?;
    let judges = judge_reports(suite, &done, &anchored);
    let sums = named_sums(&done.iter().map(|done| (&done.report, suite.plans[done.case].nodes.as_slice())).collect::<Vec<_>>(), &suite.derived);
    let calls: Vec<Call> = done
        .iter()
        .flat_map(|done| done.calls.clone())
        .chain(anchored.into_iter().flat_map(|anchored| anchored.calls))
        .chain(suite.batch.booked())
        .collect();
    let cases: Vec<CaseReport> = done.into_iter().map(|done| done.report).collect();
    let ended = if runner.was_cut_short() { Ended::BudgetSpent } else { Ended::Whole };
    let decision = decide(suite, &cases, ended)?;
    let report = Report {
        schema: SCHEMA.to_owned(),
        run: info(suite, options, &cases, run_id, begun.elapsed(), now),
        verdict: decision.verdict,
        metrics: decision.metrics,
        slices: decision.slices,
        fairness: fairness(suite, &cases)?,
        cases,
        changes: decision.changes,
        sums,
        judges,
    };
    Ok(RunRecord { report, calls })
}

/// Answers every case, and again as long as `on_inconclusive: extend` asks for more repeats and may have them.
async fn answer_all(suite: &Suite, options: &Options<'_>, runner: &Runner<'_>) -> Result<Vec<Done>, Error> {
    let control = options.control;
    let keeps_journal = control.resume != Resume::Nothing || control.journal == Journaling::On && suite.costs();
    let (journal, kept) = if keeps_journal {
        let (journal, kept) = Journal::begin(&options.config.calls.work_dir, suite, control.resume)?;
        (Some(journal), kept)
    } else {
        (None, BTreeMap::new())
    };
    let mut answers = Answers { n_jobs: 0, journal, kept };
    let mut done = answers.of(&runner.jobs(), suite, options, runner).await?;
    let mut extra = 0;
    while wants_repeat(suite, &done, runner)? {
        done.extend(answers.of(&runner.extra_jobs(extra), suite, options, runner).await?);
        extra += 1;
    }
    if let Some(journal) = answers.journal.filter(|_| !runner.was_cut_short()) {
        journal.end();
    }
    Ok(done)
}

/// Whether the run cannot tell yet, and one more repeat of every case may.
fn wants_repeat(suite: &Suite, done: &[Done], runner: &Runner<'_>) -> Result<bool, Error> {
    if suite.gate.on_inconclusive != OnInconclusive::Extend || suite.baseline.is_none() || !suite.answers_anew() || runner.has_spent() {
        return Ok(false);
    }
    let cases: Vec<CaseReport> = done.iter().map(|done| done.report.clone()).collect();
    if repeats_in(&cases) >= suite.gate.extend_max {
        return Ok(false);
    }
    let decision = decide(suite, &cases, Ended::Whole)?;
    Ok(decision.verdict.outcome == RunOutcome::Inconclusive && decision.repeats_may_tell)
}

/// The answers of a run as they come in.
struct Answers {
    /// Jobs that were begun, which number the next ones.
    n_jobs: usize,
    journal: Option<Journal>,
    /// What an earlier run did, by the job's number.
    kept: BTreeMap<usize, Line>,
}

impl Answers {
    /// Answers the jobs that are not taken over from an earlier run, in the order that suits the judges; returns them in their own.
    async fn of<'a>(&mut self, jobs: &[Job<'a>], suite: &Suite, options: &Options<'_>, runner: &Runner<'a>) -> Result<Vec<Done>, Error> {
        let control = options.control;
        let first = self.n_jobs;
        self.n_jobs += jobs.len();
        let order: Vec<usize> = runner.order(jobs).into_iter().filter(|place| !self.kept.contains_key(&(first + place))).collect();
        if let Some(progress) = control.progress {
            progress.begin(order.len());
        }
        let journal = self.journal.as_ref();
        let answered = futures::stream::iter(order).map(|place| async move {
            let done = runner.case(jobs[place]).await?;
            if let Some(progress) = control.progress {
                progress.done(done.report.outcome == CaseOutcome::Error, &done.calls, done.cost);
            }
            // What was refused for want of money was not done.
            if let Some(journal) = journal.filter(|_| !done.was_refused) {
                journal.add(&Line { job: first + place, report: done.report.clone(), calls: done.calls.clone(), notes: done.notes.clone() });
            }
            Ok::<_, Error>((place, done))
        });
        let answered: Vec<Result<(usize, Done), Error>> = answered.buffer_unordered(options.config.concurrency.max(1)).collect().await;
        let earlier = jobs.iter().enumerate().filter_map(|(place, job)| Some((place, Done::taken_over(job.case, self.kept.get(&(first + place))?))));
        let mut done: Vec<(usize, Done)> = answered.into_iter().chain(earlier.map(Ok)).collect::<Result<_, _>>()?;
        done.sort_by_key(|(place, _)| *place);
        let mut done: Vec<Done> = done.into_iter().map(|(_, done)| done).collect();
        compare_answers(suite, &mut done);
        Ok(done)
    }
}

/// Holds the answers to one test against each other, where it asks for that.
fn compare_answers(suite: &Suite, done: &mut [Done]) {
    for group in done.chunk_by_mut(|a, b| (a.case, a.report.repeat) == (b.case, b.report.repeat)) {
        let plan = &suite.plans[group[0].case];
        let mut cases: Vec<&mut CaseReport> = group.iter_mut().map(|done| &mut done.report).collect();
        for assertion in plan.nodes.iter().flat_map(|node| node.assertions()) {
            if let Some(assert) = assertion.comparing() {
                max_score(assert, &assertion.id, &assertion.metric, assertion.weight, &mut cases);
            }
        }
    }
}

fn info(suite: &Suite, options: &Options<'_>, cases: &[CaseReport], id: String, took: Duration, now: Micros) -> RunInfo {
    let prompts = suite.prompts.iter().map(|prompt| (prompt.label.clone(), prompt.hash.clone())).collect();
    let costs: Vec<f64> = cases.iter().filter_map(|case| case.cost_usd).collect();
    let extends = suite.gate.on_inconclusive == OnInconclusive::Extend;
    let n_repeats = if extends { repeats_in(cases).max(suite.repeat) } else { suite.repeat };
    RunInfo {
        id,
        suite: name_in_repository(&suite.path),
        started_at: rfc3339(now),
        duration_ms: i64::try_from(took.as_millis()).unwrap_or(i64::MAX),
        git_commit: options.git.commit.clone(),
        git_branch: options.git.branch.clone(),
        hashes: Hashes { suite: suite.hash.clone(), dataset: suite.dataset.hash[..16].to_owned(), prompts, judges: suite.judge_hashes() },
        cost_usd: (!costs.is_empty()).then(|| costs.iter().sum()),
        n_cases: suite.dataset.cases.len(),
        n_repeats,
        part: suite.part.clone(),
        baseline: suite.baseline.as_ref().map(|baseline| baseline_info(baseline, now)),
    }
}

/// What reports say about the baseline.
pub(crate) fn baseline_info(baseline: &Baseline, now: Micros) -> BaselineInfo {
    BaselineInfo {
        // The name alone: reports are compared across machines.
        file: baseline.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        run: baseline.report.run.id.clone(),
        started_at: baseline.report.run.started_at.clone(),
        age_days: chrono::DateTime::parse_from_rfc3339(&baseline.report.run.started_at)
            .ok()
            .map(|begun| (now.to_datetime() - begun.to_utc()).num_days()),
        // Runs that are averaged stand in one report, with the ids of all.
        n_runs: baseline.report.run.id.split(", ").count() as u64,
    }
}

fn rfc3339(time: Micros) -> String {
    time.to_datetime().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
