//! Judges' questions that wait: written for a batch, asked as one, and read back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schema::Micros;

use super::{EvalArgs, EvalOutcome, write};
use crate::error::Error;
use crate::git::Git;
use crate::judge::{BatchPlace, Open, read_openai};
use crate::run::{Control, Options, run_suite};
use crate::suite::Suite;

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

/// Takes over what judges answered elsewhere.
pub(super) fn read_batch(args: &EvalArgs<'_>, suite: &Suite) -> Result<(), Error> {
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
    let quiet = Options { config: options.config.clone(), compare: options.compare.clone(), git: Git::default(), control, ..*options };
    run_suite(suite, &quiet, now).await?;
    Ok(suite.batch.take())
}

/// Writes what the judges would be asked; a file a model.
pub(super) async fn write_batch(path: &Path, suite: &Suite, options: &Options<'_>, now: Micros) -> Result<EvalOutcome, Error> {
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
    Ok(EvalOutcome { text, report: None, exit_code: 0, unkept: None })
}

/// Has the judges' own services answer in rounds, until no question is open that they can answer: claims come before their verdicts.
pub(super) async fn ask_batches(place: &BatchPlace, suite: &Suite, options: &Options<'_>, now: Micros) -> Result<(), Error> {
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
