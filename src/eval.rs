//! `karat eval`.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use evaluator::suite::Compare;
use evaluator::{EvalFormat, cli_eval};

use crate::clock;
use crate::config::Config;

/// Flags of `karat eval`.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// Suites to run, such as suites/rag.yaml.
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
}

impl From<ReportFormat> for EvalFormat {
    fn from(format: ReportFormat) -> Self {
        match format {
            ReportFormat::Text => EvalFormat::Text,
            ReportFormat::Json => EvalFormat::Json,
            ReportFormat::Junit => EvalFormat::Junit,
        }
    }
}

/// Runs the suites one after the other, and returns the exit code of the worst.
pub async fn run(config: &Config, args: &EvalArgs) -> anyhow::Result<u8> {
    anyhow::ensure!(
        args.output.is_none() || args.suites.len() == 1,
        crate::cli::Usage("--output takes the report of one suite; run the suites one by one, or leave it out".to_owned())
    );
    let env = |name: &str| std::env::var(name).ok();
    let mut worst = 0;
    for suite in &args.suites {
        let compare = match (&args.baseline, args.no_baseline) {
            (Some(file), _) => Compare::File(file.clone()),
            (None, true) => Compare::Nothing,
            (None, false) => Compare::Suite,
        };
        let outcome = cli_eval(
            &evaluator::EvalArgs {
                suite: suite.clone(),
                compare,
                update_baseline: args.update_baseline,
                format: args.format.into(),
                output: args.output.clone(),
                config: config.evaluator.clone(),
                env: &env,
                store: None,
            },
            clock::now(),
        )
        .await;
        write!(std::io::stdout().lock(), "{}", outcome.text)?;
        worst = worse(worst, u8::try_from(outcome.exit_code).unwrap_or(1));
    }
    Ok(worst)
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
