//! `karat eval`, and with it `validate`, `compare`, `aa` and `push`.

mod place;
mod suites;

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use evaluator::git::Git;
use evaluator::suite::{Compare, load};
use evaluator::{Archive, Control, EvalFormat, Options, aa, compare, read_report, validate, write_as};

use crate::clock;
use crate::config::Config;
use crate::prices::priced;

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
    /// File for the report; without it, it goes to standard output. Of one suite only.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
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
    /// Go on with the last run of the suite: what it scored is taken over.
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
    /// Holds one run against another, both written with --format json; exit codes are those of a run.
    Compare {
        /// The run before.
        baseline: PathBuf,
        /// The run now.
        candidate: PathBuf,
        /// Suite whose clusters, slices and rules hold; without it cases are independent and every metric is guarded.
        #[arg(long, value_name = "SUITE")]
        suite: Option<PathBuf>,
        /// How to report.
        #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
        format: ReportFormat,
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

/// Does what was asked for, and returns the exit code.
pub async fn run(config: &Config, args: &EvalArgs) -> anyhow::Result<u8> {
    let config = &Config { evaluator: priced(config), ..config.clone() };
    match &args.command {
        None => suites::run_suites(config, args).await,
        Some(EvalCommand::Validate { suites }) => validate_suites(config, suites),
        Some(EvalCommand::Compare { baseline, candidate, suite, format }) => {
            let env = |name: &str| std::env::var(name).ok();
            let suite = suite.as_ref().map(|path| load(path, &Compare::Nothing, &config.evaluator, &env)).transpose()?;
            let before = read_report(baseline)?;
            let report = compare::compare((baseline.as_path(), before.clone()), read_report(candidate)?, suite, clock::now())?;
            write!(std::io::stdout().lock(), "{}", write_as((*format).into(), &report, Some(&before))?)?;
            Ok(u8::try_from(report.verdict.exit_code).unwrap_or(1))
        }
        Some(EvalCommand::Aa { suite, pairs, format }) => {
            let env = |name: &str| std::env::var(name).ok();
            let git = Git::of(suite.parent().unwrap_or(suite));
            let options = Options {
                config: config.evaluator.clone(),
                env: &env,
                compare: Compare::Nothing,
                git,
                archive: Archive::Nowhere,
                control: Control::default(),
            };
            let report = aa::aa(suite, *pairs, &options, clock::now()).await?;
            let text = match format {
                AaFormat::Text => report.text(),
                AaFormat::Json => serde_json::to_string_pretty(&report)? + "\n",
            };
            write!(std::io::stdout().lock(), "{text}")?;
            Ok(report.exit_code())
        }
        Some(EvalCommand::Push { reports, to }) => place::push(config, reports, to.as_deref()).await,
    }
}

fn validate_suites(config: &Config, suites: &[PathBuf]) -> anyhow::Result<u8> {
    let env = |name: &str| std::env::var(name).ok();
    let mut out = std::io::stdout().lock();
    let mut code = 0;
    for suite in suites {
        let found = validate::validate(suite, &config.evaluator, &env)?;
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
