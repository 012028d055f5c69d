//! Which cases the command line has run, and how often; the flags are promptfoo's.

use std::ops::Range;

use clap::Args;
use evaluator::{Archive, EvaluatorConfig, Part, find_run};

/// Flags of `karat eval` that choose cases. What they leave out is neither gone nor new in a comparison, and such a run is not kept.
#[derive(Debug, Clone, Args)]
pub struct PartArgs {
    /// How often each case is answered, instead of what the suite says.
    #[arg(long, value_name = "N")]
    pub repeat: Option<u32>,
    /// Run the cases alone whose id or description this regular expression finds; a run with a filter is not kept.
    #[arg(long, value_name = "REGEX")]
    pub filter_pattern: Option<String>,
    /// Run only the first so many cases (promptfoo's tests).
    #[arg(short = 'n', long, value_name = "N")]
    pub filter_first_n: Option<usize>,
    /// Run only the cases (promptfoo's tests) from the place START to before END, counted from 0.
    #[arg(long, value_name = "START:END", value_parser = range)]
    pub filter_range: Option<Range<usize>>,
    /// Run the cases alone that have this value, or a list with it, in this column or in their metadata; more than one may be given.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub filter_metadata: Vec<(String, String)>,
    /// Run the cases alone that failed or could not be judged in this run: a file with its report in JSON, or its id.
    #[arg(long, value_name = "RUN")]
    pub filter_failing: Option<String>,
}

impl PartArgs {
    /// Reads what the flags name.
    pub(super) async fn read(&self, archive: Archive<'_>, config: &EvaluatorConfig) -> anyhow::Result<Part> {
        let ids = match &self.filter_failing {
            Some(run) => Some(find_run(archive, run, config).await?.1.failing()),
            None => None,
        };
        Ok(Part {
            repeat: self.repeat,
            metadata: self.filter_metadata.clone(),
            ids,
            pattern: self.filter_pattern.clone(),
            range: self.filter_range.clone(),
            first: self.filter_first_n,
        })
    }
}

fn range(text: &str) -> Result<Range<usize>, String> {
    let ends = text.split_once(':').and_then(|(start, end)| Some(start.parse().ok()?..end.parse().ok()?));
    ends.filter(|range: &Range<usize>| !range.is_empty()).ok_or_else(|| "write two places, such as 0:100".to_owned())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| "write a column and its value, such as topic=billing".to_owned())?;
    Ok((key.to_owned(), value.to_owned()))
}
