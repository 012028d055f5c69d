//! Suites over ground truth, checks on landing spans, and the verdict with its statistics.
//!
//! `karat eval` is [`cli_eval`]: a suite (`suite`, `dataset`) is answered by targets (`target`), checked (`checks`, `judge`) and
//! decided (`gate`) into a report (`report`). The checks that every landing model call gets are [`online::score_new`].
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests have clocks, tasks and environments of their own"))]

pub mod aa;
pub mod compare;
pub mod config;
pub mod dataset;
pub mod error;
mod fairness;
pub mod git;
pub mod online;
pub mod report;
pub mod suite;
pub mod validate;

mod archive;
mod baseline;
#[cfg(feature = "bedrock")]
mod bedrock;
mod budget;
mod calls;
mod cases;
mod chat;
mod checks;
mod cli;
mod embed;
mod files;
mod filter;
mod gate;
mod history;
mod journal;
mod js;
mod judge;
mod judging;
mod keys;
mod lineage;
mod metrics;
mod nunjucks;
mod price;
mod progress;
mod promptfoo;
mod providers;
mod run;
mod runner;
mod script;
mod server;
mod spec;
mod target;
mod template;
mod trace;

pub use archive::{Archive, Kept, RunRecord};
pub use calls::CallsConfig;
pub use checks::Outcome;
pub use cli::{BatchFiles, EvalArgs, EvalFormat, EvalOutcome, cli_check, cli_eval, read_report, write_outputs};
pub use config::EvaluatorConfig;
#[cfg(feature = "embeddings")]
pub use embed::embed_locally;
pub use error::{Error, ErrorKind};
pub use fairness::{FairnessReport, GroupReport, OthersReport};
pub use filter::Part;
pub use history::find_run;
pub use journal::Resume;
pub use judge::{AnchorVerdict, BatchPlace, CorrectedMean, JudgeReport, Moved};
pub use price::{PricedCall, Prices};
pub use progress::Progress;
pub use report::Report;
pub use run::{Control, Journaling, Options, run, run_suite};
pub use server::Server;
pub use spec::Better;
pub use template::Env;
