//! What `karat eval` calls: a suite in, text and an exit code out.

use std::path::{Path, PathBuf};

use schema::{Micros, Tenant};
use store::Store;

use crate::baseline::Baseline;
use crate::config::EvaluatorConfig;
use crate::error::{Error, ErrorKind};
use crate::git::Git;
use crate::report::{Report, github, html, junit, markdown, text};
use crate::run::{Options, read_kept_baseline, run_suite};
use crate::suite::{Compare, load};
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
    let git = Git::of(args.suite.parent().unwrap_or(&args.suite));
    let options = Options { config: args.config.clone(), env: args.env, compare, git, store: args.store };
    read_kept_baseline(&mut suite, &options).await?;
    let report = run_suite(&suite, &options, now).await?;
    let json = || serde_json::to_string_pretty(&report).map(|text| text + "\n");
    let shown = text(&report);
    if args.update_baseline {
        return update(args, suite.baseline_path(), &report, &shown, &json()?);
    }
    let exit_code = report.verdict.exit_code;
    let written = write_as(args.format, &report, suite.baseline.as_ref().map(|baseline| &baseline.report))?;
    let text = match &args.output {
        Some(path) => {
            write(path, &written)?;
            shown
        }
        None => written,
    };
    Ok(EvalOutcome { text, report: Some(report), exit_code })
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
    write(&path.to_owned(), json)?;
    Ok(EvalOutcome { text: format!("{shown}\nwrote the baseline {}\n", path.display()), report: Some(report.clone()), exit_code })
}

fn write(path: &PathBuf, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(|source| Error::File { action: "write", path: path.clone(), source })
}
