//! `karat doctor`: is what was acked what was committed and what can be queried, and how long will the disk last?

mod findings;
mod kafka;
mod source;
mod trace;

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use findings::{Finding, Level, examine};
use source::Source;

use crate::config::{Config, Role};

/// Flags of `karat doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Data directory to look at, with no server or beside one; without it, the running server is asked.
    #[arg(long, env = "KARAT_DATA", value_name = "DIR", conflicts_with = "url", global = true)]
    pub data: Option<PathBuf>,
    /// Address of a running server, such as http://127.0.0.1:4319; the token is read from KARAT_TOKEN.
    #[arg(long, env = "KARAT_URL", value_name = "URL", global = true)]
    pub url: Option<String>,
    /// Tenant whose rows are counted; `default` if left out, and of a server the one that its token stands for.
    #[arg(long, global = true)]
    pub tenant: Option<String>,
    /// One JSON object instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to look at; everything, if left out.
    #[command(subcommand)]
    pub of: Option<DoctorOf>,
}

/// What `karat doctor` can look at more closely.
#[derive(Debug, Subcommand)]
pub enum DoctorOf {
    /// Says at which stage a trace is.
    Trace {
        /// Its id, 32 hex digits.
        trace_id: String,
    },
}

/// Looks, prints what was found, and returns 1 where something is wrong.
pub async fn run(config: &Config, args: &DoctorArgs) -> anyhow::Result<u8> {
    let source = Source::find(config, args).await?;
    if let Some(DoctorOf::Trace { trace_id }) = &args.of {
        return trace::run(config, args, &source, trace_id).await;
    }
    let standing = source.standing().await?;
    let mut findings = kafka::examine(&standing);
    if standing.role != Role::Gateway {
        let (before, counts, after) = (source.look().await?, source.counts().await?, source.look().await?);
        findings.extend(examine([&before.store, &after.store], &counts, after.tenant.as_str(), config));
        findings.extend(kafka::positions(&source.positions().await?));
    }
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &findings)?;
        writeln!(out)?;
    } else {
        for Finding { level, what, text } in &findings {
            writeln!(out, "{:<5} {what:<12} {text}", level.word())?;
        }
    }
    Ok(u8::from(findings.iter().any(|finding| finding.level == Level::Bad)))
}
