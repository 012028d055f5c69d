//! What `karat eval` calls: a suite in, text and an exit code out.

mod batch;

use std::path::{Path, PathBuf};

use schema::Micros;

use crate::archive::{Archive, RunRecord};
use crate::baseline::Baseline;
use crate::config::EvaluatorConfig;
use crate::error::{Error, ErrorKind};
use crate::files::write_whole;
use crate::filter::Part;
use crate::git::Git;
use crate::report::{Report, github, html, junit, markdown, text};
use crate::run::{Control, Options, read_kept_baseline, run_suite};
use crate::suite::{Compare, Suite, load, load_part};
use crate::template::Env;

use batch::{ask_batches, read_batch, write_batch};

pub use batch::BatchFiles;

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
    /// Files that the report is written to, each in the form that its name ends in, else in `format`.
    pub outputs: Vec<PathBuf>,
    /// Which cases are run, and how often.
    pub part: Part,
    /// Settings.
    pub config: EvaluatorConfig,
    /// Where `{{env.NAME}}` comes from.
    pub env: Env<'a>,
    /// Where the run is kept, and what is read from there.
    pub archive: Archive<'a>,
    /// How the run goes on from another one, and who watches it.
    pub control: Control<'a>,
    /// Files of judges' questions that wait, and of their answers.
    pub batch: BatchFiles,
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

impl EvalFormat {
    /// The form that the ending of a file's name tells.
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "json" => Some(EvalFormat::Json),
            "xml" => Some(EvalFormat::Junit),
            "md" => Some(EvalFormat::Markdown),
            "html" | "htm" => Some(EvalFormat::Html),
            _ => None,
        }
    }
}

/// Writes a report into files, and returns the text for the terminal, with the files that could not be written: the run was paid for, and a full disk
/// does not swallow its verdict. The terminal gets the form that was asked for unless a file has it.
pub fn write_outputs(format: EvalFormat, outputs: &[PathBuf], report: &Report, baseline: Option<&Report>) -> Result<(String, Vec<Error>), Error> {
    let mut shown = format;
    let mut failed = Vec::new();
    for path in outputs {
        let form = EvalFormat::of(path).unwrap_or(format);
        if form == format {
            shown = EvalFormat::Text;
        }
        failed.extend(write(path, &write_as(form, report, baseline)?).err());
    }
    Ok((write_as(shown, report, baseline)?, failed))
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
    /// The text for standard output.
    pub text: String,
    /// The report; nothing where the suite could not be run.
    pub report: Option<Report>,
    /// 0 pass, 100 regressed or failed, 101 inconclusive, 3 error, 4 budget spent, 2 a mistake in what was given.
    pub exit_code: i32,
    /// Why the run could not be kept, and what to do about it; nothing where it was, or was not to be.
    pub unkept: Option<String>,
}

/// Runs one suite; a mistake in it becomes a text and exit code 2, a failure of the store or the disk exit code 3.
pub async fn cli_eval(args: &EvalArgs<'_>, now: Micros) -> EvalOutcome {
    eval(args, now).await.unwrap_or_else(|error| EvalOutcome::of(&error))
}

/// Reads a suite that is to run later, and returns what would keep it from running; nobody is asked, and nothing runs.
pub fn cli_check(args: &EvalArgs<'_>) -> Option<EvalOutcome> {
    let checked = load(&args.suite, &args.compare(), &args.config, args.env).and_then(|suite| {
        if args.update_baseline {
            expect_baseline(&suite)?;
        }
        Ok(())
    });
    checked.err().map(|error| EvalOutcome::of(&error))
}

impl EvalArgs<'_> {
    /// What the run is compared with: one that becomes the baseline, with nothing.
    fn compare(&self) -> Compare {
        if self.update_baseline { Compare::Nothing } else { self.compare.clone() }
    }
}

impl EvalOutcome {
    /// What is told instead of a report.
    fn of(error: &Error) -> Self {
        let exit_code = if error.kind() == ErrorKind::Input { 2 } else { 3 };
        Self { text: format!("error: {error}\n"), report: None, exit_code, unkept: None }
    }
}

async fn eval(args: &EvalArgs<'_>, now: Micros) -> Result<EvalOutcome, Error> {
    let compare = args.compare();
    let mut suite = load_part(args.archive, &args.suite, &compare, &args.config, args.env, &args.part).await?;
    if args.update_baseline {
        expect_baseline(&suite)?;
    }
    read_batch(args, &suite)?;
    let git = Git::of(args.suite.parent().unwrap_or(&args.suite), args.env);
    let options = Options { config: args.config.clone(), env: args.env, compare, git, archive: args.archive, control: args.control };
    read_kept_baseline(&mut suite, &options).await?;
    if let Some(path) = &args.batch.write {
        return write_batch(path, &suite, &options, now).await;
    }
    if let Some(place) = &args.batch.place {
        ask_batches(place, &suite, &options, now).await?;
    }
    let record = run_suite(&suite, &options, now).await?;
    // A part of a suite would be a baseline that has lost cases.
    let unkept = if suite.part.is_none() { keep(args, &record, now).await } else { None };
    let report = record.report;
    let baseline = suite.baseline.as_ref().map(|baseline| &baseline.report);
    let (mut text, mut failed) = write_outputs(args.format, &args.outputs, &report, baseline)?;
    let mut exit_code = report.verdict.exit_code;
    if args.update_baseline {
        (text, exit_code) = (crate::report::text(&report), exit_code_of_baseline(&report));
        match update(&suite, exit_code, &report) {
            Ok(said) => text.push_str(&format!("\n{said}\n")),
            Err(error) => failed.push(error),
        }
    }
    for error in failed {
        text.push_str(&format!("\nerror: {error}\n"));
        // What regressed, and what the budget cut short, goes before.
        exit_code = if [0, 101].contains(&exit_code) { 3 } else { exit_code };
    }
    Ok(EvalOutcome { text, report: Some(report), exit_code, unkept })
}

/// Keeps the run; one that cannot be kept is written down, and what is returned says why and where.
async fn keep(args: &EvalArgs<'_>, record: &RunRecord, now: Micros) -> Option<String> {
    let error = args.archive.keep(record, now).await.err()?;
    let path = args.config.calls.work_dir.join("unkept").join(format!("{}.json", record.report.run.id));
    let to = if let Archive::Server(server) = args.archive { format!(" --to {}", server.url()) } else { String::new() };
    let advice = match write_record(&path, record) {
        Ok(()) => format!("it stands in {0}: `karat eval push {0}{to}` sends it to a running karat", path.display()),
        Err(error) => format!("nor could it be written down ({error}): make room and run it again"),
    };
    Some(format!("the run was not kept: {error}\n{advice}"))
}

fn write_record(path: &Path, record: &RunRecord) -> Result<(), Error> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(|source| Error::File { action: "write", path: directory.to_owned(), source })?;
    }
    write(path, &serde_json::to_string(record)?)
}

/// Refuses a suite whose run could not become a baseline, before the run is paid for.
fn expect_baseline(suite: &Suite) -> Result<(), Error> {
    if suite.part.is_some() {
        return Err(Error::config("a part of a suite is no baseline: leave out the filters, or --update-baseline"));
    }
    match suite.baseline_path() {
        Some(_) => Ok(()),
        None => {
            let what = "the suite names no baseline; add `baseline: {file: baselines/<name>.json}`";
            Err(Error::config(format!("{}: {what}", suite.path.display())))
        }
    }
}

/// What failed without a baseline is what the baseline is for; what errored is no measurement.
fn exit_code_of_baseline(report: &Report) -> i32 {
    if report.verdict.exit_code == 100 { 0 } else { report.verdict.exit_code }
}

/// Writes the report as the suite's baseline, unless there is nothing in it to compare with; returns what to say.
fn update(suite: &Suite, exit_code: i32, report: &Report) -> Result<String, Error> {
    match suite.baseline_path() {
        Some(path) if exit_code == 0 => {
            write(path, &write_as(EvalFormat::Json, report, None)?)?;
            Ok(format!("wrote the baseline {}", path.display()))
        }
        _ => Ok("the baseline was not written".to_owned()),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    write_whole(path, text.as_bytes()).map_err(|source| Error::File { action: "write", path: path.to_owned(), source })
}
