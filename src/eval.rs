//! `karat eval`, and with it `validate`, `compare` and `aa`.

use std::io::{IsTerminal, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand, ValueEnum};
use collector::Decoder;
use evaluator::git::Git;
use evaluator::suite::{Compare, load};
use evaluator::{
    BatchFiles, BatchPlace, Control, EvalFormat, Journaling, Options, Progress, Resume, aa, cli_eval, compare, read_report, validate, write_as,
};
use schema::Tenant;
use store::Store;

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
    /// Data directory that the run is kept in, and that baselines named by run or branch are read from; no karat may be serving it.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
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
        None => run_suites(config, args).await,
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
            let options =
                Options { config: config.evaluator.clone(), env: &env, compare: Compare::Nothing, git, store: None, control: Control::default() };
            let report = aa::aa(suite, *pairs, &options, clock::now()).await?;
            let text = match format {
                AaFormat::Text => report.text(),
                AaFormat::Json => serde_json::to_string_pretty(&report)? + "\n",
            };
            write!(std::io::stdout().lock(), "{text}")?;
            Ok(report.exit_code())
        }
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

/// Opens the tables that runs are kept in, where the command line names them.
async fn open_store(config: &Config, args: &EvalArgs) -> anyhow::Result<Option<(Store, Tenant)>> {
    let Some(data) = &args.data else { return Ok(None) };
    let mut config = config.clone();
    config.store.data.clone_from(data);
    let decoder = Arc::new(Decoder::new(crate::serve::prices(&config)?, config.collector.decode.clone()));
    let store = Store::open(config.store.clone(), decoder, clock::wall_clock()).await?;
    Ok(Some((store, Tenant::new(&args.tenant)?)))
}

/// Runs the suites one after the other, and returns the exit code of the worst.
async fn run_suites(config: &Config, args: &EvalArgs) -> anyhow::Result<u8> {
    anyhow::ensure!(
        args.output.is_none() || args.suites.len() == 1,
        crate::cli::Usage("--output takes the report of one suite; run the suites one by one, or leave it out".to_owned())
    );
    let env = |name: &str| std::env::var(name).ok();
    let kept = open_store(config, args).await?;
    let mut worst = 0;
    let mut settings = config.evaluator.clone();
    if args.no_cache {
        settings.calls.cache_bytes_max = 0;
    }
    let resume = match (args.retry_errors, args.resume) {
        (true, _) => Resume::WithoutErrors,
        (false, true) => Resume::Scored,
        (false, false) => Resume::Nothing,
    };
    let place = args.batch_s3.clone().zip(args.batch_role.clone()).map(|(uri, role)| BatchPlace { uri, role });
    for suite in &args.suites {
        let compare = match (&args.baseline, args.no_baseline) {
            (Some(file), _) => Compare::File(file.clone()),
            (None, true) => Compare::Nothing,
            (None, false) => Compare::Suite,
        };
        let progress = Progress::default();
        let arguments = evaluator::EvalArgs {
            suite: suite.clone(),
            compare,
            update_baseline: args.update_baseline,
            format: args.format.into(),
            output: args.output.clone(),
            config: settings.clone(),
            env: &env,
            store: kept.as_ref().map(|(store, tenant)| (store, tenant)),
            control: Control { resume, journal: Journaling::On, progress: Some(&progress) },
            batch: BatchFiles { write: args.batch_write.clone(), read: args.batch_read.clone(), place: place.clone() },
        };
        let Some(outcome) = watched(cli_eval(&arguments, clock::now()), &progress).await else {
            writeln!(std::io::stderr().lock(), "stopped; what models and apps answered is kept: --resume goes on from there")?;
            worst = INTERRUPTED;
            break;
        };
        write!(std::io::stdout().lock(), "{}", outcome.text)?;
        worst = worse(worst, u8::try_from(outcome.exit_code).unwrap_or(1));
    }
    if let Some((store, _)) = kept {
        store.close().await?;
    }
    Ok(worst)
}

/// What a command ends with that Ctrl-C stopped.
const INTERRUPTED: u8 = 130;

/// Waits for a run, and shows on a terminal how far it is; nothing where Ctrl-C stopped it.
async fn watched<T>(run: impl Future<Output = T>, progress: &Progress) -> Option<T> {
    let begun = Instant::now();
    let mut run = std::pin::pin!(run);
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + Duration::from_secs(1), Duration::from_millis(250));
    let mut stopped = std::pin::pin!(interrupted());
    let mut shown = false;
    loop {
        tokio::select! {
            ended = &mut run => {
                if shown {
                    draw("");
                }
                return Some(ended);
            }
            () = &mut stopped => {
                if shown {
                    draw("");
                }
                return None;
            }
            _ = ticks.tick() => {
                if std::io::stderr().is_terminal() {
                    draw(&progress.line(begun.elapsed()));
                    shown = true;
                }
            }
        }
    }
}

/// Ends at Ctrl-C; where that cannot be heard, never.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Writes over the line on the terminal.
fn draw(line: &str) {
    let mut terminal = std::io::stderr().lock();
    // Who cannot see the progress does without.
    let _ = write!(terminal, "\r\x1b[2K{line}");
    let _ = terminal.flush();
}

/// Of two exit codes, the one that a caller must hear of first: configuration, regressed, budget, error, inconclusive, pass.
fn worse(a: u8, b: u8) -> u8 {
    const ORDER: [u8; 6] = [0, 101, 3, 4, 100, 2];
    let rank = |code: u8| ORDER.iter().position(|known| *known == code).unwrap_or(ORDER.len());
    if rank(b) > rank(a) { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::worse;

    #[test]
    fn the_worst_suite_decides() {
        assert_eq!([0, 101, 100].into_iter().fold(0, worse), 100);
        assert_eq!([100, 2].into_iter().fold(0, worse), 2);
        assert_eq!([3, 4].into_iter().fold(0, worse), 4);
        assert_eq!([3, 101].into_iter().fold(0, worse), 3);
    }
}
