//! `karat eval`, and with it `validate`, `compare`, `aa` and `push`.

mod part;
mod place;
mod suites;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use evaluator::git::Git;
use evaluator::suite::{Compare, load_to_compare};
use evaluator::{Control, ErrorKind, EvalFormat, Options, aa, compare, find_run, validate, write_outputs};

use crate::cli::Usage;
use crate::clock;
use crate::config::Config;
use crate::prices::priced;

use part::PartArgs;
use place::Place;

/// Exit code where the tables, a server or the disk failed.
const FAILED: u8 = 3;

/// Flags of `karat eval`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct EvalArgs {
    /// Something else than running suites.
    #[command(subcommand)]
    pub command: Option<EvalCommand>,
    /// Suites to run, such as suites/rag.yaml; karat's form or promptfoo's.
    #[arg(required = true, value_name = "SUITE")]
    pub suites: Vec<PathBuf>,
    /// How to report.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub format: ReportFormat,
    /// File for the report, once or more often, in the form of its ending (.json, .xml for JUnit, .md, .html), else in that of --format; without one it
    /// goes to standard output. `{suite}` in it stands for the name of the suite's file.
    #[arg(short, long = "output", value_name = "FILE")]
    pub outputs: Vec<PathBuf>,
    /// Report to compare with, instead of the suite's own `baseline`.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["no_baseline", "update_baseline"])]
    pub baseline: Option<PathBuf>,
    /// Compare with nothing: assertions and thresholds decide.
    #[arg(long)]
    pub no_baseline: bool,
    /// Write this run to the suite's baseline file instead of comparing with it.
    #[arg(long)]
    pub update_baseline: bool,
    /// Data directory that the run is kept in, and that baselines named by run or branch and SELECTs of suites are read from; no karat may be
    /// serving it.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The same with a running karat: its address, without one that of these settings; the token is read from KARAT_TOKEN.
    #[arg(long, value_name = "URL", num_args = 0..=1, conflicts_with = "data", value_parser = url)]
    pub push: Option<Option<String>>,
    /// Tenant whose tables are meant, with --data.
    #[arg(long, default_value = "default")]
    pub tenant: String,
    /// How often each case is answered, and which cases are run.
    #[command(flatten)]
    pub part: PartArgs,
    /// Cases that are under way at once, instead of `evaluator.concurrency`.
    #[arg(short = 'j', long = "max-concurrency", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub max_concurrency: Option<u32>,
    /// Go on with the newest run of the suite that was interrupted, else with the last one: what it scored is taken over.
    #[arg(long)]
    pub resume: bool,
    /// Go on with the last run of the suite, and ask again for what errored or could not be judged.
    #[arg(long)]
    pub retry_errors: bool,
    /// Ask judges again what they answered before, and keep nothing of it.
    #[arg(long)]
    pub no_cache: bool,
    /// Ask no judge: write the questions into this file (OpenAI's batch form, which vLLM's offline runner reads).
    #[arg(long, value_name = "FILE")]
    pub batch_write: Option<PathBuf>,
    /// Take over the judges' answers in this file, which a batch gave.
    #[arg(long, value_name = "FILE")]
    pub batch_read: Option<PathBuf>,
    /// Have judges on Amazon Bedrock answer by batch inference over this place (s3://bucket/prefix): half of the price, within a day.
    #[arg(long, value_name = "S3 URI", requires = "batch_role")]
    pub batch_s3: Option<String>,
    /// Role (ARN) that lets Bedrock read and write there.
    #[arg(long, value_name = "ARN", requires = "batch_s3")]
    pub batch_role: Option<String>,
}

/// Something else than running suites.
#[derive(Debug, Subcommand)]
pub enum EvalCommand {
    /// Names everything that is wrong with suites, by file and line, without asking anybody: exit 0 or 2.
    Validate {
        /// Suites to look at.
        #[arg(required = true, value_name = "SUITE")]
        suites: Vec<PathBuf>,
    },
    /// Holds one run against another; exit codes are those of a run.
    Compare {
        /// The run before: a file with its report in JSON, or its id.
        baseline: String,
        /// The run now, likewise.
        candidate: String,
        /// Suite whose clusters, slices and rules hold; without it cases are independent and every metric is guarded.
        #[arg(long, value_name = "SUITE")]
        suite: Option<PathBuf>,
        /// How to report.
        #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
        format: ReportFormat,
        /// File for the report, once or more often, in the form of its ending (.json, .xml for JUnit, .md, .html), else in that of --format.
        #[arg(short, long = "output", value_name = "FILE")]
        outputs: Vec<PathBuf>,
        /// Where runs with an id are kept, and the cases of a suite whose dataset is a SELECT.
        #[command(flatten)]
        tables: TablesArgs,
    },
    /// Runs a suite against itself and reports how often its gate raises a false alarm, with an interval; exit 100 where that is beyond doubt more
    /// often than the gate promises, for the run or a metric.
    Aa {
        /// The suite.
        suite: PathBuf,
        /// Pairs of runs; each costs two.
        #[arg(long, default_value_t = 10)]
        pairs: u32,
        /// How to report.
        #[arg(long, value_enum, default_value_t = AaFormat::Text)]
        format: AaFormat,
        /// Where the SELECTs of the suite are asked; nothing is kept there.
        #[command(flatten)]
        tables: TablesArgs,
    },
    /// Sends runs to a running karat that were made before: exit 0, or 3 where it does not take them; the token is read from KARAT_TOKEN.
    Push {
        /// Reports, written with --format json, or runs that could not be kept.
        #[arg(required = true, value_name = "REPORT")]
        reports: Vec<PathBuf>,
        /// Its address; without one that of these settings.
        #[arg(long, value_name = "URL", value_parser = url)]
        to: Option<String>,
    },
}

/// Where tables are that are only read.
#[derive(Debug, Args)]
pub struct TablesArgs {
    /// Data directory of the tables that are read; no karat may be serving it.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The same of a running karat: its address, without one that of these settings; the token is read from KARAT_TOKEN.
    #[arg(long, alias = "push", value_name = "URL", num_args = 0..=1, conflicts_with = "data", value_parser = url)]
    pub url: Option<Option<String>>,
    /// Tenant whose tables are meant, with --data.
    #[arg(long, default_value = "default")]
    pub tenant: String,
}

/// A word that follows a flag is an address, or it was meant for something else.
fn url(text: &str) -> Result<String, String> {
    match text.starts_with("http://") || text.starts_with("https://") {
        true => Ok(text.to_owned()),
        false => Err("an address begins with http:// or https://; where suites follow, write --push=<URL> or put --push last".to_owned()),
    }
}

/// Forms of what `karat eval aa` found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AaFormat {
    /// Text for people.
    Text,
    /// One JSON object.
    Json,
}

/// Forms of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// Text for people.
    Text,
    /// The whole report, `karat.report/1`; such a file serves as a baseline.
    Json,
    /// JUnit XML for CI.
    Junit,
    /// Markdown for a comment under a pull request.
    Markdown,
    /// Annotations of GitHub's workflows.
    Github,
    /// One HTML file with the outputs side by side.
    Html,
}

impl From<ReportFormat> for EvalFormat {
    fn from(format: ReportFormat) -> Self {
        match format {
            ReportFormat::Text => EvalFormat::Text,
            ReportFormat::Json => EvalFormat::Json,
            ReportFormat::Junit => EvalFormat::Junit,
            ReportFormat::Markdown => EvalFormat::Markdown,
            ReportFormat::Github => EvalFormat::Github,
            ReportFormat::Html => EvalFormat::Html,
        }
    }
}

/// Does what was asked for, and returns the exit code: 2 for a mistake in what was asked for, 3 where the tables, a server or the disk failed.
pub async fn run(config: &Config, args: &EvalArgs) -> anyhow::Result<u8> {
    let error = match obey(config, args).await {
        Ok(code) => return Ok(code),
        Err(error) => error,
    };
    let is_mistake = error.downcast_ref::<evaluator::Error>().is_some_and(|error| error.kind() == ErrorKind::Input);
    if is_mistake {
        // It names its cause itself.
        return Err(Usage(error.to_string()).into());
    }
    if error.is::<Usage>() {
        return Err(error);
    }
    writeln!(std::io::stderr().lock(), "error: {error:#}")?;
    Ok(FAILED)
}

async fn obey(config: &Config, args: &EvalArgs) -> anyhow::Result<u8> {
    let config = &Config { evaluator: priced(config), ..config.clone() };
    match &args.command {
        None => suites::run_suites(config, args).await,
        Some(EvalCommand::Validate { suites }) => validate_suites(config, suites),
        Some(EvalCommand::Compare { baseline, candidate, suite, format, outputs, tables }) => {
            let place = Place::of_tables(config, tables).await?;
            let runs = [baseline.as_str(), candidate.as_str()];
            let code = compare_runs(config, &place, runs, suite.as_deref(), ((*format).into(), outputs)).await;
            place.close().await?;
            code
        }
        Some(EvalCommand::Aa { suite, pairs, format, tables }) => {
            let place = Place::of_tables(config, tables).await?;
            let code = run_aa(config, &place, suite, *pairs, *format).await;
            place.close().await?;
            code
        }
        Some(EvalCommand::Push { reports, to }) => place::push(config, reports, to.as_deref()).await,
    }
}

async fn compare_runs(
    config: &Config,
    place: &Place,
    [baseline, candidate]: [&str; 2],
    suite: Option<&Path>,
    (format, outputs): (EvalFormat, &[PathBuf]),
) -> anyhow::Result<u8> {
    let (archive, config) = (place.open(), &config.evaluator);
    let suite = match suite {
        Some(path) => Some(load_to_compare(archive, path, config, &environment).await?),
        None => None,
    };
    let (path, before) = find_run(archive, baseline, config).await?;
    let (_, now) = find_run(archive, candidate, config).await?;
    let report = compare::compare((&path, before.clone()), now, suite, clock::now())?;
    let (text, failed) = write_outputs(format, outputs, &report, Some(&before))?;
    write!(std::io::stdout().lock(), "{text}")?;
    for error in &failed {
        writeln!(std::io::stderr().lock(), "error: {error}")?;
    }
    let code = u8::try_from(report.verdict.exit_code).unwrap_or(1);
    Ok(if failed.is_empty() { code } else { suites::worse(code, FAILED) })
}

async fn run_aa(config: &Config, place: &Place, suite: &Path, pairs: u32, format: AaFormat) -> anyhow::Result<u8> {
    let options = Options {
        config: config.evaluator.clone(),
        env: &environment,
        compare: Compare::Nothing,
        git: Git::of(suite.parent().unwrap_or(suite), &environment),
        archive: place.open(),
        control: Control::default(),
    };
    let report = aa::aa(suite, pairs, &options, clock::now()).await?;
    let text = match format {
        AaFormat::Text => report.text(),
        AaFormat::Json => serde_json::to_string_pretty(&report)? + "\n",
    };
    write!(std::io::stdout().lock(), "{text}")?;
    Ok(report.exit_code())
}

/// A variable of the environment, where it is text.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn validate_suites(config: &Config, suites: &[PathBuf]) -> anyhow::Result<u8> {
    let mut out = std::io::stdout().lock();
    let mut code = 0;
    for suite in suites {
        let found = validate::validate(suite, &config.evaluator, &environment)?;
        for fault in &found {
            writeln!(out, "{fault}")?;
        }
        if found.is_empty() {
            writeln!(out, "{}: valid", suite.display())?;
        } else {
            code = 2;
        }
    }
    Ok(code)
}
