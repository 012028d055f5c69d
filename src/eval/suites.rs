//! Runs suites one after the other, and shows how far they are.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use evaluator::suite::Compare;
use evaluator::{BatchFiles, BatchPlace, Control, Journaling, Progress, Resume, cli_check, cli_eval};

use super::place::Place;
use super::{EvalArgs, FAILED, environment};
use crate::clock;
use crate::config::Config;

/// Exit code of a command that Ctrl-C stopped.
const INTERRUPTED: u8 = 130;

/// Runs the suites one after the other, and returns the exit code of the worst.
pub(super) async fn run_suites(config: &Config, args: &EvalArgs) -> anyhow::Result<u8> {
    let outputs = outputs(args)?;
    let archive = Place::find(config, args).await?;
    let mut worst = 0;
    let mut settings = config.evaluator.clone();
    if args.no_cache {
        settings.calls.cache_bytes_max = 0;
    }
    if let Some(n) = args.max_concurrency {
        settings.concurrency = n as usize;
    }
    let part = args.part.read(archive.open(), &settings).await?;
    let resume = match (args.retry_errors, args.resume) {
        (true, _) => Resume::WithoutErrors,
        (false, true) => Resume::Scored,
        (false, false) => Resume::Nothing,
    };
    let place = args.batch_s3.clone().zip(args.batch_role.clone()).map(|(uri, role)| BatchPlace { uri, role });
    let compare = match (&args.baseline, args.no_baseline) {
        (Some(file), _) => Compare::File(file.clone()),
        (None, true) => Compare::Nothing,
        (None, false) => Compare::Suite,
    };
    let progress: Vec<Progress> = args.suites.iter().map(|_| Progress::default()).collect();
    let arguments = |((suite, outputs), progress)| evaluator::EvalArgs {
        suite: PathBuf::clone(suite),
        compare: compare.clone(),
        update_baseline: args.update_baseline,
        format: args.format.into(),
        outputs,
        part: part.clone(),
        config: settings.clone(),
        env: &environment,
        archive: archive.open(),
        control: Control { resume, journal: Journaling::On, progress: Some(progress) },
        batch: BatchFiles { write: args.batch_write.clone(), read: args.batch_read.clone(), place: place.clone() },
    };
    let runs: Vec<evaluator::EvalArgs<'_>> = args.suites.iter().zip(outputs).zip(&progress).map(arguments).collect();
    let mistaken = mistakes(&runs)?;
    for (arguments, progress) in runs.iter().zip(&progress).filter(|_| mistaken == 0) {
        let Some(outcome) = watched(cli_eval(arguments, clock::now()), progress).await else {
            writeln!(std::io::stderr().lock(), "stopped; what models and apps answered is kept: --resume goes on from there")?;
            worst = INTERRUPTED;
            break;
        };
        write!(std::io::stdout().lock(), "{}", outcome.text)?;
        worst = worse(worst, u8::try_from(outcome.exit_code).unwrap_or(1));
        if outcome.report.is_some_and(|report| report.run.part.is_some()) && (args.push.is_some() || args.data.is_some()) {
            writeln!(std::io::stderr().lock(), "this run is of a part of its suite, and is not kept")?;
        }
        if let Some(why) = outcome.unkept {
            writeln!(std::io::stderr().lock(), "error: {why}")?;
            worst = worse(worst, FAILED);
        }
    }
    drop(runs);
    archive.close().await?;
    Ok(worse(worst, mistaken))
}

/// Tells what is wrong with any of several suites before the first of them is paid for; returns the exit code.
fn mistakes(runs: &[evaluator::EvalArgs<'_>]) -> anyhow::Result<u8> {
    let mut worst = 0;
    // One alone tells its mistakes before anything runs as it is.
    for outcome in runs.iter().filter(|_| runs.len() > 1).filter_map(cli_check) {
        write!(std::io::stdout().lock(), "{}", outcome.text)?;
        worst = worse(worst, u8::try_from(outcome.exit_code).unwrap_or(1));
    }
    Ok(worst)
}

/// The files that each suite's report goes to.
fn outputs(args: &EvalArgs) -> anyhow::Result<Vec<Vec<PathBuf>>> {
    let named = |suite: &PathBuf, output: &PathBuf| {
        let name = suite.file_stem().unwrap_or_default().to_string_lossy();
        PathBuf::from(output.to_string_lossy().replace("{suite}", &name))
    };
    let of = |suite| args.outputs.iter().map(|output| named(suite, output)).collect();
    let outputs: Vec<Vec<PathBuf>> = args.suites.iter().map(of).collect();
    let mut seen = BTreeSet::new();
    match outputs.iter().flatten().find(|path| !seen.insert(*path)) {
        None => Ok(outputs),
        Some(twice) => {
            let what =
                format!("--output: two reports would go to {}; write `{{suite}}` where the name of the suite's file is to stand", twice.display());
            Err(crate::cli::Usage(what).into())
        }
    }
}

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
pub(super) fn worse(a: u8, b: u8) -> u8 {
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
