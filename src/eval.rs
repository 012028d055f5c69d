//! `karat eval`.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use evaluator::suite;

use crate::clock;
use crate::config::Config;

/// Flags of `karat eval`.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// Suites to run.
    #[arg(required = true, value_name = "SUITE")]
    pub suites: Vec<PathBuf>,
    /// How to report.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub format: ReportFormat,
    /// File for the report; without it, it goes to stdout.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Baseline report to compare with, instead of the suite's own `baseline`.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
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
