//! The command line.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::Config;

/// Measures how pure a GenAI system's answers are.
///
/// karat takes OpenTelemetry traces, prompts and responses into Delta tables, scores them, watches for drift, raises alerts,
/// and shows it all: one binary, no other service.
#[derive(Debug, Parser)]
#[command(name = "karat", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    /// Settings file; without it, `karat.toml` in the working directory is read if it is there.
    #[arg(long, env = "KARAT_CONFIG", global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What karat can be asked to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Starts the collector, the scorers, the monitors and the dashboard.
    Serve(ServeArgs),
    /// Starts karat on four weeks of sample traffic, sent through its own OTLP port.
    Demo(crate::demo::DemoArgs),
    /// Runs one SQL query over a running server or a data directory, and prints the answer.
    Sql(crate::sql::SqlArgs),
    /// Prints every table, view and SQL function with its meaning.
    Schema(crate::sql::SchemaArgs),
    /// Compares what was acked with what was committed and what can be queried, and looks at whatever grows.
    Doctor(crate::doctor::DoctorArgs),
    /// Copies a data directory, whole and consistent, while karat runs on it.
    Backup(crate::backup::BackupArgs),
    /// Puts a backup in the place of a data directory.
    Restore(crate::backup::RestoreArgs),
    /// Sends OTLP from files (JSON, one export request a line) through the way that exporters take; what is there already is left out.
    Import(crate::transfer::ImportArgs),
    /// Writes spans, log records and data points as OTLP, one export request in JSON a line.
    Export(crate::transfer::ExportArgs),
    /// Writes, checks and backtests monitors, and acknowledges and mutes their alerts.
    Monitors(crate::monitors::MonitorsArgs),
    /// Removes what is kept of one person or one session, for good.
    Forget(crate::forget::ForgetArgs),
    /// Runs regression suites: exit 0 pass, 100 regressed, 101 inconclusive, 3 error, 2 configuration, 4 budget.
    Eval(Box<crate::eval::EvalArgs>),
}

/// Flags of `karat serve`.
#[derive(Debug, Clone, Default, Args)]
pub struct ServeArgs {
    /// Directory of the tables and of the write-ahead log.
    #[arg(long, env = "KARAT_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address of OTLP over gRPC; port 0 takes a free one.
    #[arg(long, env = "KARAT_OTLP_GRPC", value_name = "ADDR")]
    pub otlp_grpc: Option<SocketAddr>,
    /// Address of OTLP over HTTP; port 0 takes a free one.
    #[arg(long, env = "KARAT_OTLP_HTTP", value_name = "ADDR")]
    pub otlp_http: Option<SocketAddr>,
    /// Address of the dashboard and the API; port 0 takes a free one.
    #[arg(long, env = "KARAT_HTTP", value_name = "ADDR")]
    pub http: Option<SocketAddr>,
}

impl ServeArgs {
    /// Puts the flags over the settings.
    pub fn apply(&self, config: &mut Config) {
        if let Some(data) = &self.data {
            config.store.data.clone_from(data);
        }
        let addresses =
            [(self.otlp_grpc, &mut config.listen.otlp_grpc), (self.otlp_http, &mut config.listen.otlp_http), (self.http, &mut config.listen.http)];
        for (flag, setting) in addresses {
            if let Some(address) = flag {
                *setting = address;
            }
        }
    }
}

/// Reads the settings and runs the command; returns the exit code.
pub fn run(cli: Cli) -> anyhow::Result<u8> {
    let (mut config, unknown) = Config::read(cli.config.as_deref(), std::env::vars())?;
    let quiet = !matches!(cli.command, Command::Serve(_));
    start_log(&config, quiet)?;
    for name in unknown {
        tracing::warn!(variable = %name, "this variable begins with KARAT_ but names no setting");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(async {
        match cli.command {
            Command::Serve(args) => {
                args.apply(&mut config);
                crate::serve::run(config).await.map(|()| 0)
            }
            Command::Demo(args) => crate::demo::run(config, &args).await,
            Command::Sql(args) => crate::sql::run(&config, &args).await,
            Command::Schema(args) => crate::sql::schema(&args),
            Command::Doctor(args) => crate::doctor::run(&config, &args).await,
            Command::Backup(args) => crate::backup::run(&config, &args).await,
            Command::Restore(args) => crate::backup::restore(&config, &args).await,
            Command::Import(args) => crate::transfer::import(&config, &args).await,
            Command::Export(args) => crate::transfer::export(&config, &args).await,
            Command::Monitors(args) => crate::monitors::run(&config, &args).await,
            Command::Forget(args) => crate::forget::run(&config, &args).await,
            Command::Eval(args) => crate::eval::run(&config, &args).await,
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    code
}

/// Prints an error with its causes, and returns the exit code of a failure.
pub fn report(error: &anyhow::Error) -> ExitCode {
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(stderr, "karat: {error:#}");
    ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
}

/// A mistake in what was asked for, which ends with exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

fn start_log(config: &Config, quiet: bool) -> anyhow::Result<()> {
    let filter = if quiet && config.log.filter == "info" { "warn" } else { &config.log.filter };
    // delta-rs' kernel tells of every snapshot at level info.
    let filter = tracing_subscriber::EnvFilter::try_new(format!("buoyant_kernel=warn,{filter}"))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(true);
    let _ = if config.log.json { log.json().try_init() } else { log.with_ansi(false).try_init() };
    Ok(())
}
