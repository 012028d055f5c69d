//! What `karat eval` calls: a suite in, text and an exit code out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schema::{Micros, Tenant};
use store::Store;

use crate::baseline::Baseline;
use crate::config::EvaluatorConfig;
use crate::error::{Error, ErrorKind};
use crate::git::Git;
use crate::judge::{BatchPlace, Open, read_openai};
use crate::report::{Report, github, html, junit, markdown, text};
use crate::run::{Control, Options, read_kept_baseline, run_suite};
use crate::suite::{Compare, Suite, load};
use crate::template::Env;

/// The arguments of `karat eval`.
pub struct EvalArgs<'a> {
    /// The suite file.
    pub suite: PathBuf,
    /// What the run is compared with.
    pub compare: Compare,
    /// Write the report to the suite's baseline file instead of comparing with it.
    pub update_baseline: bool,
    /// The form of the text.
    pub format: EvalFormat,
    /// File that the text is written to, beside being returned.
    pub output: Option<PathBuf>,
    /// Settings.
    pub config: EvaluatorConfig,
    /// Where `{{env.NAME}}` comes from.
    pub env: Env<'a>,
    /// Where the run is kept, where it is.
    pub store: Option<(&'a Store, &'a Tenant)>,
    /// How the run goes on from another one, and who watches it.
    pub control: Control<'a>,
    /// Files of judges' questions that wait, and of their answers.
    pub batch: BatchFiles,
}

/// Files of judges' questions that wait, and of their answers, in OpenAI's form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatchFiles {
    /// Ask no judge; write what would be asked into this file.
    pub write: Option<PathBuf>,
    /// Take over the answers in this file before the run.
    pub read: Option<PathBuf>,
    /// Have the judges' own batch service answer first what it can; on Bedrock at half of the price, within a day.
    pub place: Option<BatchPlace>,
}

/// The form in which a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EvalFormat {
    /// For a terminal.
    #[default]
    Text,
    /// The report, which can be a baseline.
    Json,
    /// JUnit XML.
    Junit,
    /// Markdown, for a comment under a pull request.
    Markdown,
    /// Annotations of GitHub's workflows.
    Github,
    /// One HTML file.
    Html,
}

/// Writes a report in a form; `baseline` is what it was compared with, where that is at hand.
pub fn write_as(format: EvalFormat, report: &Report, baseline: Option<&Report>) -> Result<String, Error> {
    Ok(match format {
        EvalFormat::Text => text(report),
        EvalFormat::Json => serde_json::to_string_pretty(report)? + "\n",
        EvalFormat::Junit => junit(report),
        EvalFormat::Markdown => markdown(report),
        EvalFormat::Github => github(report),
        EvalFormat::Html => html(report, baseline),
    })
}

/// Reads a report that was written in JSON.
pub fn read_report(path: &Path) -> Result<Report, Error> {
    Baseline::read(path).map(|baseline| baseline.report)
}

/// What `karat eval` prints and returns.
#[derive(Debug, Clone, PartialEq)]
pub struct EvalOutcome {
    /// The text for standard output; where a file was asked for, the text for the terminal.
    pub text: String,
    /// The report; nothing where the suite could not be run.
    pub report: Option<Report>,
    /// 0 pass, 100 regressed or failed, 101 inconclusive, 3 error, 4 budget spent, 2 a mistake in what was given.
    pub exit_code: i32,
}

/// Runs one suite; a mistake in it becomes a text and exit code 2, a failure of the store or the disk exit code 3.
pub async fn cli_eval(args: &EvalArgs<'_>, now: Micros) -> EvalOutcome {
    match eval(args, now).await {
        Ok(outcome) => outcome,
        Err(error) => {
            let exit_code = if error.kind() == ErrorKind::Input { 2 } else { 3 };
            EvalOutcome { text: format!("error: {error}\n"), report: None, exit_code }
        }
    }
}

async fn eval(args: &EvalArgs<'_>, now: Micros) -> Result<EvalOutcome, Error> {
    let compare = if args.update_baseline { Compare::Nothing } else { args.compare.clone() };
    let mut suite = load(&args.suite, &compare, &args.config, args.env)?;
    read_batch(args, &suite)?;
    let git = Git::of(args.suite.parent().unwrap_or(&args.suite));
    let options = Options { config: args.config.clone(), env: args.env, compare, git, store: args.store, control: args.control };
    read_kept_baseline(&mut suite, &options).await?;
    if let Some(path) = &args.batch.write {
        return write_batch(path, &suite, &options, now).await;
    }
    if let Some(place) = &args.batch.place {
        ask_batches(place, &suite, &options, now).await?;
    }
    let report = run_suite(&suite, &options, now).await?;
    let json = || serde_json::to_string_pretty(&report).map(|text| text + "\n");
    let shown = text(&report);
    if args.update_baseline {
        return update(args, suite.baseline_path(), &report, &shown, &json()?);
    }
    let exit_code = report.verdict.exit_code;
    let written = write_as(args.format, &report, suite.baseline.as_ref().map(|baseline| &baseline.report))?;
    let (text, exit_code) = match &args.output {
        Some(path) => match write(path, &written) {
            Ok(()) => (shown, exit_code),
            // The run was paid for: a full disk does not swallow its verdict.
            Err(error) => (format!("{shown}\nerror: {error}\n"), 3),
        },
        None => (written, exit_code),
    };
    Ok(EvalOutcome { text, report: Some(report), exit_code })
}

/// Takes over what judges answered elsewhere.
fn read_batch(args: &EvalArgs<'_>, suite: &Suite) -> Result<(), Error> {
    let Some(path) = &args.batch.read else { return Ok(()) };
    let text = std::fs::read_to_string(path).map_err(|source| Error::File { action: "read", path: path.clone(), source })?;
    let read = read_openai(&text, suite.cache.as_ref().ok_or_else(no_cache)?);
    if read.n_failed > 0 {
        tracing::warn!(n_kept = read.n_kept, n_failed = read.n_failed, "some questions of the batch were not answered: they are asked again");
    }
    Ok(())
}

/// Runs the suite without asking its judges, and returns what they would be asked.
async fn collect(suite: &Suite, options: &Options<'_>, now: Micros) -> Result<BTreeMap<String, Open>, Error> {
    suite.batch.collect();
    let control = Control::default();
    let quiet = Options { config: options.config.clone(), compare: options.compare.clone(), git: Git::default(), store: None, control, ..*options };
    run_suite(suite, &quiet, now).await?;
    Ok(suite.batch.take())
}

/// Writes what the judges would be asked; a file a model.
async fn write_batch(path: &Path, suite: &Suite, options: &Options<'_>, now: Micros) -> Result<EvalOutcome, Error> {
    suite.cache.as_ref().ok_or_else(no_cache)?;
    let by_judge = collect(suite, options, now).await?;
    let mut text = String::new();
    for open in by_judge.values() {
        let path = if by_judge.len() == 1 { path.to_owned() } else { of_model(path, open.judge.model()) };
        let lines: String = open.lines.values().map(|line| format!("{}\n", line.text())).collect();
        write(&path, &lines)?;
        text.push_str(&format!("wrote {} questions to {}; give their answers back with --batch-read\n", open.lines.len(), path.display()));
    }
    if by_judge.is_empty() {
        text.push_str("every question is answered: run without --batch-write\n");
    }
    Ok(EvalOutcome { text, report: None, exit_code: 0 })
}

/// Has the judges' own services answer in rounds, until no question is open that they can answer: claims come before their verdicts.
async fn ask_batches(place: &BatchPlace, suite: &Suite, options: &Options<'_>, now: Micros) -> Result<(), Error> {
    const ROUNDS_MAX: usize = 6;
    let cache = suite.cache.as_ref().ok_or_else(no_cache)?;
    for _ in 0..ROUNDS_MAX {
        let by_judge = collect(suite, options, now).await?;
        let mut n_answered = 0;
        for open in by_judge.values() {
            let answered = suite.batch.answer(open, place, cache).await;
            n_answered += answered.map_err(|error| Error::config(format!("batch of {}: {error}", open.judge.model())))?;
        }
        if n_answered == 0 {
            break;
        }
    }
    Ok(())
}

/// `questions.jsonl` of a model is `questions.<model>.jsonl`: a batch has one model.
fn of_model(path: &Path, model: &str) -> PathBuf {
    let plain: String = model.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    path.with_extension(format!("{plain}.jsonl"))
}

fn no_cache() -> Error {
    Error::config("a batch needs the judges' answers kept: set evaluator.calls.cache_bytes_max, and leave out --no-cache")
}

/// Writes the report as the suite's baseline, unless there is nothing in it to compare with.
fn update(args: &EvalArgs<'_>, path: Option<&Path>, report: &Report, shown: &str, json: &str) -> Result<EvalOutcome, Error> {
    let named = || Error::config(format!("{}: the suite names no baseline; add `baseline: {{file: baselines/<name>.json}}`", args.suite.display()));
    let path = path.ok_or_else(named)?;
    // What failed without a baseline is what the baseline is for; what errored is no measurement.
    let exit_code = if report.verdict.exit_code == 100 { 0 } else { report.verdict.exit_code };
    if exit_code != 0 {
        return Ok(EvalOutcome { text: format!("{shown}\nthe baseline was not written\n"), report: Some(report.clone()), exit_code });
    }
    write(path, json)?;
    Ok(EvalOutcome { text: format!("{shown}\nwrote the baseline {}\n", path.display()), report: Some(report.clone()), exit_code })
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(|source| Error::File { action: "write", path: path.to_owned(), source })
}
